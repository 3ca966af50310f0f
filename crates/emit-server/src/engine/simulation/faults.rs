//! A writer that fails when it is told to, around any other.
//!
//! It keeps a store's promises as [`StoreError`] words them: what is said to be rolled back is, what is unknown may
//! be there or not, and after a stop nothing is taken until a restart.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emit_core::{Job, JobId, Millis, SpaceId, SpaceNo, TokenId};
use emit_store::{Change, Contents, Figures, Matching, Remembered, Result, Space, StoreError, Token, Writer};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::lines::Lines;

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Full,
    Unavailable,
    Unknown,
    Stopped,
}

impl Kind {
    pub(super) const ALL: [Kind; 4] = [Kind::Full, Kind::Unavailable, Kind::Unknown, Kind::Stopped];

    fn error(self, method: &str) -> StoreError {
        let why = format!("{method} was told to fail");
        match self {
            Kind::Full => StoreError::Full(why),
            Kind::Unavailable => StoreError::Unavailable(why),
            Kind::Unknown => StoreError::Unknown(why),
            Kind::Stopped => StoreError::Stopped(why),
        }
    }
}

/// Every method that the engine calls (the others are asked at the start only).
pub(super) const METHODS: &[&str] = &[
    "begin",
    "commit",
    "space",
    "space_numbered",
    "load",
    "claimable",
    "due",
    "next_due",
    "remembered",
    "matching",
    "contents",
    "write",
    "update_space",
    "retain",
    "probe",
];

/// When calls fail.
#[derive(Debug, Clone, Copy)]
pub(super) enum Weather {
    Fine,
    /// Each call with that probability, in any way but a stop, which comes once in a hundred.
    Rough(f64),
    /// That method, from its so many-th call on, so many times.
    Aimed {
        method: &'static str,
        after: usize,
        times: usize,
        kind: Kind,
    },
}

/// What the simulation and its writers share.
pub(super) struct Faults {
    state: Mutex<State>,
    /// Whoever may hang up while a commit is under way.
    pub(super) lines: Lines,
}

