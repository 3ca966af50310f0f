//! From outside: kill, requeue, erase.

use crate::RawJson;
use crate::callback::CallbackChange;
use crate::event::EventType;
use crate::job::{Job, Status};
use crate::lifecycle::finish::end;
use crate::lifecycle::report::back_to_pending;
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

pub(crate) fn kill(job: &Job, data: &RawJson, now: Millis) -> Result<Transition, Refusal> {
    if job.status.is_terminal() {
        return Err(Refusal::WrongState(job.status));
    }
    Ok(end(job.clone(), Status::Killed, now).event(EventType::Killed, Some(data.clone())))
}

/// A new life: only the checkpoint stays, so that the next attempt can resume.
pub(crate) fn requeue(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    if !job.status.is_terminal() {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    back_to_pending(&mut after, 0, now);
    after.attempt_number = 0;
    after.delivery_count = 0;
    after.delivery_timeouts = 0;
    after.delivery_id = None;
    after.ending = None;
    after.scheduled_for = None;
    after.expires_at = None;
    after.delivered_at = None;
    after.started_at = None;
    after.completed_at = None;
    let mut transition = Transition::to(after).event(EventType::Requeued, None);
    transition.callback = CallbackChange::Forget;
    Ok(transition)
}

pub(crate) fn erase(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    if !job.status.is_terminal() {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.updated_at = now;
    let mut transition = Transition::to(after).event(EventType::Erased, None);
    transition.erase = true;
    transition.callback = CallbackChange::Forget;
    Ok(transition)
}
