//! Other nodes on the same store: what happens here is told to them, and what happens there is looked at here.
//!
//! Hints come fast and may be lost; a look a second makes up for it. So whatever is in here decides only how soon
//! something is seen, never whether. No domain rule and no socket of a client may come in.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use emit_core::{Millis, SpaceNo, TokenId};
use emit_store::neighbours::{Hint, Listener, Neighbours, Speaker};
use emit_store::{Change, Reader};

use crate::engine::{Engine, Shared};
use crate::realtime::Position;

/// What a lost hint costs at most, besides the look itself.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Between two notices: hints of a busy node travel together.
const SPEAK_GAP: Duration = Duration::from_millis(2);
/// Events fetched at once, and their bytes.
const PAGE: (usize, usize) = (1_000, 1 << 20);

/// What the other nodes are to be told. Without other nodes it takes nothing.
#[derive(Debug, Default)]
pub struct Outbox {
    is_open: bool,
    /// Lanes put in, the speaker takes out.
    gathered: Mutex<Gathered>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Gathered {
    reached: HashMap<SpaceNo, i64>,
    woken: HashSet<SpaceNo>,
    administered: bool,
    closed: bool,
}

impl Outbox {
    /// One whose contents are told.
    pub(crate) fn open() -> Outbox {
        Outbox { is_open: true, ..Outbox::default() }
    }

    /// Takes note of a commit.
    pub(crate) fn committed(&self, written: &[Change], woken: &HashSet<SpaceNo>, administered: bool) {
        if !self.is_open || (written.is_empty() && woken.is_empty() && !administered) {
            return;
        }
        let mut gathered = self.gathered();
        for event in written.iter().flat_map(|change| &change.recorded) {
            let reached = gathered.reached.entry(event.space).or_default();
            *reached = event.seq.max(*reached);
        }
        gathered.woken.extend(woken);
        gathered.administered |= administered;
        self.news.notify_one();
    }

    /// Everything since the last call, waiting for it; nothing once it is closed.
    fn take(&self) -> Option<Gathered> {
        let is_empty = |gathered: &mut Gathered| {
            gathered.reached.is_empty()
                && gathered.woken.is_empty()
                && !gathered.administered
                && !gathered.closed
        };
        let waited = self.news.wait_while(self.gathered(), is_empty);
        let mut gathered = waited.unwrap_or_else(PoisonError::into_inner);
        let closed = gathered.closed;
        (!closed).then(|| std::mem::take(&mut *gathered))
    }

    fn close(&self) {
        self.gathered().closed = true;
        self.news.notify_all();
    }

