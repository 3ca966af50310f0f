//! A job's state.

use std::sync::Arc;

use crate::callback::Callback;
use crate::command::NewJob;
use crate::event::EventType;
use crate::ids::{DeliveryId, JobId, JobNo, SpaceNo};
use crate::retry::Backoff;
use crate::time::Millis;

/// Where a job stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Status {
    /// Waits for `scheduledFor`.
    Scheduled = 0,
    /// Waits for a worker (or for the end of a retry's delay).
    Pending = 1,
    /// A worker has it and has not acked yet.
    Delivered = 2,
    /// A worker has acked: an attempt is under way.
    Running = 3,
    /// Ended well.
    Completed = 4,
    /// Ended without success.
    Dead = 5,
    /// Ended by an operator.
    Killed = 6,
}

impl Status {
    /// All statuses, in the order of their numbers.
    pub const ALL: [Status; 7] = [
        Status::Scheduled,
        Status::Pending,
        Status::Delivered,
        Status::Running,
        Status::Completed,
        Status::Dead,
        Status::Killed,
    ];

    /// Whether the job's life is over (but for a requeue).
    pub fn is_terminal(self) -> bool {
        self >= Status::Completed
    }

    /// Whether the job waits for a worker.
    pub fn is_waiting(self) -> bool {
        self <= Status::Pending
    }

    /// Whether a worker holds the job.
    pub fn is_held(self) -> bool {
        matches!(self, Status::Delivered | Status::Running)
    }

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Scheduled => "scheduled",
            Status::Pending => "pending",
            Status::Delivered => "delivered",
            Status::Running => "running",
            Status::Completed => "completed",
            Status::Dead => "dead",
            Status::Killed => "killed",
        }
    }

    /// The status of that word.
    pub fn from_word(word: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// The status of that number.
    pub fn from_number(number: u8) -> Option<Status> {
        Status::ALL.get(usize::from(number)).copied()
    }
}

impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What was said at creation and never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// 1 to 200 characters.
    pub name: Arc<str>,
    /// Running timeout, 1 s to a day.
    pub timeout_ms: Millis,
    /// Delivery timeout, at most `timeout_ms`.
    pub delivery_timeout_ms: Millis,
    /// Delay before a retry.
    pub backoff: Backoff,
    /// A JSON object of strings, as text; `None` if absent.
    pub tags: Option<Arc<str>>,
    /// The creator's idempotency key.
    pub idempotency_key: Option<Arc<str>>,
    /// W3C trace context of the create request, handed to the worker.
    pub traceparent: Option<Arc<str>>,
    /// Where its end is told.
    pub callback: Option<Callback>,
}

/// How a worker ended a delivery: lets a repeated report be recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Ending {
    /// By `complete`.
    Completed = 1,
    /// By `fail`.
    Failed = 2,
    /// By `release`.
    Released = 3,
}

/// A job's row. Flat on purpose: back in `pending`, the contract keeps the last attempt's values on show.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The number in the store; 0 until it is written.
    pub no: JobNo,
    /// The public id.
    pub id: JobId,
    /// The space it belongs to.
    pub space: SpaceNo,
    /// What never changes.
    pub spec: Arc<Spec>,
    /// Where it stands.
    pub status: Status,
    /// Pending and free to be claimed now (no delay runs).
    pub available: bool,
    /// −100 to 100, higher first.
    pub priority: i64,
    /// 0 to 25.
    pub max_retries: u32,
    /// The attempt under way, from 0.
    pub attempt_number: u32,
    /// Deliveries since creation or requeue.
    pub delivery_count: u32,
    /// Delivery timeouts of the present attempt: what `maxDeliveries` counts.
    pub delivery_timeouts: u32,
    /// The latest delivery.
    pub delivery_id: Option<DeliveryId>,
    /// How the latest delivery was ended by its worker.
    pub ending: Option<Ending>,
    /// The worker of the latest delivery.
    pub worker_id: Option<Arc<str>>,
    /// As given.
    pub scheduled_for: Option<Millis>,
    /// A waiting job dies then.
    pub expires_at: Option<Millis>,
    /// When it may be claimed: its creation, `scheduledFor`, or the end of a delay.
    pub available_at: Millis,
    /// When it was created.
    pub created_at: Millis,
    /// When it last changed.
    pub updated_at: Millis,
    /// When its latest delivery began.
    pub delivered_at: Option<Millis>,
    /// When its latest delivery was acked.
    pub started_at: Option<Millis>,
    /// Its end, of any kind.
    pub completed_at: Option<Millis>,
    /// When the present state times out (delivered, running).
    pub timeout_at: Option<Millis>,
    /// Log lines so far.
    pub log_lines: i64,
    /// The number of its last event.
    pub seq: i64,
    /// The event that carries its latest progress.
    pub progress_seq: Option<i64>,
    /// The event that carries its latest checkpoint.
    pub checkpoint_seq: Option<i64>,
    /// The event that ended it and carries its result.
    pub result_seq: Option<i64>,
    /// How often its end was asked to be told anew: each time another round of tries begins.
    pub callback_round: u32,
}

impl Job {
    /// A job as `create` makes it.
    pub(crate) fn new(id: JobId, space: SpaceNo, new: &NewJob, now: Millis) -> Job {
        let waits = new.scheduled_for.filter(|at| *at > now);
        Job {
            no: 0,
            id,
            space,
            spec: new.spec.clone(),
            status: if waits.is_some() { Status::Scheduled } else { Status::Pending },
            available: waits.is_none(),
            priority: new.priority,
            max_retries: new.max_retries,
            attempt_number: 0,
            delivery_count: 0,
            delivery_timeouts: 0,
            delivery_id: None,
            ending: None,
            worker_id: None,
            scheduled_for: new.scheduled_for,
            expires_at: new.expires_at,
            available_at: waits.unwrap_or(now),
            created_at: now,
            updated_at: now,
            delivered_at: None,
            started_at: None,
            completed_at: None,
            timeout_at: None,
            log_lines: 0,
            seq: 0,
            progress_seq: None,
            checkpoint_seq: None,
            result_seq: None,
            callback_round: 0,
        }
    }

    /// When time alone will change this job: the one clock column.
    pub fn due_at(&self) -> Option<Millis> {
        match self.status {
            Status::Scheduled => {
                Some(self.expires_at.map_or(self.available_at, |at| at.min(self.available_at)))
            }
            Status::Pending if self.available => self.expires_at,
            Status::Pending => {
                Some(self.expires_at.map_or(self.available_at, |at| at.min(self.available_at)))
            }
            Status::Delivered | Status::Running => self.timeout_at,
            Status::Completed | Status::Dead | Status::Killed => None,
        }
    }

    /// Notes that an event of this job was given its number: the latest progress, checkpoint and result are
    /// where their events are.
    pub fn note(&mut self, event: EventType, seq: i64) {
        self.seq = seq;
        match event {
            EventType::Progress => self.progress_seq = Some(seq),
            EventType::Checkpoint => self.checkpoint_seq = Some(seq),
            EventType::Completed | EventType::Dead | EventType::Killed => self.result_seq = Some(seq),
            EventType::Requeued => {
                self.progress_seq = None;
                self.result_seq = None;
            }
            _ => {}
        }
    }
}
