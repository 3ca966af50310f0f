//! What Emit keeps: the seam between the engine and a store, and the stores behind it.
//!
//! The store never decides: it proposes rows, `emit-core` admits, the store commits. Its methods are batch-shaped
//! and blocking (the engine gives each writer a thread of its own). No clock, no randomness and no HTTP may come
//! in here.

pub mod conformance;
pub mod copy;
pub mod neighbours;
pub mod postgres;
pub mod sqlite;

mod asked;
mod change;
mod error;
mod landmarks;
mod page;
mod texts;

use std::sync::Arc;

use emit_core::{Job, JobId, JobNo, Millis, Recorded, SpaceId, SpaceNo, TokenId};

pub use asked::{
    CallbackLane, DueCallback, EndpointLane, EventsPage, Figures, FoundJob, JobsPage, ListQuery, LogQuery,
    Remembered,
};
pub use change::Change;
pub use emit_core::callback::FailingEndpoint;
pub use emit_core::command::Matching;
pub use emit_core::{Contents, LogLine, Space, Token};
pub use error::{Result, StoreError};

/// The one writer of an embedded store, or one lane's of a shared one. Everything between `begin` and `commit` is
/// one transaction; what it reads holds what it has written.
pub trait Writer: Send {
    /// Begins a transaction.
    fn begin(&mut self) -> Result<()>;
    /// Makes it durable. `written`: all changes since `begin`, in order; a store that gives numbers last fills them
    /// in now. On an error it is rolled back, as far as the error says so.
    fn commit(&mut self, written: &mut [Change]) -> Result<()>;
    /// Gives it up.
    fn rollback(&mut self);

    /// The space of that id, unless it is deleted.
    fn space(&mut self, id: SpaceId) -> Result<Option<Space>>;
    /// The space of that number, unless it is deleted.
    fn space_numbered(&mut self, no: SpaceNo) -> Result<Option<Space>>;
    /// Jobs by id, each `None` where there is none (or its space is deleted). The first call of a transaction is for
    /// all jobs that will be changed by name: until the end nobody else changes them.
    fn load(&mut self, ids: &[JobId]) -> Result<Vec<Option<Job>>>;
    /// Jobs that may be claimed, in the order of the contract; with names, only those. `likely`: how many of the same
    /// kind will be asked for in this transaction, so that a store far away fetches them along.
    fn claimable(
        &mut self,
        space: SpaceNo,
        names: &[Arc<str>],
        limit: usize,
        likely: usize,
    ) -> Result<Vec<Job>>;
    /// Jobs that time will change at or before `now`, the earliest first.
    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Job>>;
    /// When to ask for what is due: no later than the next job is. Earlier does no harm.
    fn next_due(&mut self) -> Result<Option<Millis>>;
    /// What each of these idempotency keys stands for, if it was used since `not_before`.
    fn remembered(
        &mut self,
        space: SpaceNo,
        keys: &[Arc<str>],
        not_before: Millis,
    ) -> Result<Vec<Option<Remembered>>>;
    /// Jobs a bulk call means, the oldest first.
    fn matching(&mut self, space: SpaceNo, which: &Matching, limit: usize) -> Result<Vec<Job>>;
    /// What stands beside the rows of these jobs: of as many of the first as hold about `bytes`, at least of one.
    fn contents(&mut self, jobs: &[Job], bytes: usize) -> Result<Vec<Contents>>;

    /// Takes changes: rows, events, logs, counts. Whatever is read from here on holds them. Their events get numbers
    /// here or in `commit` (per space: the next ones, in this order; `timestamp` the later of `now` and the space's
    /// last).
    fn write(&mut self, now: Millis, changes: &mut [Change]) -> Result<()>;

