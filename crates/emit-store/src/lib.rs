//! What Emit keeps: the seam between the engine and a store, and the stores behind it.
//!
//! The store never decides: it proposes rows, `emit-core` admits, the store commits. Its methods are batch-shaped
//! and blocking (the engine gives each writer a thread of its own). No clock, no randomness and no HTTP may come
//! in here.

pub mod conformance;
pub mod neighbours;
pub mod postgres;
pub mod sqlite;

mod landmarks;
mod page;
mod texts;

use std::fmt;
use std::sync::Arc;

use emit_core::callback::{CallbackChange, Failure};
use emit_core::outbound::Outbound;
use emit_core::{
    Event, EventType, Job, JobId, JobNo, Millis, RawJson, Recorded, Scopes, SpaceId, SpaceNo, Status,
    TokenId, Transition,
};

/// Why a store did not do what it was asked to. Unexpected, unlike a refusal.
#[derive(Debug, Clone)]
pub enum StoreError {
    /// No space on the disk; the transaction is certainly rolled back. Heals by itself.
    Full(String),
    /// The statement failed before the commit; certainly rolled back.
    Unavailable(String),
    /// The commit failed and may be on disk or not.
    Unknown(String),
    /// A sync failed: nothing more is taken until a restart rereads the truth.
    Stopped(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(why) => write!(f, "the disk is full: {why}"),
            StoreError::Unavailable(why) => write!(f, "the store cannot be used: {why}"),
            StoreError::Unknown(why) => write!(f, "the commit failed: {why}"),
            StoreError::Stopped(why) => write!(f, "the store takes no writes until a restart: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What store methods answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A space, with what its commits keep up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Its number, 0 until it is written.
    pub no: SpaceNo,
    /// Its public id.
    pub id: SpaceId,
    /// 1 to 200 characters.
    pub name: String,
    /// Hands out no jobs.
    pub paused: bool,
    /// 0 to 3,650: how long ended jobs and events are kept.
    pub retention_days: i64,
    /// Most jobs that may wait.
    pub max_pending: Option<i64>,
    /// Delivery timeouts of one attempt until the job is dead.
    pub max_deliveries: Option<u32>,
    /// What it signs with and sends. Shared: spaces are copied a lot, and this rarely changes.
    pub outbound: Arc<Outbound>,
    /// When it was created.
    pub created_at: Millis,
    /// The newest event's number; 0 before the first.
    pub seq: i64,
    /// The oldest kept event's number; `seq + 1` when none is kept.
    pub oldest_seq: i64,
    /// The newest event's time, or the space's creation.
    pub last_at: Millis,
    /// Jobs by status.
    pub counts: [i64; 7],
}

impl Space {
    /// Jobs that wait for a worker or their time.
    pub fn waiting(&self) -> i64 {
        self.counts[Status::Scheduled as usize] + self.counts[Status::Pending as usize]
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its public id.
    pub id: TokenId,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The secret itself: only for a space's public token.
    pub secret: Option<String>,
    /// What its owner calls it.
    pub name: String,
    /// The scopes' names as they were granted.
    pub scope_names: Vec<String>,
    /// What they open.
    pub scopes: Scopes,
    /// The space it is bound to.
    pub space: Option<(SpaceNo, SpaceId)>,
    /// The job it is bound to.
    pub job: Option<JobId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Millis>,
}

impl Token {
    /// Whether it is made to be published: a space's public key (also while its successor is known already), or one
    /// for a single job. What such keys may do is bounded per address.
    pub fn is_in_many_hands(&self) -> bool {
        self.job.is_some() || self.scopes == Scopes::PROGRESS
    }
}

/// A log line, numbered from 1 within its job.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Its number; 0 until it is written.
    pub line: i64,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    /// What it says.
    pub message: String,
    /// When, by the worker's clock or ours.
    pub at: Millis,
    /// A JSON object.
    pub fields: Option<RawJson>,
}

/// What one command makes of one job: written as a whole or not at all.
#[derive(Debug, Clone)]
pub struct Change {
    /// The job afterwards. The store fills in `no` (of a new job) and `seq`.
    pub job: Job,
    /// The status before, or `None` for a new job.
    pub before: Option<Status>,
    /// When time alone would have changed the job before.
    pub due_before: Option<Millis>,
    /// What happened. The store numbers it: see `recorded`.
    pub events: Vec<Event>,
    /// A new payload.
    pub payload: Option<RawJson>,
    /// The fingerprint to remember under the job's idempotency key (new jobs).
    pub fingerprint: Option<[u8; 32]>,
    /// Log lines, the first of which gets number `job.log_lines - logs.len() + 1`.
    pub logs: Vec<LogLine>,
    /// Forget payload, result, logs, the data of all events and the idempotency key.
    pub erase: bool,
    /// What becomes of the callback of the job's end.
    pub callback: CallbackChange,
    /// The events with their numbers, after `write`.
    pub recorded: Vec<Recorded>,
}

impl Change {
    /// Whether it leaves the job where it stands: reports of a running job, the hottest of all.
    pub(crate) fn only_touches(&self) -> bool {
        self.before == Some(self.job.status)
            && self.events.iter().all(|event| {
                matches!(
                    event.kind,
                    EventType::Progress
                        | EventType::Checkpoint
                        | EventType::Custom
                        | EventType::Log
                        | EventType::CallbackSent
                        | EventType::CallbackFailed
                )
            })
            && !self.job.status.is_waiting()
    }
}

impl Change {
    /// What a transition of a job, or to a new one, means to the store.
    pub fn of(before: Option<&Job>, transition: Transition) -> Change {
        Change {
            before: before.map(|job| job.status),
            due_before: before.and_then(Job::due_at),
            job: transition.job,
            events: transition.events,
            payload: transition.payload,
            fingerprint: None,
            logs: Vec::new(),
            erase: transition.erase,
            callback: transition.callback,
            recorded: Vec::new(),
        }
    }
}

/// What stands beside a job's row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// As sent.
    pub payload: Option<RawJson>,
    /// The latest progress.
    pub progress: Option<RawJson>,
    /// When it was reported.
    pub progress_at: Option<Millis>,
    /// The latest checkpoint.
    pub checkpoint: Option<RawJson>,
    /// The result, or what it died or was killed of.
    pub result: Option<RawJson>,
}

impl Contents {
    /// How long all of it is.
    pub fn bytes(&self) -> usize {
        let bodies = [&self.payload, &self.progress, &self.checkpoint, &self.result];
        bodies.into_iter().flatten().map(|body| body.len()).sum()
    }
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// SHA-256 of the body that made the job.
    pub fingerprint: [u8; 32],
    /// The job.
    pub job: JobId,
}

/// Which jobs a bulk call means.
#[derive(Debug, Clone)]
pub struct Matching {
    /// Their status.
    pub status: Status,
    /// Their name.
    pub name: Option<String>,
    /// Created before.
    pub created_before: Option<Millis>,
}

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
    /// Of no fewer than fit; a store that asks for all at once may give all.
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

/// What a store has done since it was opened, and holds; zeros where it has no such thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Rows that retention has dropped.
    pub retained_rows: u64,
    /// Times that the write-ahead log was moved into the file.
    pub checkpoints: u64,
    /// Times that this failed, or moved less than all of it.
    pub checkpoints_failed: u64,
    /// The file's size.
    pub file_bytes: u64,
    /// The write-ahead log's size.
    pub log_bytes: u64,
}

