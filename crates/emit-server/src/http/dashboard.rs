//! The dashboard's files, as `./task dashboard` has built them into `dashboard/dist`. A release build holds them; a
//! debug build reads them from there at each request, so that a change needs no build of Rust.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use rust_embed::RustEmbed;

use super::Answer;
use super::call::Call;
use super::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../dashboard/dist"]
struct Built;

/// Nothing but what this server serves: no script or style within the page, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// What is served where the dashboard was not built.
const NOT_BUILT: &str = include_str!("not_built.html");
/// It has no script and no style of its own.
const NOT_BUILT_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Every page: they are told apart by the dashboard, in the browser.
pub(super) async fn page(call: Call) -> Answer {
    let demo = call.app().settings.demo.is_some();
    let html = Built::get("index.html").and_then(|file| String::from_utf8(file.data.into_owned()).ok());
    let (html, policy) = match html {
        Some(html) if demo => (html.replacen("<html", "<html data-demo", 1), POLICY),
        Some(html) => (html, POLICY),
        None => (NOT_BUILT.to_owned(), NOT_BUILT_POLICY),
    };
    let mut response = file(Bytes::from(html), "text/html; charset=utf-8", "no-store");
    set(response.headers_mut(), CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// A file whose name has the hash of its contents in it.
pub(super) async fn asset(call: Call) -> Answer {
    let name = format!("assets/{}", call.word.as_deref().unwrap_or_default());
    let kind = kind(&name).ok_or_else(Problem::not_found)?;
    let plain = Built::get(&name).ok_or_else(Problem::not_found)?;
    let packed = if takes_gzip(&call.parts.headers) { Built::get(&format!("{name}.gz")) } else { None };
    let is_packed = packed.is_some();
    let data = packed.map_or(plain.data, |packed| packed.data);
    let bytes = match data {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    let mut response = file(bytes, kind, "public, max-age=31536000, immutable");
    set(response.headers_mut(), VARY, "accept-encoding");
    if is_packed {
        set(response.headers_mut(), CONTENT_ENCODING, "gzip");
    }
    Ok(response)
}

fn file(bytes: Bytes, kind: &'static str, cache: &'static str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    set(response.headers_mut(), CONTENT_TYPE, kind);
    set(response.headers_mut(), CACHE_CONTROL, cache);
    set(response.headers_mut(), HeaderName::from_static("x-content-type-options"), "nosniff");
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// What the dashboard is made of; nothing else is served.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|word| {
        let (coding, quality) = word.split_once(';').unwrap_or((word, ""));
        coding.trim() == "gzip" && quality.trim().replace(' ', "") != "q=0"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        for (value, expected) in [
            ("gzip, deflate, br", true),
            ("br;q=1, gzip;q=0.8", true),
            ("gzip;q=0", false),
            ("", false),
            ("x-gzip", false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(takes_gzip(&headers), expected, "{value}");
        }
    }

    #[test]
    fn only_what_a_dashboard_is_made_of_is_served() {
        assert_eq!(kind("assets/a.js"), Some("text/javascript; charset=utf-8"));
        for other in ["assets/a.js.gz", "assets/a", "assets/../index.html", "assets/a.map"] {
            assert_eq!(kind(other), None, "{other}");
        }
    }

    #[test]
    fn the_page_without_a_dashboard_asks_for_nothing() {
        for word in ["<script", "<style", " style=", "http://", "https://"] {
            assert!(!NOT_BUILT.contains(word), "{word}");
        }
    }
}
