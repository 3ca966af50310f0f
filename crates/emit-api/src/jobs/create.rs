//! The body of a create: one job, or one item of an array.

use std::borrow::Cow;
use std::sync::Arc;

use emit_core::json::{self, write_string};
use emit_core::limits::{
    DELAY_SECONDS, MAX_RETRIES, PRIORITY, SCHEDULE_DAYS, TAG_KEY_CHARS, TAG_VALUE_CHARS, TAGS,
};
use emit_core::retry::{Backoff, Strategy};
use emit_core::time::{DAY, SECOND};
use emit_core::{Millis, NewJob, Spec};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::fields::{Errors, Fields, Rejection, plain_text};
use crate::outbound::callback;

/// A job to be created.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct CreateRequest {
    /// What kind of work it is; no control characters.
    #[schema(min_length = 1, max_length = 200, example = "generate-report")]
    pub name: String,
    /// Any JSON, handed to the worker as sent.
    #[schema(required = false)]
    pub payload: serde_json::Value,
    /// Retries after the first attempt.
    #[schema(required = false, minimum = 0, maximum = 25, default = 3)]
    pub max_retries: i64,
    /// How long an attempt may run without a sign of life.
    #[schema(required = false, minimum = 1, maximum = 86_400, default = 300)]
    pub timeout_seconds: i64,
    /// How long a worker may take to ack; at most `timeoutSeconds`, by default 60 or that.
    #[schema(required = false, minimum = 1, maximum = 86_400)]
    pub delivery_timeout_seconds: i64,
    /// Not before then; at most ten years ahead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scheduled_for: Option<String>,
    /// A job still waiting then is dead.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<String>,
    /// Higher first.
    #[schema(required = false, minimum = -100, maximum = 100, default = 0)]
    pub priority: i64,
    /// Delay before a retry; by default none.
    pub retry_backoff: Option<RetryBackoff>,
    /// Where its end is told, with a signed POST.
    #[schema(max_length = 2_000, example = "https://example.com/jobs/ended")]
    pub callback_url: Option<String>,
    /// Headers to send along, at most 20; their values are never answered.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub callback_headers: Option<serde_json::Value>,
    /// Up to 16 pairs to find the job by: keys of 1 to 50 characters without `:`, values of up to 200.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub tags: Option<serde_json::Value>,
    /// The same key again within 24 hours answers the first job. The header `Idempotency-Key` does the same.
    #[schema(min_length = 1, max_length = 200)]
    pub idempotency_key: Option<String>,
}

pub(crate) const FIELDS: &[&str] = &[
    "name",
    "payload",
    "maxRetries",
    "timeoutSeconds",
    "deliveryTimeoutSeconds",
    "scheduledFor",
    "expiresAt",
    "priority",
    "retryBackoff",
    "callbackUrl",
    "callbackHeaders",
    "tags",
    "idempotencyKey",
];

/// Delay before the n-th retry: min(delaySeconds · 2^(n−1), maxDelaySeconds).
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RetryBackoff {
    /// `none`, `fixed` or `exponential`.
    #[schema(pattern = "^(none|fixed|exponential)$")]
    pub strategy: String,
    /// The first delay; required but for `none`.
    #[schema(required = false, minimum = 0, maximum = 86_400)]
    pub delay_seconds: f64,
    /// No delay is longer.
    #[schema(required = false, minimum = 0, maximum = 86_400, default = 86_400)]
    pub max_delay_seconds: f64,
    /// Draw the delay from 0 to the computed one.
    #[schema(required = false, default = false)]
    pub jitter: bool,
}

pub(crate) const BACKOFF_FIELDS: &[&str] = &["strategy", "delaySeconds", "maxDelaySeconds", "jitter"];

/// What a create's headers add.
#[derive(Debug, Clone, Default)]
pub struct Created<'a> {
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// The header `traceparent`.
    pub traceparent: Option<Arc<str>>,
}