    /// Writes a new space and answers it with its number.
    fn insert_space(&mut self, space: &Space) -> Result<Space>;
    /// Writes a space's settings (and nothing else of it).
    fn update_space(&mut self, space: &Space) -> Result<()>;
    /// Makes a space and its keys unreadable; its rows go later, in `retain`.
    fn delete_space(&mut self, no: SpaceNo) -> Result<()>;
    /// Writes a new key.
    fn insert_token(&mut self, token: &Token) -> Result<()>;
    /// The key of that id among those of a space, or of none.
    fn token(&mut self, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>>;
    /// The key with that hash.
    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>>;
    /// Whether there is any key with the scope `admin` that has not expired.
    fn has_admin_token(&mut self, now: Millis) -> Result<bool>;
    /// Whether no space was ever made.
    fn is_new(&mut self) -> Result<bool>;
    /// Writes a key's `expires_at` and `secret`.
    fn update_token(&mut self, token: &Token) -> Result<()>;
    /// Deletes a key.
    fn delete_token(&mut self, id: TokenId) -> Result<()>;
    /// Notes when keys were last used.
    fn touch_tokens(&mut self, used: &[(TokenId, Millis)]) -> Result<()>;

    /// Drops at most about `limit` rows of what retention no longer keeps: events from the oldest on, ended jobs
    /// with their last word, deleted spaces, old idempotency keys, expired keys. Answers whether there is more. In a
    /// transaction of its own.
    fn retain(&mut self, now: Millis, limit: usize) -> Result<bool>;
    /// Writes and changes nothing: whether writing works again shows in the commit.
    fn probe(&mut self) -> Result<()>;
    /// What the store has done and holds, for its operator. Asked about once a second.
    fn figures(&mut self) -> Figures;
}

/// One read connection: for people and streams, never waits for the writer. Each method reads one moment.
pub trait Reader: Send {
    /// A job and what stands beside it.
    fn job(&mut self, id: JobId) -> Result<Option<FoundJob>>;
    /// A page of a space's jobs. Stops early when the contents pass `bytes`.
    fn jobs(&mut self, space: SpaceId, query: &ListQuery, bytes: usize) -> Result<Option<JobsPage>>;
    /// The latest events of a job, ascending: at most `limit` and about `bytes`.
    fn latest_events(&mut self, job: &Job, limit: usize, bytes: usize) -> Result<Vec<Recorded>>;
    /// A job's events after a position, at most `limit` and about `bytes`; `None` if the job is gone.
    fn job_events(&mut self, id: JobId, after: i64, limit: usize, bytes: usize)
    -> Result<Option<EventsPage>>;
    /// A space's events after a position; `None` if the space is gone.
    fn space_events(
        &mut self,
        no: SpaceNo,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Option<EventsPage>>;
    /// Lines of a job's log, and whether others follow.
    fn logs(&mut self, job: JobNo, query: &LogQuery, bytes: usize) -> Result<(Vec<LogLine>, bool)>;
    /// A space.
    fn space(&mut self, id: SpaceId) -> Result<Option<Space>>;
    /// Spaces in the order of their creation, after that one.
    fn spaces(&mut self, after: Option<SpaceId>, limit: usize) -> Result<Vec<Space>>;
    /// Since when the job that has waited longest for a worker could be claimed; `None`: none can.
    fn oldest_available(&mut self, space: SpaceNo) -> Result<Option<Millis>>;
    /// Keys of a space, or those bound to none, in the order of their creation, after that one.
    fn tokens(&mut self, space: Option<SpaceNo>, after: Option<TokenId>, limit: usize) -> Result<Vec<Token>>;
    /// The key with that hash.
    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>>;
    /// At most `lanes` lanes after that one, in order, each with at most `each` callbacks that are due. A store of
    /// many nodes shows them to one node at a time: who is shown one tries it.
    fn callback_lanes(
        &mut self,
        now: Millis,
        after: &EndpointLane,
        lanes: usize,
        each: usize,
    ) -> Result<Vec<CallbackLane>>;
    /// When the first callback after that time is due.
    fn next_callback(&mut self, after: Millis) -> Result<Option<Millis>>;
    /// A space's failing endpoints in the order of their names, after that one.
    fn failing_endpoints(
        &mut self,
        space: SpaceNo,
        after: &str,
        limit: usize,
    ) -> Result<Vec<FailingEndpoint>>;
    /// Whether the store can be read.
    fn ping(&mut self) -> Result<()>;
}

/// A store: what opens writers and readers.
pub trait Store: Send + Sync {
    /// A writer for everything. An embedded store has no other.
    fn writer(&self) -> Result<Box<dyn Writer>>;
    /// The writers, one a lane: see [`lane_of`].
    fn writers(&self) -> Result<Vec<Box<dyn Writer>>> {
        Ok(vec![self.writer()?])
    }
    /// The other nodes on this store; an embedded store has none.
    fn neighbours(&self) -> Result<Option<neighbours::Neighbours>> {
        Ok(None)
    }
    /// One more reader.
    fn reader(&self) -> Result<Box<dyn Reader>>;
}

/// Which of so many lanes a space belongs to, on every node: one writer after the other numbers its events, and the
/// lanes of a node never wait for each other.
pub fn lane_of(space: SpaceId, lanes: usize) -> usize {
    // The lowest byte of an id is random.
    (space.0 & 0xff) as usize % lanes.max(1)
}
