//! The description of the API and a page for each error's code; what the dashboard of `emit dev` may do without a key.

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emit_api::jobs::demo;
use emit_core::retry::Backoff;
use emit_core::{NewJob, Spec};

use sha2::{Digest, Sha256};

use super::Answer;
use super::call::{Call, json};
use super::problem::{Code, Problem};
use crate::demo::JOB_NAME;

/// A demo job waits that long: the page is to be connected when its life begins.
const HEAD_START_MS: i64 = 700;
/// The page as it is sent.
pub(super) struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    /// The description of the API.
    pub(super) fn docs(description: &str) -> Page {
        Page::of(super::docs::render(description))
    }

    /// With the policy that lets it do what it does itself.
    fn of(html: String) -> Page {
        // Hashes rather than `unsafe-inline`: nothing that got into the page some other way would run.
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            source_hash(&html, "<script>", "</script>"),
            source_hash(&html, "<style>", "</style>"),
        );
        let nothing = HeaderValue::from_static("default-src 'none'");
        Page { html, policy: HeaderValue::try_from(policy).unwrap_or(nothing) }
    }
}

/// What a policy calls the text between two tags.
fn source_hash(html: &str, open: &str, close: &str) -> String {
    let inside = html.split_once(open).and_then(|(_, rest)| rest.split_once(close));
    inside.map_or("'none'".into(), |(text, _)| {
        format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
    })
}

pub(super) async fn docs(call: Call) -> Answer {
    Ok(send(&call.shared.docs))
}

fn send(page: &Page) -> Response {
    let mut response = json(StatusCode::OK, page.html.clone());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CONTENT_SECURITY_POLICY, page.policy.clone());
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// What a problem's `type` leads to.
pub(super) async fn error(call: Call) -> Answer {
    let code = call.word.as_deref().and_then(Code::from_word).ok_or_else(Problem::not_found)?;
    let mut response = json(StatusCode::OK, code.page().to_owned());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/markdown; charset=utf-8"));
    Ok(response)
}

/// The page's button: a job in the demo space. Only the space's public key leaves the server.
pub(super) async fn demo_job(call: Call) -> Answer {
    let app = call.app();
    let space = app.settings.demo.as_ref().ok_or_else(Problem::not_found)?;
    let job = NewJob {
        spec: Arc::new(Spec {
            name: JOB_NAME.into(),
            timeout_ms: 300_000,
            delivery_timeout_ms: 60_000,
            backoff: Backoff::default(),
            tags: None,
            idempotency_key: None,
            traceparent: None,
            callback: None,
        }),
        payload: None,
        max_retries: 3,
        priority: 0,
        scheduled_for: Some(call.now() + HEAD_START_MS),
        expires_at: None,
        fingerprint: [0; 32],
    };
    let created = app.engine.create(space.space_id, vec![job]).await?;
    let created = created.first().ok_or_else(Problem::internal)?;
    Ok(json(StatusCode::CREATED, demo(created.done.job.id, &space.public_token)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_asks_no_other_host_and_runs_only_its_own_style() {
        let policy = Page::docs("{}").policy.to_str().unwrap().to_owned();
        assert!(policy.contains("style-src 'sha256-") && policy.contains("script-src 'none'"), "{policy}");
        assert!(!policy.contains("unsafe"));
    }
}
