//! What a command does to a job.

use crate::RawJson;
use crate::callback::CallbackChange;
use crate::event::{Event, EventType};
use crate::job::Job;

/// The new state and the events that tell of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The job afterwards.
    pub job: Job,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// A new payload, where the command brought one.
    pub payload: Option<RawJson>,
    /// The job's content is to be forgotten.
    pub erase: bool,
    /// What becomes of the callback of its end.
    pub callback: CallbackChange,
}

impl Transition {
    /// A transition to `job` without an event yet.
    pub(crate) fn to(job: Job) -> Transition {
        Transition { job, events: Vec::new(), payload: None, erase: false, callback: CallbackChange::Keep }
    }

    /// Adds an event that shows the job's new status.
    pub(crate) fn event(mut self, kind: EventType, data: Option<RawJson>) -> Transition {
        self.events.push(Event { kind, status: self.job.status, data });
        self
    }
}