/// Events after a position, in order.
#[derive(Debug, Clone, Default)]
pub struct EventsPage {
    /// The events.
    pub events: Vec<Recorded>,
    /// The space's newest number at the moment of reading: with `more` false, everything up to it is here.
    pub position: i64,
    /// The space's oldest kept number.
    pub oldest: i64,
    /// The newest event's time.
    pub last_at: Millis,
    /// Others follow.
    pub more: bool,
}

/// A job as people read it.
#[derive(Debug, Clone)]
pub struct FoundJob {
    /// The row.
    pub job: Job,
    /// Its space at the same moment.
    pub space: Space,
    /// What stands beside the row.
    pub contents: Contents,
}

/// Which page of a space's jobs.
#[derive(Debug, Clone, Default)]
pub struct ListQuery {
    /// Any of these statuses; empty: all.
    pub statuses: Vec<Status>,
    /// This name.
    pub name: Option<String>,
    /// This tag.
    pub tag: Option<(String, String)>,
    /// Only these.
    pub ids: Option<Vec<JobId>>,
    /// At most that many.
    pub limit: usize,
    /// Older than this one.
    pub before: Option<JobNo>,
    /// Skip that many.
    pub offset: usize,
    /// Read payloads.
    pub payloads: bool,
    /// Read results.
    pub results: bool,
}

/// A page of a space's jobs, newest first.
#[derive(Debug, Clone)]
pub struct JobsPage {
    /// The jobs.
    pub jobs: Vec<(Job, Contents)>,
    /// Their space at the same moment.
    pub space: Space,
    /// Older ones follow.
    pub more: bool,
}

/// Which lines of a job's log.
#[derive(Debug, Clone, Default)]
pub struct LogQuery {
    /// After this line.
    pub after: i64,
    /// At most that many.
    pub limit: usize,
    /// Only these levels; empty: all.
    pub levels: Vec<u8>,
    /// Only messages that contain this.
    pub contains: Option<String>,
}

/// What callbacks to one endpoint (scheme, host and port) from one space share, so that they wait for each other
/// and for nobody else.
pub type Lane = (SpaceNo, String);

/// A callback that is to be tried now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueCallback {
    /// The job whose end is to be told.
    pub job: JobId,
    /// Tries so far.
    pub tries: u32,
}

/// A lane in which callbacks wait.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackLane {
    /// Which.
    pub lane: Lane,
    /// Those that are due, the longest first; empty when all of them have time.
    pub due: Vec<DueCallback>,
}

/// An endpoint that did not take what it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct FailingEndpoint {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Callbacks that failed and will be tried again.
    pub waiting: i64,
    /// Callbacks of which no further try comes.
    pub given_up: i64,
    /// When the next try is due.
    pub next_try_at: Option<Millis>,
    /// The latest failure.
    pub last: Failure,
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
        after: &Lane,
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
