//! Where the server is to send, with which headers, and what it signs with: read, checked, and answered masked.

use std::borrow::Cow;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use emit_core::callback::Callback;
use emit_core::event::EventType;
use emit_core::json::{self, write_string};
use emit_core::limits::{
    NAME_CHARS, OUTBOUND_HEADER_CHARS, OUTBOUND_HEADERS, OUTBOUND_URL_CHARS, POLL_NAMES, SECRET_BYTES,
};
use emit_core::outbound::{Push, Secret, Slack};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type};

use crate::fields::{Fields, name_fault, plain_text};

/// What stands in place of a secret.
const MASK: &str = "***";
/// What a signing secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// Messages to a Slack channel.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlackSettings {
    /// Slack's incoming webhook; answered masked.
    #[schema(max_length = 2_000)]
    pub webhook_url: String,
    /// Which are told.
    #[schema(required = false, schema_with = slack_events)]
    pub events: Vec<String>,
}

fn slack_events() -> Array {
    let words = Slack::EVENTS.map(EventType::as_str);
    ArrayBuilder::new()
        .description(Some("Which are told; `dead` by default."))
        .items(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)))
        .min_items(Some(1))
        .build()
}

const SLACK_FIELDS: &[&str] = &["webhookUrl", "events"];

/// `job.pending` requests for workers that do not poll.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PushSettings {
    /// Where to.
    #[schema(max_length = 2_000)]
    pub url: String,
    /// Headers to send along; their values are answered masked.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    pub headers: Option<serde_json::Value>,
    /// Only for jobs of these names; empty: for all.
    #[schema(required = false, max_items = 100)]
    pub names: Vec<String>,
}

const PUSH_FIELDS: &[&str] = &["url", "headers", "names"];

/// What becomes of a space's signing secret.
#[derive(Debug, Clone, PartialEq)]
pub enum NewSecret {
    /// This one.
    Given(Secret),
    /// One that the server makes.
    Fresh,
}

/// `callbackUrl` and `callbackHeaders` of a create.
pub(crate) fn callback(fields: &mut Fields<'_, '_>) -> Option<Callback> {
    let headers = headers(fields, "callbackHeaders").map(Into::into);
    if headers.is_some() && fields.raw("callbackUrl").is_none() {
        fields.wrong("callbackHeaders", "needs a callbackUrl");
    }
    let url = url(fields, "callbackUrl")?.as_ref().into();
    Some(Callback { url, headers })
}

pub(crate) fn slack(fields: &mut Fields<'_, '_>) -> Option<Option<Slack>> {
    if fields.is_null("slack") {
        return Some(None);
    }
    let mut fields = fields.object("slack", SLACK_FIELDS)?;
    fields.require(&["webhookUrl"]);
    let url = url(&mut fields, "webhookUrl");
    if url.as_ref().is_some_and(|url| url.contains(MASK)) {
        fields.wrong("webhookUrl", "must be the URL itself, not what hides it");
    }
    let events = match fields.raw("events") {
        None => vec![EventType::Dead],
        Some(_) => events(&mut fields),
    };
    url.map(|url| Some(Slack { url: url.into_owned(), events }))
}

fn events(fields: &mut Fields<'_, '_>) -> Vec<EventType> {
    let mut events = Vec::new();
    for (index, item) in
        fields.items("events", 1, Slack::EVENTS.len()).unwrap_or_default().into_iter().enumerate()
    {
        let kind = plain_text(item).ok().and_then(|word| EventType::from_word(&word));
        match kind.filter(|kind| Slack::EVENTS.contains(kind)) {
            Some(kind) if events.contains(&kind) => {}
            Some(kind) => events.push(kind),
            None => fields.wrong_within(
                "events",
                &index.to_string(),
                "must be created, acked, completed, retried, dead or killed",
            ),
        }
    }
    events
}

pub(crate) fn push(fields: &mut Fields<'_, '_>) -> Option<Option<Push>> {
    if fields.is_null("push") {
        return Some(None);
    }
    let mut fields = fields.object("push", PUSH_FIELDS)?;
    fields.require(&["url"]);
    fields.null_is_absent(&["headers"]);
    let (url, headers) = (url(&mut fields, "url"), headers(&mut fields, "headers"));
    let mut names: Vec<Arc<str>> = Vec::new();
    for (index, item) in fields.items("names", 0, POLL_NAMES).unwrap_or_default().into_iter().enumerate() {
        match plain_text(item).and_then(|name| name_fault(&name).map_or(Ok(name), Err)) {
            Ok(name) => names.push(name.into()),
            Err(fault) => fields.wrong_within("names", &index.to_string(), fault),
        }
    }
    url.map(|url| Some(Push { url: url.into_owned(), headers, names }))
}