struct State {
    rng: StdRng,
    weather: Weather,
    calls: usize,
    failed: usize,
    stopped: bool,
    /// A commit of this process is there though it was said to have failed: nothing of it was published.
    unseen: bool,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Arc<Faults> {
        let rng = StdRng::seed_from_u64(seed);
        let state = State { rng, weather: Weather::Fine, calls: 0, failed: 0, stopped: false, unseen: false };
        Arc::new(Faults { state: Mutex::new(state), lines: Lines::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, weather: Weather) {
        let mut state = self.state();
        state.weather = weather;
        state.calls = 0;
    }

    /// How many calls have failed.
    pub(super) fn failed(&self) -> usize {
        self.state().failed
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.state().stopped
    }

    /// A new process.
    pub(super) fn restart(&self) {
        let mut state = self.state();
        (state.stopped, state.unseen) = (false, false);
    }

    /// Whether something was committed unseen.
    pub(super) fn has_unseen(&self) -> bool {
        self.state().unseen
    }

    /// Whether this call is to fail, and how.
    fn fails(&self, method: &str) -> Option<Kind> {
        let mut state = self.state();
        let weather = state.weather;
        let kind = match weather {
            Weather::Fine => None,
            // Commits fail more often, so that what is remembered meets outcomes that are unknown.
            Weather::Rough(rate)
                if state.rng.random_bool(if method == "commit" { rate.sqrt() } else { rate }) =>
            {
                let some = Kind::ALL[state.rng.random_range(0..3)];
                Some(if state.rng.random_bool(0.01) { Kind::Stopped } else { some })
            }
            Weather::Rough(_) => None,
            Weather::Aimed { method: aimed, after, times, kind } if aimed == method => {
                state.calls += 1;
                (state.calls > after && state.calls <= after + times).then_some(kind)
            }
            // The engine probes only after a failure.
            Weather::Aimed { method: "probe", kind, .. } if method == "commit" && state.failed == 0 => {
                Some(kind)
            }
            Weather::Aimed { .. } => None,
        };
        if let Some(kind) = kind {
            state.failed += 1;
            state.stopped |= kind == Kind::Stopped;
        }
        kind
    }

    fn check(&self, method: &str) -> Result<()> {
        self.fails(method).map_or(Ok(()), |kind| Err(kind.error(method)))
    }

    fn coin(&self) -> bool {
        self.state().rng.random()
    }
}

/// The writer.
pub(super) struct FailingWriter {
    pub(super) inner: Box<dyn Writer>,
    pub(super) faults: Arc<Faults>,
}

/// Methods that fail before they do anything.
macro_rules! pass_on {
    ($(fn $name:ident(&mut self $(, $argument:ident: $kind:ty)*) -> $answer:ty;)*) => {
        $(fn $name(&mut self $(, $argument: $kind)*) -> $answer {
            self.faults.check(stringify!($name))?;
            self.inner.$name($($argument),*)
        })*
    };
}

impl Writer for FailingWriter {
    fn begin(&mut self) -> Result<()> {
        if self.faults.has_stopped() {
            return Err(Kind::Stopped.error("begin"));
        }
        self.faults.check("begin")?;
        self.inner.begin()
    }

    fn commit(&mut self, written: &mut [Change]) -> Result<()> {
        self.faults.lines.some_hang_up(&mut self.faults.state().rng);
        let Some(kind) = self.faults.fails("commit") else { return self.inner.commit(written) };
        let open = matches!(kind, Kind::Unknown | Kind::Stopped);
        if open && self.faults.coin() {
            self.inner.commit(written)?;
            self.faults.state().unseen = true;
        } else {
            self.inner.rollback();
        }
        Err(kind.error("commit"))
    }

    fn rollback(&mut self) {
        self.inner.rollback();
    }

    fn figures(&mut self) -> Figures {
        self.inner.figures()
    }

    /// Fails with a part written.
    fn write(&mut self, now: Millis, changes: &mut [Change]) -> Result<()> {
        let Some(kind) = self.faults.fails("write") else { return self.inner.write(now, changes) };
        let half = changes.len() / 2;
        self.inner.write(now, &mut changes[..half])?;
        Err(kind.error("write"))
    }

    pass_on! {
        fn space(&mut self, id: SpaceId) -> Result<Option<Space>>;
        fn space_numbered(&mut self, no: SpaceNo) -> Result<Option<Space>>;
        fn load(&mut self, ids: &[JobId]) -> Result<Vec<Option<Job>>>;
        fn claimable(&mut self, space: SpaceNo, names: &[Arc<str>], limit: usize, likely: usize) -> Result<Vec<Job>>;
        fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Job>>;
        fn next_due(&mut self) -> Result<Option<Millis>>;
        fn remembered(&mut self, space: SpaceNo, keys: &[Arc<str>], not_before: Millis) -> Result<Vec<Option<Remembered>>>;
        fn matching(&mut self, space: SpaceNo, which: &Matching, limit: usize) -> Result<Vec<Job>>;
        fn contents(&mut self, jobs: &[Job], bytes: usize) -> Result<Vec<Contents>>;
        fn insert_space(&mut self, space: &Space) -> Result<Space>;
        fn update_space(&mut self, space: &Space) -> Result<()>;
        fn delete_space(&mut self, no: SpaceNo) -> Result<()>;
        fn insert_token(&mut self, token: &Token) -> Result<()>;
        fn token(&mut self, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>>;
        fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>>;
        fn has_admin_token(&mut self, now: Millis) -> Result<bool>;
        fn is_new(&mut self) -> Result<bool>;
        fn update_token(&mut self, token: &Token) -> Result<()>;
        fn delete_token(&mut self, id: TokenId) -> Result<()>;
        fn touch_tokens(&mut self, used: &[(TokenId, Millis)]) -> Result<()>;
        fn retain(&mut self, now: Millis, limit: usize) -> Result<bool>;
        fn probe(&mut self) -> Result<()>;
    }
}
