//! One line of the log for each request: refused ones at `info`, failed ones at `error`, the others at `debug`.
//!
//! Neither query nor headers nor bodies: keys and secrets may stand there. The path is the table's, since a mistyped
//! one may hold anything.

use std::time::Duration;

use axum::http::StatusCode;
use emit_core::TokenId;
use emit_core::ids::Id;

use super::problem::Code;
use super::route::Route;

/// What the log may say of a request.
pub(super) struct Line<'a> {
    pub id: &'a str,
    pub method: &'static str,
    /// Only once it was found.
    pub route: Option<&'a Route>,
    pub job: Option<Id>,
    /// The key's id, which opens nothing.
    pub token: Option<TokenId>,
    pub status: StatusCode,
    /// Of the problem, if it was one.
    pub code: Option<Code>,
    pub took: Duration,
}

/// Writes it.
pub(super) fn write(line: &Line<'_>) {
    let Line { id, method, status, .. } = line;
    let route = line.route.map_or("an unknown address", |route| route.path);
    let (job, token) = (line.job.map(tracing::field::display), line.token.map(tracing::field::display));
    let code = line.code.map_or("", Code::as_str);
    let ms = line.took.as_micros() as f64 / 1_000.0;
    let number = status.as_u16();
    match line.code {
        None => tracing::debug!(request_id = id, job, token, ms, "{method} {route} answered {number}"),
        Some(_) if status.is_server_error() => {
            tracing::error!(request_id = id, job, token, ms, "{method} {route} failed: {number} {code}");
        }
        Some(_) => {
            tracing::info!(request_id = id, job, token, ms, "{method} {route} was refused: {number} {code}")
        }
    }
}
