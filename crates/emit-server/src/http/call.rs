//! One request on its way through a handler: everything that was checked, and getters for the rest.
//!
//! Handlers take the body apart before they ask for the path's job or space: the contract wants 422 before 404.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, LINK};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use emit_api::fields::checked;
use emit_core::ids::Id;
use emit_core::{JobId, Millis, SpaceId, TokenId};
use emit_store::{FoundJob, Token};

use super::auth::Target;
use super::headers::Headers;
use super::problem::Problem;
use super::query::Query;
use super::serve::Shared;
use crate::app::App;
use crate::engine::Caller;
use crate::net::Wire;

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

    /// What headers of ours say.
    pub(super) fn headers(&self) -> Headers<'_> {
        Headers::of(&self.parts.headers)
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
