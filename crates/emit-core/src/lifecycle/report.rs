//! While a worker holds it: everything but its end.

use crate::RawJson;
use crate::command::{Fence, Report};
use crate::event::EventType;
use crate::job::{Ending, Job, Status};
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

/// Sorts out reports of another delivery, and repeats: an `ack`, `release`, `complete` or `fail` that the latest
/// delivery already made is answered with the job as it is.
pub(crate) fn fence(job: &Job, fence: Option<Fence>, report: &Report) -> Result<Option<Transition>, Refusal> {
    let Some(fence) = fence else { return Ok(None) };
    if job.delivery_id.map(Fence::Delivery) != Some(fence) {
        return Err(Refusal::StaleDelivery(job.status));
    }
    let repeated = match report {
        Report::Ack => job.started_at.is_some(),
        Report::Release { .. } => job.ending == Some(Ending::Released),
        Report::Complete(_) => job.ending == Some(Ending::Completed),
        Report::Fail { .. } => job.ending == Some(Ending::Failed),
        _ => false,
    };
    // A killed job is not answered with 200: its worker has to learn of it.
    Ok((repeated && job.status != Status::Killed).then(|| Transition::to(job.clone())))
}

pub(crate) fn ack(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    if job.status != Status::Delivered {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.status = Status::Running;
    after.started_at = Some(now);
    after.timeout_at = Some(now + after.spec.timeout_ms);
    after.updated_at = now;
    Ok(Transition::to(after).event(EventType::Acked, None))
}

pub(crate) fn release(job: &Job, after_ms: Millis, now: Millis) -> Result<Transition, Refusal> {
    if !job.status.is_held() {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.ending = Some(Ending::Released);
    back_to_pending(&mut after, after_ms, now);
    Ok(Transition::to(after).event(EventType::Released, None))
}

/// Pending again, available after a delay; the other fields keep the last attempt's values.
pub(crate) fn back_to_pending(job: &mut Job, delay_ms: Millis, now: Millis) {
    job.status = Status::Pending;
    job.available = delay_ms <= 0;
    job.available_at = now + delay_ms.max(0);
    job.timeout_at = None;
    job.updated_at = now;
}

pub(crate) fn progress(job: &Job, data: &RawJson, now: Millis) -> Result<Transition, Refusal> {
    Ok(sign_of_life(job, now)?.event(EventType::Progress, Some(data.clone())))
}

pub(crate) fn checkpoint(job: &Job, data: &RawJson, now: Millis) -> Result<Transition, Refusal> {
    Ok(sign_of_life(job, now)?.event(EventType::Checkpoint, Some(data.clone())))
}

pub(crate) fn custom(job: &Job, data: &RawJson, now: Millis) -> Result<Transition, Refusal> {
    Ok(sign_of_life(job, now)?.event(EventType::Custom, Some(data.clone())))
}

/// A running job's timeout starts again.
fn sign_of_life(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    if job.status != Status::Running {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.timeout_at = Some(now + after.spec.timeout_ms);
    after.updated_at = now;
    Ok(Transition::to(after))
}

/// Lines may come in any state; a running job's timeout starts again.
pub(crate) fn logs(job: &Job, lines: i64, now: Millis) -> Result<Transition, Refusal> {
    let mut after = job.clone();
    let from = after.log_lines + 1;
    after.log_lines += lines;
    after.updated_at = now;
    if after.status == Status::Running {
        after.timeout_at = Some(now + after.spec.timeout_ms);
    }
    let data = format!("{{\"fromLine\":{from},\"toLine\":{}}}", after.log_lines);
    Ok(Transition::to(after).event(EventType::Log, Some(data.into())))
}

/// The present state's timeout starts again; no event.
pub(crate) fn keepalive(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    let timeout_ms = match job.status {
        Status::Delivered => job.spec.delivery_timeout_ms,
        Status::Running => job.spec.timeout_ms,
        other => return Err(Refusal::WrongState(other)),
    };
    let mut after = job.clone();
    after.timeout_at = Some(now + timeout_ms);
    after.updated_at = now;
    Ok(Transition::to(after))
}
