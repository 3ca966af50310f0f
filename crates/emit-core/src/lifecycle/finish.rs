//! The end of an attempt: completed, retried or dead.

use crate::RawJson;
use crate::apply::Circumstances;
use crate::callback::CallbackChange;
use crate::event::EventType;
use crate::job::{Ending, Job, Status};
use crate::lifecycle::report::back_to_pending;
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

pub(crate) fn complete(job: &Job, result: &RawJson, now: Millis) -> Result<Transition, Refusal> {
    if job.status != Status::Running {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.ending = Some(Ending::Completed);
    Ok(end(after, Status::Completed, now).event(EventType::Completed, Some(result.clone())))
}

pub(crate) fn fail(
    job: &Job,
    error: &RawJson,
    retryable: bool,
    retry_after_ms: Option<Millis>,
    given: &Circumstances,
) -> Result<Transition, Refusal> {
    if job.status != Status::Running {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.ending = Some(Ending::Failed);
    Ok(attempt_failed(after, error, retryable, retry_after_ms, given))
}

/// What follows a failed attempt, whether its worker said so or its time ran out.
pub(crate) fn attempt_failed(
    mut job: Job,
    error: &RawJson,
    retryable: bool,
    retry_after_ms: Option<Millis>,
    given: &Circumstances,
) -> Transition {
    if !retryable || job.attempt_number >= job.max_retries {
        return die(job, error, given.now);
    }
    job.attempt_number += 1;
    job.delivery_timeouts = 0;
    let delay = retry_after_ms.unwrap_or_else(|| job.spec.backoff.delay_ms(job.attempt_number, given.chance));
    back_to_pending(&mut job, delay, given.now);
    let data = format!("{{\"error\":{error},\"attemptNumber\":{}}}", job.attempt_number);
    Transition::to(job).event(EventType::Retried, Some(data.into()))
}

/// `error` is a JSON string literal.
pub(crate) fn die(job: Job, error: &str, now: Millis) -> Transition {
    end(job, Status::Dead, now).event(EventType::Dead, Some(format!("{{\"error\":{error}}}").into()))
}

/// The job's life is over: where it is to be told, that is due at once.
pub(crate) fn end(mut job: Job, status: Status, now: Millis) -> Transition {
    job.status = status;
    job.available = false;
    job.timeout_at = None;
    job.completed_at = Some(now);
    job.updated_at = now;
    let mut transition = Transition::to(job);
    if transition.job.spec.callback.is_some() {
        transition.callback = CallbackChange::Due { tries: 0, at: now, failure: None };
    }
    transition
}
