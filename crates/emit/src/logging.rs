//! What the process logs, and where: lines on stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Begins to log what passes the filter.
pub(crate) fn start(filter: &str) {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(EnvFilter::new(filter))
        .init();
}
