//! What every answer carries: its request's id, and headers that hold for all of them.

use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use emit_core::ids::Id;

use super::problem::Problem;
use super::router::Route;

/// The header that tells people which line of the log is theirs.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the id and the common headers on an answer. A key in an address must not leak as a referrer.
pub(super) fn stamp(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// One line for a failed request. Neither query nor headers: keys may stand there. The path is the table's, since
/// a mistyped one may hold anything.
pub(super) fn log(problem: &Problem, id: &str, method: &str, route: Option<&Route>, job: Option<Id>) {
    let (status, code) = (problem.status().as_u16(), problem.code().as_str());
    let route = route.map_or("", |route| route.path);
    let job = job.map(tracing::field::display);
    if problem.status().is_server_error() {
        tracing::error!(request_id = id, method, route, job, status, code, "request failed");
    } else {
        tracing::info!(request_id = id, method, route, job, status, code, "request refused");
    }
}
