//! A job as it is answered. Payloads, results and the rest leave as they came: see [`crate::write`].

use emit_core::Contents;
use emit_core::retry::{Backoff, Strategy};
use emit_core::time::SECOND;
use emit_core::{Recorded, SpaceId, View};
use utoipa::ToSchema;

use crate::jobs::RetryBackoff;
use crate::outbound::masked;
use crate::write::Object;

/// A job. `null` where there is nothing yet.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Job {
    /// What kind of work it is.
    pub name: String,
    /// As sent. Left out of lists (unless `include=payload`) and of answers to reports.
    #[schema(required = false)]
    pub payload: serde_json::Value,
    /// Retries after the first attempt.
    pub max_retries: i64,
    /// How long an attempt may run without a sign of life.
    pub timeout_seconds: i64,
    /// How long a worker may take to ack.
    pub delivery_timeout_seconds: i64,
    /// As given.
    #[schema(required = true, format = DateTime)]
    pub scheduled_for: Option<String>,
    /// As given.
    #[schema(required = true, format = DateTime)]
    pub expires_at: Option<String>,
    /// Higher first.
    pub priority: i64,
    /// `null`: no delay.
    #[schema(required = true)]
    pub retry_backoff: Option<RetryBackoff>,
    /// As given.
    #[schema(required = true)]
    pub callback_url: Option<String>,
    /// As given, with `***` in place of the values.
    #[schema(required = true, value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub callback_headers: Option<serde_json::Value>,
    /// As given.
    #[schema(required = true, value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub tags: Option<serde_json::Value>,
    /// As given.
    #[schema(required = true)]
    pub idempotency_key: Option<String>,
    /// Its id.
    pub id: String,
    /// The space it belongs to.
    pub space_id: String,
    /// `scheduled`, `pending`, `delivered`, `running`, `completed`, `dead` or `killed`.
    pub status: String,
    /// The attempt under way, from 0.
    pub attempt_number: i64,
    /// The latest. Left out of answers to reports.
    #[schema(required = false, value_type = Option<Object>)]
    pub progress: Option<serde_json::Value>,
    /// The latest. Left out of answers to reports.
    #[schema(required = false, value_type = Option<Object>)]
    pub checkpoint: Option<serde_json::Value>,
    /// What it ended with: of a dead job `{error}`, of a killed one `{reason}`. Left out as payload is.
    #[schema(required = false)]
    pub result: serde_json::Value,
    /// When it was created.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it last changed.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// When it may be claimed.
    #[schema(format = DateTime)]
    pub available_at: String,
    /// When its latest delivery began.
    #[schema(required = true, format = DateTime)]
    pub delivered_at: Option<String>,
    /// When its latest delivery was acked.
    #[schema(required = true, format = DateTime)]
    pub started_at: Option<String>,
    /// Its end, of any kind.
    #[schema(required = true, format = DateTime)]
    pub completed_at: Option<String>,
    /// When its present state times out.
    #[schema(required = true, format = DateTime)]
    pub timeout_at: Option<String>,
    /// The latest delivery: send it back as `x-emit-delivery`.
    #[schema(required = true)]
    pub delivery_id: Option<String>,
    /// Deliveries so far.
    pub delivery_count: i64,
    /// The worker of the latest delivery, by its own words.
    #[schema(required = true)]
    pub worker_id: Option<String>,
    /// W3C trace context of the create request.
    #[schema(required = true)]
    pub traceparent: Option<String>,
    /// The number of its last event.
    pub seq: i64,
    /// Where to watch it; only when it is created. A key is to be added.
    #[schema(required = false)]
    pub realtime_url: String,
    /// Its latest 100 events, ascending; only when one job is read.
    #[schema(required = false)]
    pub events: Vec<Event>,
}

/// One durable, numbered fact about a job.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Event {
    /// The job.
    pub job_id: String,
    /// Its name.
    pub job_name: String,
    /// What happened.
    #[schema(rename = "type")]
    pub kind: String,
    /// The job's status after it.
    pub status: String,
    /// What belongs to it, if this type carries anything.
    #[schema(required = false)]
    pub data: serde_json::Value,
    /// When; never falls along `seq`.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// Its number in the space.
    pub seq: i64,
}

/// Which of a job's contents an answer shows.
#[derive(Debug, Clone, Copy)]
pub struct Show {
    /// The payload.
    pub payload: bool,
    /// The result.
    pub result: bool,
    /// Progress and checkpoint.
    pub rest: bool,
}

impl Show {
    /// Everything.
    pub const ALL: Show = Show { payload: true, result: true, rest: true };
    /// Nothing: workers know what they sent.
    pub const NONE: Show = Show { payload: false, result: false, rest: false };
}

/// What there is to say about a job.
#[derive(Debug)]
pub struct JobAnswer<'a> {
    /// The row.
    pub job: &'a emit_core::Job,
    /// Its space's public id.
    pub space: SpaceId,
    /// What stands beside the row.
    pub contents: &'a Contents,
    /// What of that is shown.
    pub show: Show,
    /// What `realtimeUrl` begins with.
    pub realtime: Option<&'a str>,
    /// Its events.
    pub events: Option<&'a [Recorded]>,
}

