//! What is fuzzed: one function a target, from bytes to nothing. Each must return for every input; what it can check
//! about the answer, it asserts. Shared by cargo-fuzz and by the short run on the stable toolchain.

use emit_api::fields::{batch, checked};
use emit_api::jobs::{
    Created, ReportKind, bulk, create, edit, fence, item, kill, mint, nothing, poll, report,
};
use emit_api::{spaces, tokens};
use emit_core::limits::{LIST_LIMIT, NAME_CHARS};
use emit_core::{Scopes, ids::Id, time};
use emit_server::http::headers::Headers;
use emit_server::http::query::Query;
use emit_server::http::{auth, lists};
use emit_server::realtime::ask::Ask;
use emit_server::realtime::codec::{Decoder, text_frame};
use emit_server::realtime::handshake;

/// Some moment.
const NOW: i64 = 1_700_000_000_000;
/// The bound of a client's message.
const MESSAGE_BYTES: usize = 4_096;

/// A target.
pub type Target = fn(&[u8]);

/// All targets: the names are those of the corpora.
pub const TARGETS: &[(&str, Target)] = &[
    ("bodies", bodies),
    ("frames", frames),
    ("headers", headers),
    ("queries", queries),
    ("settings", settings),
    ("texts", texts),
];

/// Every reader of a request's body, on the same bytes.
pub fn bodies(bytes: &[u8]) {
    let Ok(text) = checked(bytes) else { return };
    // What was checked is JSON, whatever else thinks of it.
    assert!(serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() || text.trim().is_empty());
    let some = Some(text);
    let made = create(text, bytes, "", &Created::default(), NOW);
    if let Ok(job) = made {
        assert!((1..=200).contains(&job.spec.name.chars().count()));
        assert!(job.payload.is_none_or(|payload| text.contains(&*payload)), "a payload leaves as it came");
    }
    for kind in ReportKind::ALL {
        let _ = report(kind, some, "", NOW);
    }
    if let Ok(items) = batch(text) {
        for (index, one) in items.into_iter().enumerate().take(20) {
            let _ = item(one, index, Scopes::default(), NOW);
        }
    }
    let _ = poll(some).map(|call| assert!((1..=50).contains(&call.count)));
    let _ = (kill(some), nothing(some, ""), bulk(some, true), bulk(some, false), edit(some, NOW), mint(some));
    let _ = (spaces::settings(some, true), spaces::settings(some, false));
    let _ = (tokens::create(some, true), tokens::create(some, false), tokens::rotate(some));
}

/// A client's bytes after the upgrade, whole and in pieces: the same messages, the same end.
pub fn frames(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let step = usize::from(*first).max(1);
    let whole = decode(rest, rest.len().max(1));
    assert_eq!(whole, decode(rest, step));
    let mut out = Vec::new();
    text_frame(&mut out, rest);
    assert!(out.ends_with(rest) && out.len() <= rest.len() + 10);
}

fn decode(bytes: &[u8], step: usize) -> Vec<String> {
    let mut decoder = Decoder::new(MESSAGE_BYTES);
    let mut seen = Vec::new();
    for mut piece in bytes.chunks(step) {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(message)) => seen.push(format!("{message:?}")),
                Ok(None) => break,
                Err(why) => {
                    seen.push(format!("{why:?}"));
                    return seen;
                }
            }
        }
    }
    seen
}

/// Short texts from paths, queries and bodies: ids, times, deliveries, scopes; and the upgrade's headers.
pub fn texts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(id) = text.parse::<Id>() {
        assert_eq!(id.to_string(), text.to_uppercase());
    }
    if let Some(at) = time::parse(&text) {
        assert_eq!(time::parse(&time::Rfc3339Millis(at).to_string()), Some(at));
    }
    let _ = (fence(&text), Scopes::from_names(text.split(',')));
    let _ = handshake::accept(&header_map(&text));
}

/// The headers that are ours or are kept with a job: what is taken is what was sent, and fit to be kept.
pub fn headers(bytes: &[u8]) {
    let map = header_map(&String::from_utf8_lossy(bytes));
    let headers = Headers::of(&map);
    for text in [headers.worker(), headers.idempotency_key()].into_iter().filter_map(|read| read.ok()?) {
        assert!((1..=NAME_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control));
        assert!(map.values().any(|value| value == text));
    }
    let refused = headers.no_idempotency_key().is_err();
    assert_eq!(refused, map.contains_key("idempotency-key"));
    if let Some(context) = headers.traceparent() {
        assert!(context.is_ascii() && (55..=512).contains(&context.len()));
        assert_eq!(context.split('-').take(4).map(str::len).collect::<Vec<_>>(), [2, 32, 16, 2]);
    }
    let _ = headers.fence();
}

/// A `name: value` a line.
fn header_map(text: &str) -> http::HeaderMap {
    let mut headers = http::HeaderMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')).take(20) {
        if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.trim().parse()) {
            headers.append(name, value);
        }
    }
    headers
}

/// A query, and headers below it: lists, searches, pages and waits, where a stream resumes, and whose key it is.
pub fn queries(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let Ok(request) = http::Request::get(format!("/jobs?{first}")).body(()) else { return };
    let (mut parts, ()) = request.into_parts();
    parts.headers = header_map(rest);
    let query = Query::of(&parts.uri);
    pages(&query);
    let _ = (query.wait(), query.limit(), query.after(), query.after_id(), query.flag("force"));
    let _ = Ask::read(&parts.uri, &parts.headers).map(|ask| assert!(ask.since.is_none_or(|seq| seq >= 0)));
    for stream in [false, true] {
        let key = auth::secret(&parts, stream);
        assert!(key.is_err() || key.is_ok_and(|key| key.is_none_or(|key| !key.is_empty())));
    }
}

/// The address of a list's next page.
fn next_page(query: &Query<'_>) -> Option<http::Uri> {
    let link = query.next(&lists::KEEP, "cursor", "7")?;
    let (address, _) = link.to_str().ok()?.strip_prefix('<')?.split_once('>')?;
    address.parse().ok()
}

/// The next page of a list says the same again, and no key.
fn pages(query: &Query<'_>) {
    let Some(uri) = next_page(query) else { panic!("the next page has no address") };
    assert!(!uri.to_string().contains("token="));
    let next = Query::of(&uri);
    if let Ok(list) = lists::list_query(query) {
        assert!((1..=LIST_LIMIT as usize).contains(&list.limit));
        let again = lists::list_query(&next).unwrap_or_else(|_| panic!("{uri} is refused"));
        assert_eq!(again.before, Some(7));
        assert_eq!((again.name, again.tag, again.ids), (list.name, list.tag, list.ids));
        assert_eq!((again.statuses, again.limit), (list.statuses, list.limit));
    }
    if let Ok(Some(search)) = lists::search(query, NOW) {
        assert!(lists::search(&next, NOW).is_ok_and(|again| again == Some(search)));
    }
}

/// The configuration file. What it refuses, it names.
pub fn settings(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(why) = emit::check(text) {
        assert!(!why.is_empty());
    }
}
