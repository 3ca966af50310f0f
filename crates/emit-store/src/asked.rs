//! What a store is asked for, and what it finds.

use emit_core::{Contents, Job, JobId, JobNo, Millis, Recorded, Space, SpaceNo, Status};

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Remembered {
    /// SHA-256 of the body that made the job.
    pub fingerprint: [u8; 32],
    /// The job.
    pub job: JobId,
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
pub type EndpointLane = (SpaceNo, String);

/// A callback that is to be tried now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueCallback {
    /// The job whose end is to be told.
    pub job: JobId,
    /// The job's `callback_round`.
    pub round: u32,
    /// Tries so far, in that round.
    pub tries: u32,
}

/// A lane in which callbacks wait.
#[derive(Debug, Clone, PartialEq)]
pub struct CallbackLane {
    /// Which.
    pub lane: EndpointLane,
    /// Those that are due, the longest first; empty when all of them have time.
    pub due: Vec<DueCallback>,
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
