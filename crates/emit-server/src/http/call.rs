//! One request on its way through a handler: everything that was checked, and getters for the rest.
//!
//! Handlers take the body apart before they ask for the path's job or space: the contract wants 422 before 404.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use emit_api::fields::checked;
use emit_api::jobs::fence;
use emit_core::command::Fence;
use emit_core::ids::Id;
use emit_core::limits::NAME_CHARS;
use emit_core::{JobId, Millis, SpaceId, TokenId};
use emit_store::{FoundJob, Token};

use super::auth::Target;
use super::problem::Problem;
use super::query::Query;
use super::serve::Shared;
use crate::app::App;
use crate::engine::Caller;
use crate::net::Wire;

const X_EMIT_DELIVERY: &str = "x-emit-delivery";
const X_EMIT_WORKER: &str = "x-emit-worker";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const TRACEPARENT: &str = "traceparent";
const X_EMIT_SEQ: HeaderName = HeaderName::from_static("x-emit-seq");

/// One request, checked up to its body.
pub(super) struct Call {
    pub shared: Arc<Shared>,
    pub token: Option<Arc<Token>>,
    pub parts: Parts,
    pub body: Bytes,
    pub client: IpAddr,
    pub request_id: String,
    pub target: Target,
    /// A path's piece that is no id.
    pub word: Option<String>,
}

impl Call {
    /// What handlers share with streams.
    pub(super) fn app(&self) -> &Arc<App> {
        &self.shared.app
    }

    /// The present time.
    pub(super) fn now(&self) -> Millis {
        self.shared.app.clock.now()
    }

    /// The body as checked JSON. `None`: it is empty.
    pub(super) fn json(&self) -> Result<Option<&str>, Problem> {
        if self.body.is_empty() { Ok(None) } else { Ok(Some(checked(&self.body)?)) }
    }

    /// The query.
    pub(super) fn query(&self) -> Query<'_> {
        Query::of(&self.parts.uri)
    }

    /// The key, on routes that need one.
    pub(super) fn token(&self) -> Result<&Arc<Token>, Problem> {
        self.token.as_ref().ok_or_else(Problem::missing_key)
    }

    /// What the key is bound to.
    pub(super) fn caller(&self) -> Caller {
        self.token.as_ref().map_or(Caller::default(), |token| Caller {
            space: token.space.map(|(no, _)| no),
            home: token.space.map(|(_, id)| id),
            job: token.job,
        })
    }

    /// The path's job; text that is no id names none.
    pub(super) fn job(&self) -> Result<JobId, Problem> {
        self.target.job.flatten().ok_or_else(Problem::job_not_found)
    }

    /// The path's space.
    pub(super) fn space(&self) -> Result<SpaceId, Problem> {
        self.target.space.flatten().ok_or_else(Problem::space_not_found)
    }

    /// The path's space, on routes that are there with and without one.
    pub(super) fn maybe_space(&self) -> Result<Option<SpaceId>, Problem> {
        if self.target.space.is_some() { self.space().map(Some) } else { Ok(None) }
    }

    /// The path's key.
    pub(super) fn token_id(&self) -> Result<TokenId, Problem> {
        self.target.token.flatten().ok_or_else(Problem::token_not_found)
    }

    /// The connection it came on.
    pub(super) fn wire(&self) -> Result<Wire, Problem> {
        self.parts.extensions.get().cloned().ok_or_else(Problem::internal)
    }

    /// The path's job as it is, if the key may see it.
    pub(super) async fn found_job(&self) -> Result<FoundJob, Problem> {
        let id = self.job()?;
        let found = self.app().reads.read(move |reader| reader.job(id)).await?;
        let found = found.ok_or_else(Problem::job_not_found)?;
        match self.caller() {
            Caller { space: Some(own), .. } if own != found.space.no => Err(Problem::wrong_space()),
            _ => Ok(found),
        }
    }

    /// Waits for the end of a job, as long as somebody waits for the answer.
    pub(super) async fn wait_for_end(&self, job: JobId, wait: Duration) -> Result<(), Problem> {
        self.while_wanted(crate::realtime::wait_for_end(self.app(), job, wait)).await.map(|_| ())
    }

    /// What takes its time, given up with the key, or (`None`) with the client.
    pub(super) async fn while_wanted<T>(&self, slow: impl Future<Output = T>) -> Result<Option<T>, Problem> {
        let (token, wire) = (self.token()?, self.wire()?);
        tokio::select! {
            biased;
            () = self.app().keyring.over(token) => {
                Err(Problem::invalid_key("This key was revoked or has expired"))
            }
            () = wire.gone() => Ok(None),
            done = slow => Ok(Some(done)),
        }
    }

    /// A header's text: given once, at most 200 characters, no control characters.
    fn header(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.parts.headers.get_all(name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
            return Err(Problem::invalid_header(name, "must be UTF-8"));
        };
        if values.any(|other| other != value) {
            return Err(Problem::invalid_header(name, "is given twice"));
        }
        if text.len() > NAME_CHARS && text.chars().count() > NAME_CHARS {
            return Err(Problem::invalid_header(name, "must have at most 200 characters"));
        }
        if text.chars().any(char::is_control) {
            return Err(Problem::invalid_header(name, "must not contain control characters"));
        }
        Ok(Some(text))
    }

    /// The delivery that a report comes from.
    pub(super) fn fence(&self) -> Result<Option<Fence>, Problem> {
        Ok(self.header(X_EMIT_DELIVERY)?.map(fence))
    }

    /// The worker, by its own words.
    pub(super) fn worker(&self) -> Result<Option<Arc<str>>, Problem> {
        Ok(self.header(X_EMIT_WORKER)?.filter(|worker| !worker.is_empty()).map(Into::into))
    }

    /// The creator's idempotency key.
    pub(super) fn idempotency_key(&self) -> Result<Option<&str>, Problem> {
        match self.header(IDEMPOTENCY_KEY)? {
            Some("") => Err(Problem::invalid_header(IDEMPOTENCY_KEY, "must not be empty")),
            key => Ok(key),
        }
    }

    /// A header that only a single job may have.
    pub(super) fn no_idempotency_key(&self) -> Result<(), Problem> {
        match self.parts.headers.contains_key(IDEMPOTENCY_KEY) {
            true => {
                Err(Problem::invalid_header(IDEMPOTENCY_KEY, "is for single jobs; in arrays use the field"))
            }
            false => Ok(()),
        }
    }

    /// The trace context, if it is one: a broken one is nobody's error.
    pub(super) fn traceparent(&self) -> Option<Arc<str>> {
        traceparent(&self.parts.headers).map(Into::into)
    }

    /// What `realtimeUrl` begins with.
    pub(super) fn realtime_base(&self) -> String {
        let origin = self.app().settings.public_url.as_str();
        // http becomes ws, https becomes wss.
        let rest = origin.strip_prefix("http").unwrap_or(origin);
        let scheme = if rest.len() < origin.len() { "ws" } else { "" };
        format!("{scheme}{rest}/api/v1/realtime/")
    }
}

