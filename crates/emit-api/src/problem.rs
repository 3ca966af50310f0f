//! Errors on the wire: `application/problem+json` (RFC 9457), and every code there is, each with its page.
//!
//! Codes are for programs and never change; titles and details are for people and may.

use emit_core::Status;
use serde::Serialize;
use utoipa::ToSchema;

macro_rules! codes {
    ($($name:ident = $word:literal, $status:literal, $title:literal;)*) => {
        /// What went wrong, for programs. Each has a page in `docs/errors`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// All codes, in the order of their statuses.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $word,)* }
            }

            /// The code of that word.
            pub fn from_word(word: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|code| code.as_str() == word)
            }

            /// The HTTP status it usually comes with.
            pub fn status(self) -> u16 {
                match self { $(Code::$name => $status,)* }
            }

            /// What happened, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$name => $title,)* }
            }

            /// Its documentation page, as Markdown: what happened, whether a retry is safe, what to do.
            pub fn page(self) -> &'static str {
                // A code without a page does not compile.
                match self { $(Code::$name => include_str!(concat!("../../../docs/errors/", $word, ".md")),)* }
            }
        }
    };
}

codes! {
    MalformedJson = "malformed_json", 400, "The body is not JSON";
    BadRequest = "bad_request", 400, "The request cannot be understood";
    MissingKey = "missing_key", 401, "No key was sent";
    InvalidKey = "invalid_key", 401, "The key is not valid";
    MissingScope = "missing_scope", 403, "The key may not do this";
    WrongSpace = "wrong_space", 403, "The key belongs to another space";
    WrongJob = "wrong_job", 403, "The key belongs to another job";
    OriginNotAllowed = "origin_not_allowed", 403, "This origin may not connect";
    NotFound = "not_found", 404, "No such address";
    JobNotFound = "job_not_found", 404, "No such job";
    SpaceNotFound = "space_not_found", 404, "No such space";
    TokenNotFound = "token_not_found", 404, "No such key";
    MethodNotAllowed = "method_not_allowed", 405, "The address has no such method";
    RequestTimeout = "request_timeout", 408, "The request took too long to arrive";
    WrongState = "wrong_state", 409, "The job's status does not allow this";
    StaleDelivery = "stale_delivery", 409, "The job has been delivered anew";
    NotAvailable = "not_available", 409, "The job waits for the end of its delay";
    SpacePaused = "space_paused", 409, "The space is paused";
    NoCallback = "no_callback", 409, "The job has no callback";
    SpaceNotEmpty = "space_not_empty", 409, "The space still has jobs";
    PayloadTooLarge = "payload_too_large", 413, "The body is too large";
    UnsupportedMediaType = "unsupported_media_type", 415, "The body's type is not JSON";
    InvalidFields = "invalid_fields", 422, "Fields of the body are wrong";
    InvalidQuery = "invalid_query", 422, "Parameters of the query are wrong";
    InvalidHeader = "invalid_header", 422, "A header is wrong";
    IdempotencyMismatch = "idempotency_mismatch", 422, "The idempotency key was used for another body";
    UseCursor = "use_cursor", 422, "The offset is too large";
    UpgradeRequired = "upgrade_required", 426, "This address speaks WebSocket";
    RateLimited = "rate_limited", 429, "Too many requests";
    TooManyStreams = "too_many_streams", 429, "Too many streams";
    Internal = "internal", 500, "The server made a mistake";
    QueueFull = "queue_full", 503, "The queue is full";
    Overloaded = "overloaded", 503, "The server has too much to do";
    Draining = "draining", 503, "The server is restarting";
    StoreUnavailable = "store_unavailable", 503, "The store cannot be reached";
    OutcomeUnknown = "outcome_unknown", 503, "It may have happened or not";
    StoreStopped = "store_stopped", 503, "The store takes no writes";
}

/// One field or parameter that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON Pointer into the body, or `/` and the name of a query parameter or header.
    pub path: String,
    /// What is wrong with it.
    pub detail: String,
}

/// An error.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem<'a> {
    /// Where the code's page is: `/errors/` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened, in a few words.
    pub title: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What happened here.
    pub detail: &'a str,
    /// What went wrong, for programs. New ones may be added.
    pub code: &'static str,
    /// Also the header `x-request-id`, also in the server's log.
    pub request_id: &'a str,
    /// On every 422 about a field or parameter.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(required = false)]
    pub errors: &'a [FieldError],
    /// On a 409: the job's present status.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub job_status: Option<Status>,
}

impl<'a> Problem<'a> {
    /// A problem of that code and status, without the optional fields.
    pub fn new(code: Code, status: u16, detail: &'a str, request_id: &'a str) -> Problem<'a> {
        Problem {
            kind: format!("/errors/{}", code.as_str()),
            title: code.title(),
            status,
            detail,
            code: code.as_str(),
            request_id,
            errors: &[],
            job_status: None,
        }
    }

    /// The problem as JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code is explained on a page of its own, short enough to be read, and no page is left over.
    #[test]
    fn every_code_has_its_page() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {}\n", code.as_str())), "{code:?}");
            assert!(page.lines().count() <= 15, "{code:?}");
            for part in ["**What happened**", "**Is a retry safe?**", "**What to do**"] {
                assert!(page.contains(part), "{code:?} lacks {part}");
            }
        }
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors");
        for file in std::fs::read_dir(folder).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            assert!(Code::from_word(name.trim_end_matches(".md")).is_some(), "{name} is no code");
        }
    }

    #[test]
    fn a_problem_has_the_contracts_fields_in_order() {
        let errors = [FieldError { path: "/name".into(), detail: "is required".into() }];
        let mut problem = Problem::new(Code::InvalidFields, 422, "1 field is wrong", "01J");
        problem.errors = &errors;
        let text = r#"{"type":"/errors/invalid_fields","title":"Fields of the body are wrong","status":422,"#;
        assert!(problem.to_json().starts_with(text), "{}", problem.to_json());
        assert!(problem.to_json().ends_with(r#""errors":[{"path":"/name","detail":"is required"}]}"#));
    }
}
