//! A lane's connection: made anew when it is lost, at a growing distance, and with a way to find out what became of
//! a commit whose answer never came.

use std::collections::HashMap;
use std::time::Duration;

use emit_core::SpaceNo;
use tokio::time::Instant;

use super::connect::Address;
use super::flush::Mark;
use super::pending::Base;
use super::rows::Uuid;
use super::session::{Session, Trouble};
use crate::{Result, StoreError};

/// Between two tries to connect, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// So long it is tried to find out what became of a commit; then the answer is that nobody knows.
const FIND_OUT: Duration = Duration::from_secs(5);

pub(super) struct Link {
    address: Address,
    session: Option<Session>,
    /// Under which name this lane leaves its marks.
    lane: Uuid,
    /// The last commit's number.
    batch: i64,
    /// The server's process behind the session, and when it was started.
    backend: (i32, String),
    retry: Retry,
}

/// Tries to connect, at a growing distance. Whoever asks before the next try is told at once.
pub(super) struct Retry {
    at: Instant,
    backoff: Duration,
}

impl Retry {
    pub(super) fn new() -> Retry {
        Retry { at: Instant::now(), backoff: BACKOFF.0 }
    }

    pub(super) fn run<T>(&mut self, connect: impl FnOnce() -> Result<T>) -> Result<T> {
        if Instant::now() < self.at {
            return Err(StoreError::Unavailable("the database cannot be reached".into()));
        }
        match connect() {
            Ok(connected) => {
                self.backoff = BACKOFF.0;
                Ok(connected)
            }
            Err(why) => {
                self.at = Instant::now() + self.backoff;
                self.backoff = (self.backoff * 2).min(BACKOFF.1);
                Err(why)
            }
        }
    }
}

impl Link {
    pub(super) fn start(address: Address) -> Result<Link> {
        let session = Session::connect(&address)?;
        let lane = super::fresh_uuid(&session)?;
        let backend = backend(&session)?;
        let session = Some(session);
        Ok(Link { address, session, lane, batch: 0, backend, retry: Retry::new() })
    }

    /// Sees to it that there is a connection.
    pub(super) fn ready(&mut self) -> Result<()> {
        if self.session.as_ref().is_some_and(|session| !session.is_lost()) {
            return Ok(());
        }
        self.session = None;
        let address = &self.address;
        let (backend, session) = self.retry.run(|| {
            let session = Session::connect(address)?;
            Ok((backend(&session)?, session))
        })?;
        self.backend = backend;
        self.session = Some(session);
        Ok(())
    }

    pub(super) fn session(&self) -> Result<&Session> {
        self.session.as_ref().ok_or_else(|| StoreError::Unavailable("there is no connection".into()))
    }

    pub(super) fn next_mark(&mut self) -> Mark {
        self.batch += 1;
        Mark { lane: self.lane, batch: self.batch }
    }

    /// What became of a commit during which the connection was lost: the spaces' counters before it, if it is there.
    /// `numbers`: all spaces it locked, in order.
    pub(super) fn find_out(&mut self, mark: Mark, numbers: &[SpaceNo]) -> Result<HashMap<SpaceNo, Base>> {
        self.session = None;
        let unknown = |why: &dyn std::fmt::Display| {
            StoreError::Unknown(format!("the connection was lost during a commit, and then: {why}"))
        };
        let session = Session::connect_within(&self.address, FIND_OUT).map_err(|why| unknown(&why))?;
        let found = self.read_mark(&session).map_err(|why| unknown(&why))?;
        self.backend = backend(&session).map_err(|why| unknown(&why))?;
        self.session = Some(session);
        match found {
            Some((batch, bases)) if batch == mark.batch && bases.len() == numbers.len() => {
                Ok(numbers.iter().copied().zip(bases).collect())
            }
            Some((batch, _)) if batch < mark.batch => Err(rolled_back()),
            None if mark.batch == 1 => Err(rolled_back()),
            _ => Err(unknown(&"its mark cannot be read")),
        }
    }

    /// Ends the old server process, so that its commit is either there or never will be, and reads the lane's mark.
    fn read_mark(&self, session: &Session) -> Result<Option<(i64, Vec<Base>)>> {
        let (pid, started) = &self.backend;
        let mut looks = FIND_OUT.as_millis() / 100;
        loop {
            let alive = session.query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                 WHERE pid = $1 AND backend_start::text = $2 AND pid <> pg_backend_pid()",
                &[pid, started],
            )?;
            if alive.is_empty() {
                break;
            }
            looks -= 1;
            if looks == 0 {
                // It may be within the sync of its commit.
                return Err(StoreError::Unavailable("its server process does not end".into()));
            }
            session.query("SELECT pg_sleep(0.1)", &[])?;
        }
        // Written and not only read: after a crash the primary shows what its synchronous standby may not have yet.
        // A commit of our own returns when the standby has everything before it.
        let sql = "UPDATE lanes SET at = at WHERE id = $1 RETURNING batch, bases, times";
        let row = session.row(sql, &[&self.lane])?;
        let Some(row) = row else { return Ok(None) };
        let read = || Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?));
        let (batch, seqs, times): (i64, Vec<i64>, Vec<i64>) = read().map_err(Trouble::from)?;
        let bases = seqs.into_iter().zip(times).map(|(seq, last_at)| Base { seq, last_at }).collect();
        Ok(Some((batch, bases)))
    }
}

fn rolled_back() -> StoreError {
    StoreError::Unavailable("the connection was lost during a commit, which did not happen".into())
}

fn backend(session: &Session) -> Result<(i32, String)> {
    let row = session
        .row("SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()", &[])?;
    let read =
        |row: tokio_postgres::Row| Ok::<_, super::session::Trouble>((row.try_get(0)?, row.try_get(1)?));
    Ok(row.map_or(Ok((0, String::new())), read)?)
}