/// The trace context of a request, if it is one.
pub(super) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    headers.get(TRACEPARENT)?.to_str().ok().filter(|text| is_traceparent(text))
}

/// `00-<32 hex>-<16 hex>-<2 hex>`, neither id all zeros; later versions may carry more.
fn is_traceparent(text: &str) -> bool {
    let bytes = text.as_bytes();
    let hex = |from: usize, to: usize| {
        bytes
            .get(from..to)
            .is_some_and(|part| part.iter().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)))
    };
    let dash = |at: usize| bytes.get(at) == Some(&b'-');
    let shape = hex(0, 2) && dash(2) && hex(3, 35) && dash(35) && hex(36, 52) && dash(52) && hex(53, 55);
    let zero = |from: usize, to: usize| bytes[from..to].iter().all(|byte| *byte == b'0');
    let length = if text.starts_with("00") { bytes.len() == 55 } else { bytes.len() == 55 || dash(55) };
    shape && length && bytes.len() <= 512 && !text.starts_with("ff") && !zero(3, 35) && !zero(36, 52)
}

/// A JSON answer.
pub(super) fn json(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The same from a value.
pub(super) fn value(status: StatusCode, body: &impl serde::Serialize) -> Response {
    json(status, serde_json::to_string(body).unwrap_or_default())
}

/// 204.
pub(super) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Adds the position that the answer's state contains.
pub(super) fn at_seq(mut response: Response, seq: i64) -> Response {
    response.headers_mut().insert(X_EMIT_SEQ, HeaderValue::from(seq));
    response
}

/// Adds the way to the next page.
pub(super) fn linked(mut response: Response, next: Option<HeaderValue>) -> Response {
    if let Some(next) = next {
        response.headers_mut().insert(LINK, next);
    }
    response
}

/// The id in a path's piece.
pub(super) fn id(text: Option<&str>) -> Option<Option<Id>> {
    text.map(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_well_formed_trace_context_is_kept() {
        let fine = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_traceparent(fine));
        assert!(is_traceparent(&format!("01{}-extra", &fine[2..])));
        for bad in [
            "",
            "00",
            &fine[..54],
            &format!("{fine}0"),
            &format!("{fine}-extra"),
            &fine.to_uppercase(),
            &format!("ff{}", &fine[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert!(!is_traceparent(bad), "{bad}");
        }
    }
}
