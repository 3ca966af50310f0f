//! What the process logs, and where: lines on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How a line of the log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Plain,
    /// One JSON object a line.
    Json,
}

/// Begins to log what passes the filter.
pub(crate) fn start(filter: &str, format: LogFormat) {
    let lines =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_env_filter(EnvFilter::new(filter));
    match format {
        LogFormat::Plain => lines.with_target(false).with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => {
            lines.json().flatten_event(true).with_current_span(false).with_span_list(false).init()
        }
    }
    // A panic is a line of the log as well, of either form.
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!("a thread panicked: {}", one_line(&panic.to_string()))
    }));
}

fn one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" ")
}

/// Tells whoever started the process how it goes: whatever the filter, but in the log's form.
pub(crate) fn say(format: LogFormat, text: &str) {
    match format {
        LogFormat::Plain => eprintln!("emit: {text}"),
        LogFormat::Json => tracing::info!("{text}"),
    }
}
