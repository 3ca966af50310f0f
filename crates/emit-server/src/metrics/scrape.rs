//! The whole page, from what is counted here and what only the store knows.

use emit_core::Status;

use super::engine::ENGINE;
use super::http::{HTTP, RouteMeter};
use super::outbound::OUTBOUND;
use super::streams::STREAMS;
use super::text::Text;
use super::{names, process};

/// What is not counted in this room.
pub(crate) struct Scrape<'a> {
    /// Method, path and meter of every route.
    pub(crate) routes: Vec<(&'a str, &'a str, &'a RouteMeter)>,
    /// Whether the store takes writes.
    pub(crate) writable: bool,
    /// The spaces to show one by one.
    pub(crate) spaces: Vec<SpaceFigures>,
    /// All there are.
    pub(crate) spaces_count: usize,
}

/// One space.
pub(crate) struct SpaceFigures {
    pub(crate) id: String,
    /// Jobs by status.
    pub(crate) counts: [i64; 7],
    /// Milliseconds that the longest-waiting job has waited.
    pub(crate) oldest_ms: i64,
    /// Events kept.
    pub(crate) events: i64,
}

/// The page as text.
pub(crate) fn scrape(scrape: &Scrape<'_>) -> String {
    let mut text = Text::default();
    text.metric(&names::BUILD).value(&[env!("CARGO_PKG_VERSION")], 1);
    text.single(&names::WRITABLE, u8::from(scrape.writable));
    HTTP.show(&mut text, &scrape.routes);
    ENGINE.show(&mut text);
    spaces(&mut text, scrape);
    STREAMS.show(&mut text);
    OUTBOUND.show(&mut text);
    ENGINE.show_store(&mut text);
    process::show(&mut text);
    text.finish()
}

fn spaces(text: &mut Text, scrape: &Scrape<'_>) {
    let mut jobs = text.metric(&names::JOBS);
    for space in &scrape.spaces {
        for (status, count) in Status::ALL.iter().zip(space.counts) {
            jobs.value(&[&space.id, status.as_str()], count);
        }
    }
    let mut oldest = text.metric(&names::OLDEST_PENDING);
    for space in &scrape.spaces {
        oldest.value(&[&space.id], space.oldest_ms as f64 / 1_000.0);
    }
    let mut kept = text.metric(&names::EVENTS_KEPT);
    for space in &scrape.spaces {
        kept.value(&[&space.id], space.events);
    }
    text.single(&names::SPACES, scrape.spaces_count);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name that is announced and never shown, or shown under another name, would be a lie.
    #[test]
    fn every_name_is_shown_once_and_in_order() {
        let meter = RouteMeter::new();
        meter.answered(axum::http::StatusCode::OK, std::time::Duration::from_millis(3));
        let space = SpaceFigures { id: "S".into(), counts: [1; 7], oldest_ms: 1_500, events: 4 };
        let routes = vec![("GET", "/x", &meter)];
        let text = self::scrape(&Scrape { routes, writable: true, spaces: vec![space], spaces_count: 1 });
        let shown: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(shown, names::ALL.iter().map(|metric| metric.name).collect::<Vec<_>>());
        for line in [
            "emit_http_requests_total{method=\"GET\",route=\"/x\",status=\"2xx\"} 1",
            "emit_http_request_duration_seconds_bucket{method=\"GET\",route=\"/x\",le=\"0.0025\"} 0",
            "emit_http_request_duration_seconds_bucket{method=\"GET\",route=\"/x\",le=\"0.005\"} 1",
            "emit_jobs{space=\"S\",status=\"dead\"} 1",
            "emit_jobs_oldest_pending_seconds{space=\"S\"} 1.5",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line} is not in\n{text}");
        }
    }
}
