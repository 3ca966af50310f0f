//! What time alone brings.

use crate::apply::Circumstances;
use crate::event::EventType;
use crate::job::{Job, Status};
use crate::lifecycle::finish::{attempt_failed, die};
use crate::lifecycle::report::back_to_pending;
use crate::transition::Transition;

/// Carries out what is due at `now`; a job of which nothing is due stays as it is.
pub(crate) fn tick(job: &Job, given: &Circumstances) -> Transition {
    let now = given.now;
    let due = |at: Option<i64>| at.is_some_and(|at| at <= now);
    match job.status {
        Status::Scheduled | Status::Pending if due(job.expires_at) => die(job.clone(), "\"expired\"", now),
        Status::Scheduled if job.available_at <= now => {
            let mut after = job.clone();
            after.status = Status::Pending;
            after.available = true;
            after.updated_at = now;
            Transition::to(after).event(EventType::Enqueued, None)
        }
        // The end of a retry's delay is no event: the job was pending all the time.
        Status::Pending if !job.available && job.available_at <= now => {
            let mut after = job.clone();
            after.available = true;
            Transition::to(after)
        }
        Status::Delivered if due(job.timeout_at) => delivery_timeout(job, given),
        Status::Running if due(job.timeout_at) => {
            attempt_failed(job.clone(), &"\"execution timeout\"".into(), true, None, given)
        }
        _ => Transition::to(job.clone()),
    }
}

fn delivery_timeout(job: &Job, given: &Circumstances) -> Transition {
    let mut after = job.clone();
    after.delivery_timeouts += 1;
    if given.max_deliveries.is_some_and(|max| after.delivery_timeouts >= max) {
        return die(after, "\"delivery timeout\"", given.now);
    }
    back_to_pending(&mut after, 0, given.now);
    Transition::to(after).event(EventType::DeliveryTimeout, None)
}