impl JobAnswer<'_> {
    /// The job as JSON.
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(1_024);
        self.write(&mut out);
        out
    }

    /// Appends the job as JSON.
    pub fn write(&self, out: &mut String) {
        let mut object = Object::open(out);
        self.write_created(&mut object);
        self.write_state(&mut object);
        if let Some(base) = self.realtime {
            let out = object.key("realtimeUrl");
            out.push_str(&format!("\"{base}{}\"", self.job.id));
        }
        if let Some(events) = self.events {
            let out = object.key("events");
            array(out, events, |out, event| event.encode(View::Full, out));
        }
        object.close();
    }

    fn write_created(&self, object: &mut Object<'_>) {
        let (job, spec) = (self.job, &self.job.spec);
        object.text("name", Some(&spec.name));
        if self.show.payload {
            object.raw("payload", self.contents.payload.as_deref());
        }
        object.whole("maxRetries", i64::from(job.max_retries));
        object.whole("timeoutSeconds", spec.timeout_ms / SECOND);
        object.whole("deliveryTimeoutSeconds", spec.delivery_timeout_ms / SECOND);
        object.time("scheduledFor", job.scheduled_for);
        object.time("expiresAt", job.expires_at);
        object.whole("priority", job.priority);
        write_backoff(object.key("retryBackoff"), &spec.backoff);
        object.text("callbackUrl", spec.callback.as_ref().map(|callback| &*callback.url));
        let headers = spec.callback.as_ref().and_then(|callback| callback.headers.as_deref()).map(masked);
        object.raw("callbackHeaders", headers.as_deref());
        object.raw("tags", spec.tags.as_deref());
        object.text("idempotencyKey", spec.idempotency_key.as_deref());
    }

    fn write_state(&self, object: &mut Object<'_>) {
        let job = self.job;
        object.id("id", job.id);
        object.id("spaceId", self.space);
        object.text("status", Some(job.status.as_str()));
        object.whole("attemptNumber", i64::from(job.attempt_number));
        if self.show.rest {
            object.raw("progress", self.contents.progress.as_deref());
            object.raw("checkpoint", self.contents.checkpoint.as_deref());
        }
        if self.show.result {
            object.raw("result", self.contents.result.as_deref());
        }
        object.time("createdAt", job.created_at);
        object.time("updatedAt", job.updated_at);
        object.time("availableAt", job.available_at);
        object.time("deliveredAt", job.delivered_at);
        object.time("startedAt", job.started_at);
        object.time("completedAt", job.completed_at);
        object.time("timeoutAt", job.timeout_at);
        object.id("deliveryId", job.delivery_id);
        object.whole("deliveryCount", i64::from(job.delivery_count));
        object.text("workerId", job.worker_id.as_deref());
        object.text("traceparent", job.spec.traceparent.as_deref());
        object.whole("seq", job.seq);
    }
}

fn write_backoff(out: &mut String, backoff: &Backoff) {
    let strategy = match backoff.strategy {
        Strategy::Unset => return out.push_str("null"),
        Strategy::None => "none",
        Strategy::Fixed => "fixed",
        Strategy::Exponential => "exponential",
    };
    out.push_str(&format!(
        "{{\"strategy\":\"{strategy}\",\"delaySeconds\":{},\"maxDelaySeconds\":{},\"jitter\":{}}}",
        backoff.delay_seconds, backoff.max_delay_seconds, backoff.jitter
    ));
}

/// Appends an array.
pub fn array<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    out.push('[');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use emit_core::ids::Id;
    use emit_core::{JobId, Millis, RawJson};

    use super::*;
    use crate::jobs::{Created, create};
    use crate::testing::properties;

    fn job(text: &str) -> emit_core::Job {
        let new = create(text, text.as_bytes(), "", &Created::default(), 0).unwrap();
        let id: JobId = Id(7);
        emit_core::apply::create(id, 1, &new, 1_740_393_120_000 as Millis).job
    }

    fn keys(text: &str) -> Vec<String> {
        let checked = emit_core::json::check(text.as_bytes()).unwrap();
        emit_core::json::members(checked).map(|(key, _)| key.into_owned()).collect()
    }

    #[test]
    fn a_full_answer_has_every_described_field_in_order() {
        let contents = Contents { payload: Some(r#"{"a" : 1}"#.into()), ..Contents::default() };
        let job = job(r#"{"name":"x\"y","retryBackoff":{"strategy":"fixed","delaySeconds":0.5}}"#);
        let answer = JobAnswer {
            job: &job,
            space: Id(1),
            contents: &contents,
            show: Show::ALL,
            realtime: Some("ws://h/api/v1/realtime/"),
            events: Some(&[]),
        };
        let text = answer.to_json();
        assert_eq!(keys(&text), properties::<Job>());
        assert!(text.contains(r#""payload":{"a" : 1},"#) && text.contains(r#""name":"x\"y""#), "{text}");
        assert!(text.contains(r#""realtimeUrl":"ws://h/api/v1/realtime/00000000000000000000000007""#));
        assert!(
            text.contains(
                r#"{"strategy":"fixed","delaySeconds":0.5,"maxDelaySeconds":86400,"jitter":false}"#
            )
        );
        assert!(text.contains(r#""createdAt":"2025-02-24T10:32:00.000Z""#));
    }

    #[test]
    fn an_answer_to_a_report_leaves_the_contents_out() {
        let contents = Contents { progress: Some(RawJson::from("{}")), ..Contents::default() };
        let job = job(r#"{"name":"x"}"#);
        let bare = JobAnswer {
            job: &job,
            space: Id(1),
            contents: &contents,
            show: Show::NONE,
            realtime: None,
            events: None,
        };
        let keys = keys(&bare.to_json());
        for absent in ["payload", "progress", "checkpoint", "result", "events", "realtimeUrl"] {
            assert!(!keys.iter().any(|key| key == absent), "{absent}");
        }
        assert!(bare.to_json().contains(r#""retryBackoff":null,"callbackUrl":null"#));
    }
}