pub(crate) fn secret(fields: &mut Fields<'_, '_>) -> Option<NewSecret> {
    if fields.is_null("webhookSecret") {
        return Some(NewSecret::Fresh);
    }
    let text = fields.text("webhookSecret")?;
    let bytes = text.strip_prefix(SECRET_PREFIX).and_then(|rest| BASE64.decode(rest).ok());
    match bytes.filter(|bytes| SECRET_BYTES.contains(&bytes.len())) {
        Some(bytes) => Some(NewSecret::Given(Secret(bytes.into()))),
        None => {
            fields.wrong(
                "webhookSecret",
                "must be whsec_ and 24 to 64 bytes in base64, or null for a fresh one",
            );
            None
        }
    }
}

/// A URL that the server may send to, as far as its text tells.
fn url<'a>(fields: &mut Fields<'a, '_>, name: &str) -> Option<Cow<'a, str>> {
    let text = fields.text(name)?;
    match url_fault(&text) {
        None => Some(text),
        Some(fault) => {
            fields.wrong(name, fault);
            None
        }
    }
}

fn url_fault(text: &str) -> Option<&'static str> {
    if text.len() > OUTBOUND_URL_CHARS {
        return Some("must have at most 2,000 characters");
    }
    // The parser takes more than may be sent, and drops a fragment.
    let is_plain = text.is_ascii() && !text.contains('#');
    let url: Option<http::Uri> = text.parse().ok().filter(|_| is_plain);
    let is_web = |url: &http::Uri| matches!(url.scheme_str(), Some("http" | "https"));
    let Some(url) = url.filter(is_web) else {
        return Some(
            "must be an absolute http or https URL without a fragment, other characters than ASCII encoded",
        );
    };
    let authority = url.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Some("must not hold a user name or password; send them as a header");
    }
    let is_port = |port: &str| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let has_bad_port =
        authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']') && !is_port(port));
    if url.host().is_none_or(str::is_empty) || has_bad_port {
        return Some("must name a host, and a port from 1 to 65535 if any");
    }
    None
}

/// Headers to send along, as a JSON object in one form.
fn headers(fields: &mut Fields<'_, '_>, name: &str) -> Option<String> {
    let text = fields.object_text(name)?;
    let mut known: Vec<String> = Vec::new();
    let mut out = String::from("{");
    for (key, value) in json::members(text) {
        if known.len() == OUTBOUND_HEADERS {
            fields.wrong(name, format!("must be at most {OUTBOUND_HEADERS}"));
            return None;
        }
        let lower = key.to_ascii_lowercase();
        if let Some(fault) = header_fault(&lower, value) {
            fields.wrong_within(name, &key, fault);
        } else if known.contains(&lower) {
            fields.wrong_within(name, &key, "is given twice");
        }
        out.push_str(if known.is_empty() { "" } else { "," });
        write_string(&mut out, &key);
        out.push(':');
        write_string(&mut out, &json::string(value));
        known.push(lower);
    }
    out.push('}');
    Some(out)
}

fn header_fault(name: &str, value: &str) -> Option<&'static str> {
    if http::HeaderName::from_bytes(name.as_bytes()).is_err() || name.len() > NAME_CHARS {
        return Some("is no name of a header");
    }
    let ours = matches!(name, "host" | "transfer-encoding" | "connection");
    if ours || name.starts_with("content-") || name.starts_with("webhook-") {
        return Some("is set by the server");
    }
    match plain_text(value) {
        Err(fault) => Some(fault),
        // Settings that were read and are written back would replace the secret by what hides it.
        Ok(value) if value == MASK => Some("must be the value itself, not what hides it"),
        Ok(value) if value.len() > OUTBOUND_HEADER_CHARS => Some("must have at most 2,000 characters"),
        Ok(value) if !value.is_ascii() || http::HeaderValue::from_str(&value).is_err() => {
            Some("must be printable ASCII on one line")
        }
        Ok(_) => None,
    }
}

/// Headers as they are answered: names only.
pub(crate) fn masked(headers: &str) -> String {
    let mut out = String::from("{");
    for (at, (name, _)) in json::members(headers).enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        write_string(&mut out, &name);
        out.push_str(":\"***\"");
    }
    out.push('}');
    out
}