/// Reads a job. `text` is its checked JSON, `bytes` what an idempotency key stands for, `path` where it is.
pub fn create(
    text: &str,
    bytes: &[u8],
    path: &str,
    headers: &Created<'_>,
    now: Millis,
) -> Result<NewJob, Rejection> {
    let mut errors = Errors::default();
    let job = errors.open(text, path, FIELDS).map(|mut fields| read(&mut fields, bytes, headers, now));
    errors.finish(job)?.ok_or_else(Rejection::no_object)
}

fn read(fields: &mut Fields<'_, '_>, bytes: &[u8], headers: &Created<'_>, now: Millis) -> NewJob {
    fields.require(&["name"]);
    fields.null_is_absent(&[
        "payload",
        "scheduledFor",
        "expiresAt",
        "retryBackoff",
        "callbackUrl",
        "callbackHeaders",
        "tags",
        "idempotencyKey",
    ]);
    let timeout = fields.whole("timeoutSeconds", 1, DELAY_SECONDS).unwrap_or(300);
    let delivery = fields.whole("deliveryTimeoutSeconds", 1, DELAY_SECONDS);
    if delivery.is_some_and(|delivery| delivery > timeout) {
        fields.wrong("deliveryTimeoutSeconds", "must be at most timeoutSeconds");
    }
    let idempotency_key = idempotency_key(fields, headers);
    NewJob {
        fingerprint: if idempotency_key.is_some() { Sha256::digest(bytes).into() } else { [0; 32] },
        payload: fields.raw("payload").map(Into::into),
        max_retries: fields.whole("maxRetries", 0, MAX_RETRIES).unwrap_or(3) as u32,
        priority: fields.whole("priority", -PRIORITY, PRIORITY).unwrap_or(0),
        scheduled_for: scheduled_for(fields, now),
        expires_at: fields.time("expiresAt"),
        spec: Arc::new(Spec {
            name: fields.name("name").unwrap_or_default().into(),
            timeout_ms: timeout * SECOND,
            delivery_timeout_ms: delivery.unwrap_or(timeout.min(60)) * SECOND,
            backoff: backoff(fields),
            tags: tags(fields),
            idempotency_key,
            traceparent: headers.traceparent.clone(),
            callback: callback(fields),
        }),
    }
}

fn idempotency_key(fields: &mut Fields<'_, '_>, headers: &Created<'_>) -> Option<Arc<str>> {
    let field = fields.name("idempotencyKey");
    if let (Some(field), Some(header)) = (&field, headers.idempotency_key)
        && field != header
    {
        fields.wrong("idempotencyKey", "differs from the header Idempotency-Key");
    }
    field.map(Into::into).or_else(|| headers.idempotency_key.map(Into::into))
}

/// `scheduledFor` of a create or an edit.
pub(super) fn scheduled_for(fields: &mut Fields<'_, '_>, now: Millis) -> Option<Millis> {
    let at = fields.time("scheduledFor")?;
    if at > now + SCHEDULE_DAYS * DAY {
        fields.wrong("scheduledFor", "must be at most ten years ahead");
    }
    Some(at)
}

fn backoff(fields: &mut Fields<'_, '_>) -> Backoff {
    let mut backoff = Backoff::default();
    let Some(mut fields) = fields.object("retryBackoff", BACKOFF_FIELDS) else { return backoff };
    fields.require(&["strategy"]);
    if let Some(word) = fields.text("strategy") {
        match &*word {
            "none" => backoff.strategy = Strategy::None,
            "fixed" => backoff.strategy = Strategy::Fixed,
            "exponential" => backoff.strategy = Strategy::Exponential,
            _ => fields.wrong("strategy", "must be none, fixed or exponential"),
        }
    }
    if matches!(backoff.strategy, Strategy::Fixed | Strategy::Exponential) {
        fields.require(&["delaySeconds"]);
    }
    backoff.delay_seconds = fields.seconds("delaySeconds", DELAY_SECONDS).unwrap_or(0.0);
    backoff.max_delay_seconds =
        fields.seconds("maxDelaySeconds", DELAY_SECONDS).unwrap_or(DELAY_SECONDS as f64);
    backoff.jitter = fields.flag("jitter").unwrap_or(false);
    backoff
}

