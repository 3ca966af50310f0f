//! What a store is given to write.

use emit_core::callback::CallbackChange;
use emit_core::{Event, EventType, Job, LogLine, Millis, RawJson, Recorded, Status, Transition};

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
            // Another round of a callback is a number in the row.
            && !matches!(self.callback, CallbackChange::Due { tries: 0, .. })
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
