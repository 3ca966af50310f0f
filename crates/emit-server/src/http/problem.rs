//! The one place where refusals and rejections become HTTP.
//!
//! Handlers and streams answer `Result<Response, Problem>`; only the router turns a [`Problem`] into a response,
//! since only there the request's id is known. Details must never hold a key or a 5xx's inner reason.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use emit_api::fields::Rejection;
use emit_api::problem::{self as wire, FieldError};
use emit_core::{Refusal, Scope, Status};

pub use emit_api::problem::Code;

/// An error on its way out.
#[derive(Debug)]
pub struct Problem(Box<Inner>);

// Boxed: an error is rare, and `Result<Response, Problem>` is moved a lot.
#[derive(Debug)]
struct Inner {
    status: StatusCode,
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    job_status: Option<Status>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Problem {
    /// A problem of that status and code.
    pub fn new(status: StatusCode, code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        Problem(Box::new(Inner {
            status,
            code,
            detail: detail.into(),
            errors: Vec::new(),
            job_status: None,
            headers: Vec::new(),
        }))
    }

    /// A problem with the code's usual status.
    pub fn of(code: Code, detail: impl Into<Cow<'static, str>>) -> Problem {
        let status = StatusCode::from_u16(code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Problem::new(status, code, detail)
    }

    /// No such address.
    pub fn not_found() -> Problem {
        Problem::of(Code::NotFound, "There is nothing at this address")
    }

    /// No such job.
    pub fn job_not_found() -> Problem {
        Problem::of(Code::JobNotFound, "There is no job of this id")
    }

    /// No such space.
    pub fn space_not_found() -> Problem {
        Problem::of(Code::SpaceNotFound, "There is no space of this id")
    }

    /// No such key.
    pub fn token_not_found() -> Problem {
        Problem::of(Code::TokenNotFound, "There is no key of this id here")
    }

    /// The key belongs to another space.
    pub fn wrong_space() -> Problem {
        Problem::of(Code::WrongSpace, "This key belongs to another space")
    }

    /// The key is bound to another job.
    pub fn wrong_job() -> Problem {
        Problem::of(Code::WrongJob, "This key belongs to one job, and not to this one")
    }

    /// The key lacks a scope.
    pub fn missing_scope(scope: Scope) -> Problem {
        Problem::of(Code::MissingScope, format!("Missing required scope: {scope}"))
    }

    /// No key was sent.
    pub fn missing_key() -> Problem {
        Problem::of(Code::MissingKey, "Send a key in x-api-key or as Authorization: Bearer")
            .with(WWW_AUTHENTICATE, "Bearer realm=\"emit\"")
    }

    /// The key is unknown, expired or revoked, or there are two.
    pub fn invalid_key(detail: &'static str) -> Problem {
        Problem::of(Code::InvalidKey, detail)
            .with(WWW_AUTHENTICATE, "Bearer realm=\"emit\", error=\"invalid_token\"")
    }

    /// The address has other methods only.
    pub fn method_not_allowed(allowed: &str) -> Problem {
        Problem::of(Code::MethodNotAllowed, format!("This address allows {allowed}")).with(ALLOW, allowed)
    }

    /// A parameter of the query is wrong.
    pub fn invalid_query(name: &str, detail: impl Into<String>) -> Problem {
        Problem::of(Code::InvalidQuery, format!("The query parameter {name} is wrong")).at(name, detail)
    }

    /// A header is wrong.
    pub fn invalid_header(name: &'static str, detail: impl Into<String>) -> Problem {
        Problem::of(Code::InvalidHeader, format!("The header {name} is wrong")).at(name, detail)
    }

    /// The head or body of a request did not come in time.
    pub fn too_slow(what: &str, patience: Duration) -> Problem {
        let seconds = patience.as_secs();
        Problem::of(
            Code::RequestTimeout,
            format!("The request's {what} did not arrive within {seconds} seconds"),
        )
    }

    /// The server made a mistake; what it was stands in the log only.
    pub fn internal() -> Problem {
        Problem::of(Code::Internal, "The server made a mistake; its log says more under this request's id")
    }

    /// What an array's items have become, or everything that is wrong with them.
    pub(super) fn gather<T>(items: impl Iterator<Item = Result<T, Rejection>>) -> Result<Vec<T>, Problem> {
        let mut taken = Vec::with_capacity(items.size_hint().0);
        let mut refused: Option<Rejection> = None;
        for item in items {
            match (item, &mut refused) {
                (Ok(item), _) => taken.push(item),
                (Err(rejection), None) => refused = Some(rejection),
                (Err(rejection), Some(first)) => first.join(rejection),
            }
        }
        refused.map_or(Ok(taken), |rejection| Err(rejection.into()))
    }

    /// Of an array's only item: what was refused was no array.
    #[must_use]
    pub(super) fn of_single(mut self) -> Problem {
        for error in &mut self.0.errors {
            if let Some(path) = error.path.strip_prefix("/0") {
                error.path = path.to_owned();
            }
        }
        self
    }

    /// Adds one wrong field, parameter or header.
    #[must_use]
    pub fn at(mut self, name: &str, detail: impl Into<String>) -> Problem {
        self.0.errors.push(FieldError { path: format!("/{name}"), detail: detail.into() });
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: &str) -> Problem {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    /// Adds `Retry-After`, in whole seconds, rounded up.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Problem {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        self.with(RETRY_AFTER, &seconds.to_string())
    }

    /// Adds the job's present status.
    #[must_use]
    pub fn job_status(mut self, status: Status) -> Problem {
        self.0.job_status = Some(status);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What went wrong.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The body.
    pub fn to_json(&self, request_id: &str) -> String {
        let inner = &self.0;
        let mut problem = wire::Problem::new(inner.code, inner.status.as_u16(), &inner.detail, request_id);
        problem.errors = &inner.errors;
        problem.job_status = inner.job_status;
        problem.to_json()
    }

    /// The response, but for the headers that every answer carries.
    pub fn into_response(self, request_id: &str) -> Response {
        let mut response = Response::new(Body::from(self.to_json(request_id)));
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.extend(self.0.headers);
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        use Refusal as R;
        let later = |code, detail: &'static str, seconds| {
            Problem::of(code, detail).retry_after(Duration::from_secs(seconds))
        };
        match refusal {
            R::WrongState(status) => {
                Problem::of(Code::WrongState, format!("The job is {}", status.as_str())).job_status(status)
            }
            R::StaleDelivery(status) => {
                Problem::of(Code::StaleDelivery, "This is not the job's latest delivery").job_status(status)
            }
            R::NotYetAvailable(status) => {
                Problem::of(Code::NotAvailable, "The job waits for the end of its delay (availableAt)")
                    .job_status(status)
            }
            R::SpacePaused(status) => {
                Problem::of(Code::SpacePaused, "The space hands out no jobs while it is paused")
                    .job_status(status)
            }
            R::NoCallback(status) => {
                Problem::of(Code::NoCallback, "The job has no callbackUrl").job_status(status)
            }
            R::JobNotFound => Problem::job_not_found(),
            R::SpaceNotFound => Problem::space_not_found(),
            R::TokenNotFound => Problem::token_not_found(),
            R::WrongSpace => Problem::wrong_space(),
            R::WrongJob => Problem::wrong_job(),
            R::NoJobToBind => Problem::of(Code::InvalidFields, "A key is bound to a job of its space")
                .at("jobId", "is no job of this space"),
            R::IdempotencyMismatch { item } => {
                Problem::of(Code::IdempotencyMismatch, "This idempotency key came with another body before")
                    .at(
                        &format!("{item}/idempotencyKey"),
                        "was used for another body within the last 24 hours",
                    )
            }
            R::SpaceNotEmpty => {
                Problem::of(Code::SpaceNotEmpty, "The space still has jobs; ?force=true deletes them too")
            }
            // Secrets are drawn with 190 random bits: two that agree mean that the dice are broken.
            R::TokenExists => Problem::internal(),
            R::QueueFull => later(Code::QueueFull, "The space's maxPending would be passed", 5),
            R::Overloaded => later(Code::Overloaded, "Nothing was done", 1),
            R::Draining => {
                later(Code::Draining, "Nothing was done; another try may reach the next process", 1)
            }
            R::StoreUnavailable => later(Code::StoreUnavailable, "Nothing was written", 2),
            R::OutcomeUnknown => {
                later(Code::OutcomeUnknown, "Repeat it with the same idempotency key or delivery", 2)
            }
            R::StoreStopped => {
                later(Code::StoreStopped, "A write did not reach the disk; the operator must restart", 30)
            }
        }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let mut problem = Problem::of(rejection.code, rejection.detail);
        problem.0.errors = rejection.errors;
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_the_contracts_codes() {
        let running = Status::Running;
        for (refusal, status, code) in [
            (Refusal::WrongState(running), 409, Code::WrongState),
            (Refusal::StaleDelivery(running), 409, Code::StaleDelivery),
            (Refusal::NotYetAvailable(Status::Pending), 409, Code::NotAvailable),
            (Refusal::SpacePaused(Status::Pending), 409, Code::SpacePaused),
            (Refusal::NoCallback(Status::Dead), 409, Code::NoCallback),
            (Refusal::JobNotFound, 404, Code::JobNotFound),
            (Refusal::WrongSpace, 403, Code::WrongSpace),
            (Refusal::IdempotencyMismatch { item: 3 }, 422, Code::IdempotencyMismatch),
            (Refusal::QueueFull, 503, Code::QueueFull),
            (Refusal::Draining, 503, Code::Draining),
            (Refusal::OutcomeUnknown, 503, Code::OutcomeUnknown),
        ] {
            let is_state = matches!(status, 409);
            let problem = Problem::from(refusal);
            assert_eq!((problem.status().as_u16(), problem.code()), (status, code));
            assert_eq!(problem.0.job_status.is_some(), is_state, "{code:?}");
            let has_retry = problem.0.headers.iter().any(|(name, _)| *name == RETRY_AFTER);
            assert_eq!(has_retry, status == 503, "{code:?}");
        }
        let item = Problem::from(Refusal::IdempotencyMismatch { item: 3 });
        assert_eq!(item.0.errors[0].path, "/3/idempotencyKey");
    }

    #[test]
    fn a_batch_tells_what_is_wrong_with_all_its_items() {
        let items = [r#"{"name":"x"}"#, "{}", r#"{"name":"x","callbackUrl":"u"}"#, "1"];
        let read = |(index, text): (usize, &&str)| {
            emit_api::jobs::create(text, b"", &format!("/{index}"), &Default::default(), 0)
        };
        let problem = Problem::gather(items.iter().enumerate().map(read)).unwrap_err();
        assert_eq!(problem.code(), Code::InvalidFields);
        let paths: Vec<_> = problem.0.errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths, ["/1/name", "/2/callbackUrl", "/3"]);
    }
}