/// Tags are no payload: they are kept in one form, so that a store can look a pair up as text.
fn tags(fields: &mut Fields<'_, '_>) -> Option<Arc<str>> {
    let text = fields.object_text("tags")?;
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
    for (key, value) in json::members(text) {
        if pairs.len() == TAGS {
            fields.wrong("tags", format!("must be at most {TAGS}"));
            return None;
        }
        if pairs.iter().any(|(known, _)| *known == key) {
            fields.wrong_within("tags", &key, "is given twice");
        }
        if key.is_empty() || key.chars().count() > TAG_KEY_CHARS || key.contains([':', '\0']) {
            fields.wrong_within("tags", &key, "must have 1 to 50 characters, none of them a colon or U+0000");
        }
        match plain_text(value) {
            Ok(value) if value.chars().count() <= TAG_VALUE_CHARS => pairs.push((key, value)),
            Ok(_) => fields.wrong_within("tags", &key, "must have at most 200 characters"),
            Err(fault) => fields.wrong_within("tags", &key, fault),
        }
    }
    let mut out = String::from("{");
    for (at, (key, value)) in pairs.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_string(&mut out, key);
        out.push(':');
        write_string(&mut out, value);
    }
    out.push('}');
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{properties, wrong};

    const NOW: Millis = 1_740_393_120_000;

    fn made(text: &str) -> Result<NewJob, Rejection> {
        create(text, text.as_bytes(), "", &Created::default(), NOW)
    }

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<CreateRequest>(), FIELDS);
        assert_eq!(properties::<RetryBackoff>(), BACKOFF_FIELDS);
    }

    #[test]
    fn defaults_are_the_contracts() {
        let job = made(r#"{"name":"x"}"#).unwrap();
        assert_eq!((job.max_retries, job.priority, job.payload), (3, 0, None));
        assert_eq!((job.spec.timeout_ms, job.spec.delivery_timeout_ms), (300_000, 60_000));
        assert_eq!(job.spec.backoff, Backoff::default());
        let short = made(r#"{"name":"x","timeoutSeconds":10}"#).unwrap();
        assert_eq!(short.spec.delivery_timeout_ms, 10_000);
    }

    #[test]
    fn each_limit_holds_on_both_sides() {
        for (field, fine, bad) in [
            ("maxRetries", &["0", "25", "3.0"][..], &["-1", "26", "1.5", "\"3\"", "null"][..]),
            ("timeoutSeconds", &["60", "86400"], &["0", "86401", "60.5"]),
            ("deliveryTimeoutSeconds", &["1", "300"], &["0", "301"]),
            ("priority", &["-100", "100"], &["-101", "101"]),
            (
                "scheduledFor",
                &["null", "\"1970-01-01T00:00:00Z\"", "\"2035-02-24T00:00:00Z\""],
                &["\"2035-03-01T00:00:00Z\"", "1", "\"soon\""],
            ),
            ("expiresAt", &["null", "\"1999-01-01T00:00:00+01:00\""], &["\"1999\""]),
            (
                "tags",
                &["null", "{}", r#"{"a":"","b":"x"}"#],
                &[
                    "[]",
                    r#"{"a":1}"#,
                    r#"{"":"x"}"#,
                    r#"{"a:b":"x"}"#,
                    r#"{"a":"1","a":"2"}"#,
                    r#"{"a":"\u0000"}"#,
                ],
            ),
            ("idempotencyKey", &["null", "\"k\""], &["\"\"", "1"]),
            (
                "callbackUrl",
                &["null", "\"https://example.com\""],
                &["1", "\"example.com\"", "\"http://u@a\""],
            ),
            ("callbackHeaders", &["null"], &["{}", "[]", r#"{"host":"a"}"#]),
            (
                "retryBackoff",
                &[
                    "null",
                    r#"{"strategy":"none"}"#,
                    r#"{"strategy":"fixed","delaySeconds":0.5}"#,
                    r#"{"strategy":"exponential","delaySeconds":86400,"maxDelaySeconds":0,"jitter":true}"#,
                ],
                &[
                    "{}",
                    r#"{"strategy":"fixed"}"#,
                    r#"{"strategy":"linear","delaySeconds":1}"#,
                    r#"{"strategy":"none","delaySeconds":86401}"#,
                    r#"{"strategy":"none","extra":1}"#,
                ],
            ),
            ("payload", &["null", "1", r#"{"a":"\u0000"}"#], &[]),
            ("other", &[], &["1"]),
        ] {
            for value in fine {
                let body = format!(r#"{{"name":"x","{field}":{value}}}"#);
                assert!(made(&body).is_ok(), "{body}: {:?}", made(&body));
            }
            for value in bad {
                let body = format!(r#"{{"name":"x","{field}":{value}}}"#);
                let paths = wrong(made(&body));
                assert!(
                    !paths.is_empty() && paths.iter().all(|path| path.starts_with(&format!("/{field}"))),
                    "{body}: {paths:?}"
                );
            }
        }
    }

    #[test]
    fn a_back_off_that_says_none_is_not_an_absent_one() {
        let strategy = |text| made(text).unwrap().spec.backoff.strategy;
        assert_eq!(strategy(r#"{"name":"x"}"#), Strategy::Unset);
        assert_eq!(strategy(r#"{"name":"x","retryBackoff":{"strategy":"none"}}"#), Strategy::None);
    }

    #[test]
    fn sixteen_tags_and_not_one_more() {
        let body = |n: usize| {
            let tags: Vec<_> =
                (0..n).map(|i| format!("\"{}{i:02}\":\"{}\"", "k".repeat(48), "v".repeat(200))).collect();
            format!("{{\"name\":\"x\",\"tags\":{{{}}}}}", tags.join(","))
        };
        assert!(made(&body(16)).is_ok());
        assert_eq!(wrong(made(&body(17))), ["/tags"]);
    }

    #[test]
    fn a_wrong_tag_and_a_wrong_delay_are_pointed_at() {
        let body = r#"{"tags":{"a/b":1},"retryBackoff":{"strategy":"fixed"}}"#;
        let rejection = create(body, b"", "/7", &Created::default(), NOW).unwrap_err();
        assert_eq!(
            wrong(Err::<(), _>(rejection)),
            ["/7/name", "/7/retryBackoff/delaySeconds", "/7/tags/a~1b"]
        );
    }

    #[test]
    fn a_callback_has_a_url_and_perhaps_headers() {
        let made = made(r#"{"name":"x","callbackUrl":"https://a/b?c","callbackHeaders":{"X-A" : "\u0061"}}"#);
        let callback = made.unwrap().spec.callback.clone().unwrap();
        assert_eq!((&*callback.url, callback.headers.as_deref()), ("https://a/b?c", Some(r#"{"X-A":"a"}"#)));
    }

    #[test]
    fn an_idempotency_key_comes_by_field_or_header_but_not_by_two() {
        let with = |text: &str, header| {
            create(text, text.as_bytes(), "", &Created { idempotency_key: header, traceparent: None }, NOW)
        };
        let job = with(r#"{"name":"x"}"#, Some("k")).unwrap();
        assert_eq!(job.spec.idempotency_key.as_deref(), Some("k"));
        assert_ne!(job.fingerprint, [0; 32]);
        assert!(with(r#"{"name":"x","idempotencyKey":"k"}"#, Some("k")).is_ok());
        assert_eq!(wrong(with(r#"{"name":"x","idempotencyKey":"k"}"#, Some("l"))), ["/idempotencyKey"]);
    }

    #[test]
    fn the_payload_is_kept_as_sent() {
        let job = made(r#"{"name":"x","payload":{"a" : 1.0, "a":2}}"#).unwrap();
        assert_eq!(job.payload.as_deref(), Some(r#"{"a" : 1.0, "a":2}"#));
    }
}