    fn gathered(&self) -> MutexGuard<'_, Gathered> {
        self.gathered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gathered {
    fn hints(&self) -> Vec<Hint> {
        let reached = self.reached.iter().map(|(space, seq)| Hint::Reached { space: *space, seq: *seq });
        let woken = self.woken.iter().map(|space| Hint::Woken { space: *space });
        let administered = self.administered.then_some(Hint::Administered);
        administered.into_iter().chain(woken).chain(reached).collect()
    }
}

/// What a node does about its neighbours: two threads, until it is dropped.
pub(crate) struct Neighbourhood {
    outbox: Arc<Outbox>,
    over: Arc<AtomicBool>,
}

impl Neighbourhood {
    /// Begins to tell and to listen. `reader`: for the events of others.
    pub(crate) fn start(
        Neighbours { speaker, listener }: Neighbours,
        reader: Box<dyn Reader>,
        engine: Engine,
        shared: Shared,
    ) -> std::io::Result<Neighbourhood> {
        let over = Arc::new(AtomicBool::new(false));
        let outbox = shared.outbox.clone();
        let told = (outbox.clone(), engine.clone());
        std::thread::Builder::new().name("speaker".into()).spawn(move || speak(speaker, &told.0, &told.1))?;
        let watch = Watch { listener, reader, engine, shared, administered: None, over: over.clone() };
        std::thread::Builder::new().name("listener".into()).spawn(move || watch.run())?;
        Ok(Neighbourhood { outbox, over })
    }
}

impl Drop for Neighbourhood {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        self.outbox.close();
    }
}

fn speak(mut speaker: Box<dyn Speaker>, outbox: &Outbox, engine: &Engine) {
    while let Some(gathered) = outbox.take() {
        if engine.lanes() > 1 {
            // A lane may have woken a space of another: a job's space is not always known beforehand.
            gathered.woken.iter().for_each(|space| engine.nudge(*space));
        }
        if let Err(error) = speaker.tell(&gathered.hints()) {
            tracing::debug!(%error, "other nodes could not be told: they will look for themselves");
        }
        std::thread::sleep(SPEAK_GAP);
    }
}

/// What became of keys that streams here were opened with.
struct Keys {
    living: Vec<(TokenId, Option<Millis>)>,
    gone: HashSet<TokenId>,
}

struct Watch {
    listener: Box<dyn Listener>,
    reader: Box<dyn Reader>,
    engine: Engine,
    shared: Shared,
    /// The mark at the last look.
    administered: Option<i64>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn run(mut self) {
        let mut look_at = Instant::now();
        while !self.over.load(Ordering::Acquire) {
            let done = self.turn(&mut look_at);
            if let Err(error) = done {
                tracing::debug!(%error, "other nodes cannot be heard");
                // What cannot be asked may have been revoked.
                self.shared.keyring.forget_all();
                look_at = Instant::now();
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    }

    fn turn(&mut self, look_at: &mut Instant) -> emit_store::Result<()> {
        let heard = self.listener.hear(look_at.saturating_duration_since(Instant::now()))?;
        let mut gathered = Gathered::default();
        for hint in heard {
            match hint {
                Hint::Reached { space, seq } => {
                    let reached = gathered.reached.entry(space).or_default();
                    *reached = seq.max(*reached);
                }
                Hint::Woken { space } => drop(gathered.woken.insert(space)),
                Hint::Administered => gathered.administered = true,
            }
        }
        gathered.woken.iter().for_each(|space| self.engine.nudge(*space));
        for (space, seq) in gathered.reached {
            self.follow(space, seq)?;
        }
        if gathered.administered || *look_at <= Instant::now() {
            self.look()?;
            *look_at = Instant::now() + LOOK_EVERY;
        }
        Ok(())
    }

    /// A space has reached that number somewhere: whoever watches it here is given what is new.
    fn follow(&mut self, space: SpaceNo, seq: i64) -> emit_store::Result<()> {
        match self.shared.hub.position(space) {
            Position::Unwatched => Ok(()),
            Position::At(at) if at >= seq => Ok(()),
            Position::At(at) => self.fetch(space, at),
            // From the present on; whoever has not seen everything until then reads the store himself.
            Position::Unknown => {
                for (space, seq) in self.listener.positions(&[space])? {
                    self.shared.hub.begin_at(space, seq);
                }
                Ok(())
            }
        }
    }

    fn fetch(&mut self, space: SpaceNo, mut after: i64) -> emit_store::Result<()> {
        loop {
            let Some(page) = self.reader.space_events(space, after, PAGE.0, PAGE.1)? else {
                self.space_deleted(space);
                return Ok(());
            };
            match page.events.last() {
                Some(last) => after = last.seq,
                None => {
                    // Retention was faster than we.
                    self.shared.hub.begin_at(space, page.position);
                    return Ok(());
                }
            }
            self.shared.hub.catch_up(space, &page.events);
            if !page.more {
                return Ok(());
            }
        }
    }

    /// Everything that hints tell of, without hints.
    fn look(&mut self) -> emit_store::Result<()> {
        let administered = self.listener.administered()?;
        let is_news = self.administered != Some(administered);
        // A stream whose space is gone has to say so, although its key is gone with it: keys are read before spaces,
        // and told of after them.
        let keys = if is_news { Some(self.read_keys()?) } else { None };
        let followed = self.shared.hub.followed();
        let numbers: Vec<SpaceNo> = followed.iter().copied().collect();
        let mut gone = followed;
        if !numbers.is_empty() {
            for (space, seq) in self.listener.positions(&numbers)? {
                gone.remove(&space);
                match self.shared.hub.position(space) {
                    Position::Unknown => self.shared.hub.begin_at(space, seq),
                    _ => self.follow(space, seq)?,
                }
            }
        }
        gone.into_iter().for_each(|space| self.space_deleted(space));
        if let Some(keys) = keys {
            self.shared.keyring.forget_all();
            self.shared.keyring.look_again();
            self.tell_of_keys(keys);
            self.read_settings()?;
            self.administered = Some(administered);
        }
        self.engine.nudge_all();
        Ok(())
    }

    /// The keys of streams here: when each ends, or that it is gone.
    fn read_keys(&mut self) -> emit_store::Result<Keys> {
        let mut gone = self.shared.hub.keys();
        let keys: Vec<_> = gone.iter().copied().collect();
        let living = if keys.is_empty() { Vec::new() } else { self.listener.living(&keys)? };
        for (key, _) in &living {
            gone.remove(key);
        }
        Ok(Keys { living, gone })
    }

    /// Streams whose keys were revoked, or are to end earlier.
    fn tell_of_keys(&self, keys: Keys) {
        for (key, expires_at) in keys.living {
            if let Some(at) = expires_at {
                let left_ms = at.saturating_sub(self.shared.clock.now()).max(0) as u64;
                self.shared.hub.token_expires(key, Duration::from_millis(left_ms));
            }
        }
        keys.gone.into_iter().for_each(|key| self.shared.hub.token_revoked(key));
    }

    /// What spaces send outside, and which are gone. A messenger that would do the same goes on.
    fn read_settings(&mut self) -> emit_store::Result<()> {
        let (mut after, mut living) = (None, HashSet::new());
        loop {
            let spaces = self.reader.spaces(after, PAGE.0)?;
            for space in &spaces {
                living.insert(space.no);
                self.shared.outlet.settings_changed(space);
            }
            if spaces.len() < PAGE.0 {
                break;
            }
            after = spaces.last().map(|space| space.id);
        }
        self.shared.outlet.spaces_living(&living);
        Ok(())
    }

    fn space_deleted(&self, space: SpaceNo) {
        self.shared.keyring.forget_space(space);
        self.shared.hub.space_deleted(space);
        self.shared.outlet.space_deleted(space);
        // Polls that wait there are told.
        self.engine.nudge(space);
    }
}
