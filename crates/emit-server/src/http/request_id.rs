//! What every answer carries: its request's id, and headers that hold for all of them.

use axum::http::header::REFERRER_POLICY;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header that tells people which line of the log is theirs.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the id and the common headers on an answer. A key in an address must not leak as a referrer.
pub(super) fn stamp(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
