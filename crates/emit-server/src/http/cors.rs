//! Who may call from a browser: everybody, or the operator's list of origins. Never with credentials: keys are
//! headers, and cookies mean nothing here.

use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ORIGIN, VARY,
};
use axum::http::{HeaderMap, HeaderValue};

const ALLOWED: HeaderValue = HeaderValue::from_static(
    "authorization, x-api-key, content-type, idempotency-key, x-emit-delivery, x-emit-worker, last-event-id",
);
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "Link, Retry-After, RateLimit-Limit, RateLimit-Remaining, RateLimit-Reset, x-emit-seq",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PATCH, DELETE");
/// Browsers ask again after a day at most (and sooner, by their own limits).
const MAX_AGE: HeaderValue = HeaderValue::from_static("86400");

/// The value of `access-control-allow-origin` for a request. `None`: its origin may not.
pub(super) fn allowed_origin(request: &HeaderMap, allowed: &[String]) -> Option<HeaderValue> {
    if allowed.is_empty() || allowed.iter().any(|origin| origin == "*") {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = request.get(ORIGIN)?;
    allowed.iter().any(|known| known.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Puts on any answer, errors included, what lets a page read it.
pub(super) fn mark(answer: &mut HeaderMap, origin: Option<HeaderValue>) {
    if origin.as_ref().is_none_or(|origin| origin != "*") {
        answer.append(VARY, HeaderValue::from_static("Origin"));
    }
    if let Some(origin) = origin {
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// What a browser is told before it sends the real request.
pub(super) fn preflight(answer: &mut HeaderMap) {
    answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED);
    answer.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_origins_is_answered_by_name_and_others_are_not() {
        let mut request = HeaderMap::new();
        assert_eq!(allowed_origin(&request, &[]), Some(HeaderValue::from_static("*")));
        let list = ["https://app.example".to_owned()];
        assert_eq!(allowed_origin(&request, &list), None);
        request.insert(ORIGIN, HeaderValue::from_static("https://app.example"));
        assert_eq!(allowed_origin(&request, &list).unwrap(), "https://app.example");
        request.insert(ORIGIN, HeaderValue::from_static("https://app.example.org"));
        assert_eq!(allowed_origin(&request, &list), None);
    }

    #[test]
    fn answers_that_depend_on_the_origin_say_so() {
        let mut answer = HeaderMap::new();
        mark(&mut answer, None);
        assert_eq!(answer[VARY], "Origin");
        assert!(!answer.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN));
    }
}
