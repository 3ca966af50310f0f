//! A worker takes a job.

use std::sync::Arc;

use crate::event::EventType;
use crate::ids::DeliveryId;
use crate::job::{Job, Status};
use crate::lifecycle::report;
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

pub(crate) fn deliver(
    job: &Job,
    delivery: DeliveryId,
    worker: Option<Arc<str>>,
    auto_ack: bool,
    now: Millis,
) -> Result<Transition, Refusal> {
    if job.status != Status::Pending || job.expires_at.is_some_and(|at| at <= now) {
        return Err(Refusal::WrongState(job.status));
    }
    if !job.available {
        return Err(Refusal::NotYetAvailable(job.status));
    }
    let mut after = job.clone();
    after.status = Status::Delivered;
    after.available = false;
    after.delivery_id = Some(delivery);
    after.ending = None;
    after.worker_id = worker;
    after.delivery_count += 1;
    after.delivered_at = Some(now);
    after.started_at = None;
    after.timeout_at = Some(now + after.spec.delivery_timeout_ms);
    after.updated_at = now;
    let delivered = Transition::to(after).event(EventType::Delivered, None);
    if !auto_ack {
        return Ok(delivered);
    }
    let mut acked = report::ack(&delivered.job, now)?;
    acked.events.splice(0..0, delivered.events);
    Ok(acked)
}
