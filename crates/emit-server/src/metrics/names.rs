//! Every metric's name, kind, labels and meaning. `docs/metrics.md` says the same, and a test compares them.

/// A metric, as it is announced.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

/// What a metric's values do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(pub(super) const $constant: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };)*

        /// All of them, in the order in which they are shown.
        #[cfg(test)]
        pub(super) const ALL: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    BUILD = "emit_build_info", Gauge, ["version"], "1; which version runs.";
    WRITABLE = "emit_store_writable", Gauge, [], "1 while the store takes writes, 0 while it fails or has stopped.";

    REQUESTS = "emit_http_requests_total", Counter, ["method", "route", "status"], "Requests answered, by route and class of status.";
    REQUEST_SECONDS = "emit_http_request_duration_seconds", Histogram, ["method", "route"], "From a request's head to its answer's; a long poll waits within it.";
    PROBLEMS = "emit_http_problems_total", Counter, ["code"], "Requests refused or failed, by the code of their problem.";
    CONNECTIONS = "emit_connections_open", Gauge, [], "Connections of clients, streams included.";

    QUEUE = "emit_engine_queue_depth", Gauge, [], "Commands that wait for the engine.";
    POLLS = "emit_polls_waiting", Gauge, [], "Long polls that wait for a job; true to the second.";
    BATCH = "emit_engine_batch_commands", Histogram, [], "Commands taken into one commit.";
    COMMIT = "emit_engine_commit_duration_seconds", Histogram, [], "How long a commit took to reach the disk.";
    COMMITS_FAILED = "emit_engine_commits_failed_total", Counter, [], "Batches that could not be committed.";
    EVENTS = "emit_events_total", Counter, ["type"], "Events committed, by type.";

    JOBS = "emit_jobs", Gauge, ["space", "status"], "Jobs by space and status.";
    OLDEST_PENDING = "emit_jobs_oldest_pending_seconds", Gauge, ["space"], "How long the job has waited that has waited longest for a worker; 0: none waits.";
    EVENTS_KEPT = "emit_events_kept", Gauge, ["space"], "Events that retention still keeps.";
    SPACES = "emit_spaces", Gauge, [], "Spaces; the metrics by space show at most the first 1,000.";

    STREAMS = "emit_streams_open", Gauge, ["transport"], "Streams open.";
    STREAMS_BEHIND = "emit_streams_behind", Gauge, [], "Streams that are behind the memory of recent events and are served from the store.";
    STREAM_LAG = "emit_stream_lag_seconds", Histogram, [], "Age of an event when a stream that keeps up takes it.";
    STREAM_PAGES = "emit_stream_store_pages_total", Counter, [], "Pages that streams have read from the store.";
    STREAMS_CLOSED = "emit_streams_closed_total", Counter, ["reason"], "Streams that ended, by reason; slow and stuck are clients that were too slow.";

    OUTBOUND_REQUESTS = "emit_outbound_requests_total", Counter, ["kind", "outcome"], "Callbacks, wake-ups and messages sent, and whether they were taken (2xx), refused or unanswered.";
    OUTBOUND_SECONDS = "emit_outbound_request_duration_seconds", Histogram, ["kind"], "From resolving the receiver's name to the end of its answer, or of the wait for it.";

    RETAINED = "emit_retention_rows_total", Counter, [], "Rows that retention has dropped.";
    CHECKPOINTS = "emit_store_checkpoints_total", Counter, [], "Times that the write-ahead log was moved into the file.";
    CHECKPOINTS_FAILED = "emit_store_checkpoints_failed_total", Counter, [], "Times that this failed or could not move all of it.";
    FILE_BYTES = "emit_store_file_bytes", Gauge, [], "Size of the store's file.";
    LOG_BYTES = "emit_store_log_bytes", Gauge, [], "Size of its write-ahead log.";

    MEMORY = "process_resident_memory_bytes", Gauge, [], "Memory of the process.";
    CPU = "process_cpu_seconds_total", Counter, [], "Processor time of the process.";
    FILES = "process_open_fds", Gauge, [], "File descriptors that the process holds.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_unit_and_kind() {
        for metric in ALL {
            let is_counter = matches!(metric.kind, Kind::Counter);
            assert_eq!(metric.name.ends_with("_total"), is_counter, "{}", metric.name);
            assert!(metric.name.starts_with("emit_") || metric.name.starts_with("process_"));
            assert!(metric.help.ends_with('.'), "{}", metric.name);
        }
    }

    /// The page's tables have a row for each: name, kind, labels, meaning.
    #[test]
    fn the_page_says_the_same() {
        let page = include_str!("../../../../docs/metrics.md");
        let is_row = |line: &&str| line.starts_with("| `emit_") || line.starts_with("| `process_");
        let rows: Vec<&str> = page.lines().filter(is_row).collect();
        let expected: Vec<String> = ALL
            .iter()
            .map(|metric| {
                let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
                let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(" ") };
                format!("| `{}` | {} | {labels} | {} |", metric.name, metric.kind.as_str(), metric.help)
            })
            .collect();
        assert_eq!(rows, expected, "docs/metrics.md, row by row");
    }
}
