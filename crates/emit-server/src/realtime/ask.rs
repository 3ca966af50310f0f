//! What a stream's request asks for: the query, the headers, the transport.

use axum::http::header::{
    ACCEPT, CONNECTION, HeaderMap, ORIGIN, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri};

use super::handshake::{self, HandshakeError};
use crate::http::problem::{Code, Problem};
use crate::http::query::Query;

/// What the last event was, of a client that comes back.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The subprotocol that browsers offer beside the one that carries their key.
const PROTOCOL: &str = "emit.v1";

/// A stream's request.
#[derive(Debug)]
pub struct Ask {
    /// Resume after this number.
    pub since: Option<i64>,
    /// Begin with the space's counts.
    pub(super) snapshot: bool,
    /// Of what lags, only the newest progress of each job.
    pub(super) collapse: bool,
    pub(super) how: How,
}

/// The transport.
#[derive(Debug)]
pub(super) enum How {
    /// WebSocket: the accepted key, and whether the subprotocol was offered.
    Socket { accept: HeaderValue, protocol: bool },
    /// Server-sent events.
    Events,
    /// A plain GET, from a page that asks why, perhaps.
    Plain(HandshakeError),
}

impl Ask {
    /// Reads it; both are a client's own words.
    pub fn read(uri: &Uri, headers: &HeaderMap) -> Result<Ask, Problem> {
        let query = Query::of(uri);
        let since = query.text("since")?.map(|text| {
            position(text)
                .ok_or_else(|| Problem::invalid_query("since", "must be a sequence number, 0 or more"))
        });
        let collapse = match query.text("collapse")? {
            None => false,
            Some("progress") => true,
            Some(_) => return Err(Problem::invalid_query("collapse", "must be progress")),
        };
        let mut ask =
            Ask { since: since.transpose()?, snapshot: query.flag("snapshot")?, collapse, how: how(headers) };
        if let Some(id) = headers.get(LAST_EVENT_ID) {
            let since = id.to_str().ok().and_then(position);
            ask.since = Some(since.ok_or_else(|| {
                Problem::invalid_header("last-event-id", "must be the id of an event of this stream")
            })?);
        }
        Ok(ask)
    }
}

impl How {
    /// The answer to a request that asks for no stream.
    pub(super) fn refuse(error: &HandshakeError) -> Problem {
        Problem::new(StatusCode::UPGRADE_REQUIRED, Code::UpgradeRequired, error.to_string())
            .with(CONNECTION, "upgrade")
            .with(UPGRADE, "websocket")
            .with(SEC_WEBSOCKET_VERSION, handshake::VERSION)
    }
}

/// Browsers name the page that connects; other clients need not.
pub(super) fn check_origin(headers: &HeaderMap, allowed: &[String]) -> Result<(), Problem> {
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let is_allowed = |known: &String| known == "*" || known.as_bytes() == origin.as_bytes();
    if allowed.is_empty() || allowed.iter().any(is_allowed) {
        return Ok(());
    }
    Err(Problem::of(Code::OriginNotAllowed, "Pages of this origin may not connect (allowed origins)"))
}

fn how(headers: &HeaderMap) -> How {
    match handshake::accept(headers) {
        Ok(accept) => match HeaderValue::try_from(accept) {
            Ok(accept) => How::Socket { accept, protocol: lists(headers, &SEC_WEBSOCKET_PROTOCOL, PROTOCOL) },
            Err(_) => How::Plain(HandshakeError::Key),
        },
        Err(HandshakeError::Upgrade) if lists(headers, &ACCEPT, "text/event-stream") => How::Events,
        Err(error) => How::Plain(error),
    }
}

/// Whether a comma-separated header lists the word, its parameters aside.
fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(',')).filter_map(|part| part.split(';').next());
    words.any(|part| part.trim().eq_ignore_ascii_case(word))
}

fn position(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        pairs.iter().map(pair).collect()
    }

    fn read(query: &str, headers: &HeaderMap) -> Result<Ask, Problem> {
        Ask::read(&format!("/?{query}").parse().unwrap(), headers)
    }

    const EVENTS: (&str, &str) = ("accept", "text/event-stream");

    #[test]
    fn wrong_values_are_refused_and_unknown_parameters_ignored() {
        for query in [
            "since=-1",
            "since=x",
            "since=1.0",
            "since=99999999999999999999",
            "since=%2B1",
            "since=1&since=1",
        ]
        .into_iter()
        .chain(["snapshot=yes", "collapse=all"])
        {
            let problem = read(query, &HeaderMap::new()).unwrap_err();
            assert_eq!(problem.code(), Code::InvalidQuery, "{query}");
        }
        let ask = read("token=x&since=%37&collapse=progress&snapshot=true&a=b&c", &HeaderMap::new()).unwrap();
        assert_eq!((ask.since, ask.snapshot, ask.collapse), (Some(7), true, true));
    }

    #[test]
    fn last_event_id_beats_since() {
        let ask = read("since=7", &headers(&[EVENTS, ("last-event-id", "9")])).unwrap();
        assert_eq!(ask.since, Some(9));
        assert!(read("", &headers(&[EVENTS, ("last-event-id", "x")])).is_err());
    }

    #[test]
    fn the_transport_is_what_the_headers_say() {
        let of = |pairs: &[_]| read("", &headers(pairs)).unwrap().how;
        assert!(matches!(of(&[EVENTS]), How::Events));
        assert!(matches!(of(&[("accept", "text/html, text/event-stream;q=0.9")]), How::Events));
        assert!(matches!(of(&[]), How::Plain(HandshakeError::Upgrade)));
        let upgrade = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-protocol", "emit.v1, emit.token.x"),
        ];
        assert!(matches!(of(&upgrade), How::Socket { protocol: true, .. }));
        assert!(matches!(of(&upgrade[..4]), How::Socket { protocol: false, .. }));
        assert!(matches!(of(&upgrade[..3]), How::Plain(HandshakeError::Key)));
    }

    #[test]
    fn only_allowed_pages_connect() {
        let of = |origin| headers(&[("origin", origin)]);
        let allowed = ["https://app.example".to_owned()];
        assert!(check_origin(&of("https://app.example"), &allowed).is_ok());
        assert!(check_origin(&of("https://app.example.evil"), &allowed).is_err());
        assert!(check_origin(&of("null"), &allowed).is_err());
        assert!(check_origin(&HeaderMap::new(), &allowed).is_ok());
        assert!(check_origin(&of("https://any.example"), &[]).is_ok());
        assert!(check_origin(&of("https://any.example"), &["*".to_owned()]).is_ok());
    }
}
