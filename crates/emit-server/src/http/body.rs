//! Reading a body: within its size, within its time, of its type.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use axum::http::{HeaderMap, Method};
use bytes::BytesMut;
use emit_api::openapi::Shape;
use emit_core::limits::{ARRAY_BYTES, BODY_BYTES};
use http_body_util::BodyExt;

use super::problem::{Code, Problem};
use super::route::Route;
use crate::app::Settings;

/// Of a refused body so much is read and thrown away, so that its sender gets to read why.
const DISCARDED_BYTES: usize = 2 * ARRAY_BYTES;
/// And no longer than this, nor when nothing arrives for a while: the answer waits meanwhile.
const DISCARDING: Duration = Duration::from_secs(5);
const SILENCE: Duration = Duration::from_millis(300);

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    /// It is not looked at.
    Unread,
    /// One job or report.
    One,
    /// One, or an array of many, of at most so many bytes: the first byte tells.
    OneOrMany(usize),
}

fn limit(route: &Route, array_bytes_max: usize) -> Limit {
    if !matches!(route.method, Method::POST | Method::PATCH) {
        return Limit::Unread;
    }
    match route.body {
        Some(Shape::Many(_) | Shape::OneOrMany(_)) => Limit::OneOrMany(array_bytes_max),
        _ => Limit::One,
    }
}

/// Reads the whole body: 413, then 415. Whether it is JSON is for the handler to find out.
pub(super) async fn read(
    route: &Route,
    settings: &Settings,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Bytes, Problem> {
    let limit = limit(route, settings.array_bytes_max);
    if limit == Limit::Unread {
        return Ok(Bytes::new());
    }
    let patience = settings.patience.body;
    let read = tokio::time::timeout(patience, collect(limit, headers, body)).await;
    let bytes = read.map_err(|_| Problem::too_slow("body", patience))??;
    if !bytes.is_empty() && !is_json(headers) {
        return Err(Problem::of(
            Code::UnsupportedMediaType,
            "Send the body as content-type: application/json",
        ));
    }
    Ok(bytes)
}

async fn collect(limit: Limit, headers: &HeaderMap, body: &mut Body) -> Result<Bytes, Problem> {
    let most = if let Limit::OneOrMany(most) = limit { most } else { BODY_BYTES };
    if announced(headers).is_some_and(|length| length > most as u64) {
        return Err(too_large(most));
    }
    let mut gathered = Gathered::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::of(Code::BadRequest, "The body ended before its end"))?;
        let Ok(data) = frame.into_data() else { continue };
        gathered.push(data);
        let most = gathered.limit(limit);
        if gathered.len() > most {
            return Err(too_large(most));
        }
    }
    Ok(gathered.finish())
}

/// What has been read: one piece as it came, or several joined.
#[derive(Default)]
struct Gathered {
    first: Bytes,
    joined: Option<BytesMut>,
}

impl Gathered {
    fn push(&mut self, data: Bytes) {
        if let Some(joined) = &mut self.joined {
            joined.extend_from_slice(&data);
        } else if self.first.is_empty() {
            self.first = data;
        } else {
            let mut joined = BytesMut::with_capacity((self.first.len() + data.len()) * 2);
            joined.extend_from_slice(&self.first);
            joined.extend_from_slice(&data);
            self.joined = Some(joined);
        }
    }

    fn bytes(&self) -> &[u8] {
        self.joined.as_deref().unwrap_or(&self.first)
    }

    fn len(&self) -> usize {
        self.bytes().len()
    }

    /// Only what begins as an array may be as large as one.
    fn limit(&self, limit: Limit) -> usize {
        let begins = self.bytes().iter().find(|byte| !byte.is_ascii_whitespace());
        match limit {
            Limit::OneOrMany(most) if begins == Some(&b'[') => most,
            _ => BODY_BYTES,
        }
    }

    fn finish(self) -> Bytes {
        self.joined.map_or(self.first, BytesMut::freeze)
    }
}

fn too_large(most: usize) -> Problem {
    Problem::of(Code::PayloadTooLarge, format!("A body here is at most {most} bytes"))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// `application/json` and what is built on it (`application/…+json`), with any parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
        || (essence.len() > 17
            && essence.is_char_boundary(12)
            && essence[..12].eq_ignore_ascii_case("application/")
            && essence.to_ascii_lowercase().ends_with("+json"))
}

/// Reads on what is left of a refused request's body: closing a connection on unread bytes resets it, and the
/// answer might never be read. A client that waits for `100 Continue` has not sent any.
pub(super) async fn discard(headers: &HeaderMap, body: &mut Body) {
    if headers.contains_key(EXPECT) || http_body::Body::is_end_stream(body) {
        return;
    }
    let reading = async {
        let mut left = DISCARDED_BYTES;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, body.frame()).await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(DISCARDING, reading).await;
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn json_has_several_names() {
        for (value, fine) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/cloudevents+json", true),
            ("text/plain", false),
            ("application/jsonl", false),
            ("application/x-www-form-urlencoded", false),
            ("text/x+json", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(value))]);
            assert_eq!(is_json(&headers), fine, "{value}");
        }
        assert!(!is_json(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn only_arrays_may_be_large() {
        let read = async |limit, first: &str, size: usize| {
            let text = format!("{first}{}", " ".repeat(size - first.len()));
            collect(limit, &HeaderMap::new(), &mut Body::from(text)).await.map(|bytes| bytes.len()).ok()
        };
        let many = Limit::OneOrMany(ARRAY_BYTES);
        for limit in [Limit::One, many] {
            assert_eq!(read(limit, "{}", BODY_BYTES).await, Some(BODY_BYTES));
            assert_eq!(read(limit, "{}", BODY_BYTES + 1).await, None);
        }
        assert_eq!(read(Limit::One, " []", BODY_BYTES + 1).await, None);
        assert_eq!(read(many, " []", ARRAY_BYTES).await, Some(ARRAY_BYTES));
        assert_eq!(read(many, " []", ARRAY_BYTES + 1).await, None);
    }
}
