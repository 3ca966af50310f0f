//! OpenTelemetry traces, sent to a collector over OTLP/HTTP: a span for each request, and one for each stay of a job
//! with a worker.
//!
//! Off unless the operator names a collector; then all of it is one look at an empty cell. Spans are made once they
//! are over, from what the request or the job's row tells, so that nothing is held open and a restart loses none.
//! No header but `traceparent`, no query, payload, error text or key may come in here.

mod attempt;
mod collector;
mod parent;
mod request;

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use emit_core::Millis;
use opentelemetry::Context;
use opentelemetry::trace::{Span, SpanBuilder, SpanContext, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

pub(crate) use attempt::committed;
pub(crate) use request::{Request, begin};

/// What is not sent at the end by then is lost: the process has 10 s in all.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Where the standard names a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];

static TRACES: OnceLock<Traces> = OnceLock::new();

struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
}

/// Begins to send spans, if a collector is named: by its base address here (`http://127.0.0.1:4318`), or by the
/// standard variables, which also set sampling, batches, headers and the service's name. Within a runtime.
pub fn start(endpoint: Option<&str>) -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let named = endpoint.map(str::to_owned).or_else(|| ENDPOINTS.into_iter().find_map(variable));
    let is_off = variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let Some(named) = named.filter(|_| !is_off) else { return Ok(()) };
    // Never shown: it may hold a password.
    let is_tls = named.starts_with("https://");
    if !(is_tls || named.starts_with("http://")) || named.contains('@') {
        return Err(
            "the collector's address must begin with http:// or https://, and hold no name or password"
                .to_owned(),
        );
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(collector::Client::here(is_tls))
        .with_protocol(Protocol::HttpBinary);
    let exporter = match endpoint {
        Some(base) => exporter.with_endpoint(format!("{}/v1/traces", base.trim_end_matches('/'))),
        None => exporter,
    };
    let exporter = exporter.build().map_err(|why| format!("no spans can be sent: {why}"))?;
    let resource = Resource::builder();
    let resource = match variable("OTEL_SERVICE_NAME") {
        Some(_) => resource,
        None => resource.with_service_name("emit"),
    };
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.build()).build();
    let tracer = provider.tracer("emit");
    let _ = TRACES.set(Traces { provider, tracer });
    Ok(())
}

/// Sends what is left. Blocks.
pub fn stop() {
    if let Some(traces) = TRACES.get()
        && let Err(why) = traces.provider.shutdown_with_timeout(LAST_WORDS)
    {
        tracing::warn!(%why, "the last spans could not be sent");
    }
}

impl Traces {
    /// Sends a span that is over.
    fn record(&self, span: SpanBuilder, parent: Option<SpanContext>, failed: bool, end: SystemTime) {
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let mut span = self.tracer.build_with_context(span, &context);
        if failed {
            span.set_status(Status::error(""));
        }
        span.end_with_timestamp(end);
    }
}

fn at(time: Millis) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(time.max(0) as u64)
}
