//! The spans of a job's life: one for each stay with a worker, from its delivery to whatever ended it, and one for an
//! end without a worker. They go on from the `traceparent` that created the job: the first attempt as its child,
//! retries as traces of their own that link to it.

use emit_core::{Event, EventType, Job, Millis};
use emit_store::Change;
use opentelemetry::KeyValue;
use opentelemetry::trace::{Link, SpanBuilder, SpanContext, SpanKind};

use super::{TRACES, Traces, at, parent};

/// Tells of the jobs that these changes took from their workers, or ended.
pub(crate) fn committed(written: &[Change]) {
    if let Some(traces) = TRACES.get() {
        written.iter().for_each(|change| stay(traces, change));
    }
}

fn stay(traces: &Traces, change: &Change) {
    let (Some(before), job, Some(last)) = (change.before, &change.job, change.events.last()) else { return };
    let was_held = before.is_held() && !job.status.is_held();
    let ended_waiting = before.is_waiting() && job.status.is_terminal();
    if !was_held && !ended_waiting {
        return;
    }
    let began = if was_held { job.delivered_at } else { Some(job.created_at) };
    let (parent, links) = match job.spec.traceparent.as_deref().and_then(parent::read) {
        // Whoever decided not to record the creation does not want the retries either.
        Some(origin) if !origin.is_sampled() => return,
        Some(origin) if attempt(job, last) > 0 => (None, vec![Link::with_context(origin)]),
        origin => (origin, Vec::new()),
    };
    record(traces, job, last, began.unwrap_or(job.created_at), parent, links);
}

/// A retry already counts the next one.
fn attempt(job: &Job, last: &Event) -> u32 {
    job.attempt_number - u32::from(last.kind == EventType::Retried)
}

fn record(
    traces: &Traces,
    job: &Job,
    last: &Event,
    began: Millis,
    parent: Option<SpanContext>,
    links: Vec<Link>,
) {
    let mut attributes = vec![
        KeyValue::new("emit.job.id", job.id.to_string()),
        KeyValue::new("emit.job.name", job.spec.name.to_string()),
        KeyValue::new("emit.job.attempt", i64::from(attempt(job, last))),
        KeyValue::new("emit.job.outcome", last.kind.as_str()),
        KeyValue::new("emit.job.waited_ms", (began - job.available_at).max(0)),
    ];
    attributes
        .extend(job.worker_id.as_deref().map(|worker| KeyValue::new("emit.worker.id", worker.to_owned())));
    let acked = job.started_at.filter(|at| *at >= began);
    let acked = acked.map(|time| opentelemetry::trace::Event::new("acked", at(time), Vec::new(), 0));
    let span = SpanBuilder::from_name(format!("job {}", job.spec.name))
        .with_kind(SpanKind::Consumer)
        .with_start_time(at(began))
        .with_attributes(attributes)
        .with_events(acked.into_iter().collect())
        .with_links(links);
    let failed = matches!(last.kind, EventType::Retried | EventType::Dead | EventType::DeliveryTimeout);
    traces.record(span, parent, failed, at(job.updated_at.max(began)));
}
