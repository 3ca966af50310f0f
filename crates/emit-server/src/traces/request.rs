//! The span of a request.

use std::time::Duration;

use axum::http::StatusCode;
use emit_core::Millis;
use emit_core::ids::Id;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanBuilder, SpanContext, SpanKind};

use super::{TRACES, Traces, at, parent};

/// A request under way.
pub(crate) struct Begun {
    traces: &'static Traces,
    parent: Option<SpanContext>,
    began: Millis,
}

/// What is told of a request once it is answered.
pub(crate) struct Request<'a> {
    pub(crate) id: &'a str,
    pub(crate) method: &'static str,
    /// The pattern of its path, if it led to a route.
    pub(crate) route: Option<&'static str>,
    pub(crate) job: Option<Id>,
    pub(crate) status: StatusCode,
    /// The problem's code, if it was one.
    pub(crate) code: Option<&'static str>,
    pub(crate) took: Duration,
}

/// Notes who called, if traces are on. `traceparent`: the header, which is only asked for then.
pub(crate) fn begin<'a>(traceparent: impl FnOnce() -> Option<&'a str>, now: Millis) -> Option<Begun> {
    let traces = TRACES.get()?;
    Some(Begun { traces, parent: traceparent().and_then(parent::read), began: now })
}

impl Begun {
    /// The request was answered.
    pub(crate) fn end(self, request: &Request<'_>) {
        let Request { id, method, route, job, status, code, took } = request;
        let mut attributes = vec![
            KeyValue::new("http.request.method", *method),
            KeyValue::new("http.response.status_code", i64::from(status.as_u16())),
            KeyValue::new("emit.request.id", (*id).to_owned()),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route)));
        attributes.extend(job.map(|job| KeyValue::new("emit.job.id", job.to_string())));
        attributes.extend(code.map(|code| KeyValue::new("error.type", code)));
        let name = route.map_or_else(|| method.to_string(), |route| format!("{method} {route}"));
        let span = SpanBuilder::from_name(name)
            .with_kind(SpanKind::Server)
            .with_start_time(at(self.began))
            .with_attributes(attributes);
        self.traces.record(span, self.parent, status.is_server_error(), at(self.began) + *took);
    }
}