/// A secret as text: itself where it is shown this once, else what hides it.
pub(crate) fn secret_text(secret: &Secret, revealed: bool) -> String {
    match revealed {
        true => format!("{SECRET_PREFIX}{}", BASE64.encode(&secret.0)),
        false => format!("{SECRET_PREFIX}{MASK}"),
    }
}

impl SlackSettings {
    /// As it is answered: whoever knows the URL's path can post.
    pub(crate) fn new(slack: &Slack) -> SlackSettings {
        let endpoint = Callback { url: slack.url.as_str().into(), headers: None }.endpoint();
        SlackSettings {
            webhook_url: format!("{endpoint}/{MASK}"),
            events: slack.events.iter().map(|kind| kind.as_str().to_owned()).collect(),
        }
    }
}

impl PushSettings {
    /// As it is answered.
    pub(crate) fn new(push: &Push) -> PushSettings {
        let headers = push.headers.as_deref().map(masked);
        PushSettings {
            url: push.url.clone(),
            headers: headers.and_then(|text| serde_json::from_str(&text).ok()),
            names: push.names.iter().map(|name| (**name).to_owned()).collect(),
        }
    }
}

/// An endpoint that did not take what it was told.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailingEndpoint {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Callbacks that failed and will be tried again.
    pub waiting: i64,
    /// Callbacks of which no further try comes; `POST /jobs/{jobId}/callback` sends one again.
    pub given_up: i64,
    /// When the next try is due.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub next_try_at: Option<emit_core::time::Rfc3339Millis>,
    /// When the latest failure was.
    #[schema(value_type = String, format = DateTime)]
    pub last_tried_at: emit_core::time::Rfc3339Millis,
    /// The answer to it, if there was one.
    #[schema(required = true)]
    pub last_status_code: Option<u16>,
    /// Why there was none, or why it does not count.
    #[schema(required = true)]
    pub last_error: Option<String>,
}

impl From<emit_core::callback::FailingEndpoint> for FailingEndpoint {
    fn from(found: emit_core::callback::FailingEndpoint) -> FailingEndpoint {
        use emit_core::time::Rfc3339Millis;
        FailingEndpoint {
            endpoint: found.endpoint,
            waiting: found.waiting,
            given_up: found.given_up,
            next_try_at: found.next_try_at.map(Rfc3339Millis),
            last_tried_at: Rfc3339Millis(found.last.at),
            last_status_code: found.last.status_code,
            last_error: found.last.error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::properties;

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<SlackSettings>(), SLACK_FIELDS);
        assert_eq!(properties::<PushSettings>(), PUSH_FIELDS);
    }

    #[test]
    fn only_plain_web_urls_are_sent_to() {
        for fine in ["http://a", "https://a.example:8443/x?y=z", "http://[::1]:80/", "http://127.0.0.1/"] {
            assert_eq!(url_fault(fine), None, "{fine}");
        }
        let long = format!("http://a/{}", "x".repeat(2_000));
        for bad in [
            "",
            "a",
            "/x",
            "ftp://a",
            "http://",
            "http:///x",
            "http://u@a",
            "http://u:p@a/",
            "http://a:0",
            "http://a:65536",
            "http://a:x",
            "http://a:+80/",
            "http://a/#x",
            "http://a/ä",
            "http://a b",
            "http://a\r\nx: y",
            "http://ä",
            "file:///etc/passwd",
            &long,
        ] {
            assert!(url_fault(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn a_header_cannot_smuggle_another() {
        let fault = |name: &str, value: &str| header_fault(name, &format!("\"{value}\"")).is_some();
        for (name, value) in [("authorization", "Bearer x"), ("x-a", ""), ("x-a", "a\tb")] {
            assert!(!fault(name, value.replace('\t', "\\t").as_str()), "{name} {value}");
        }
        for name in [
            "host",
            "content-length",
            "content-type",
            "transfer-encoding",
            "connection",
            "webhook-id",
            "a b",
            "a:",
            "",
        ] {
            assert!(fault(name, "x"), "{name}");
        }
        for value in ["a\\r\\nb", "a\\nb", "\\u0000", "\\u007f", "ä", "***"] {
            assert!(fault("x-a", value), "{value}");
        }
    }

    /// Goal: a name is judged as it was given. U+212A's lower case is the letter k.
    #[test]
    fn a_header_name_is_ascii_before_it_is_lower_case() {
        let read = |name: &str| {
            let push = format!(r#"{{"push":{{"url":"http://a","headers":{{"x-{name}":"v"}}}}}}"#);
            crate::spaces::settings(Some(&push), false).is_ok()
        };
        assert_eq!((read("K"), read("\u{212a}")), (true, false));
    }
}
