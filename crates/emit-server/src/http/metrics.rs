//! `/metrics`: for a key of the scope `admin`, and without one at the address of `--metrics-listen`.

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use emit_core::{Millis, Status};
use emit_store::Reader;

use super::Answer;
use super::call::{Call, json};
use crate::engine::Health;
use crate::metrics::{Scrape, SpaceFigures, scrape};

/// Spaces that are shown one by one: each is ten samples, and those who store them pay for each.
const SPACES_MAX: usize = 1_000;
/// Spaces read at once.
const PAGE: usize = 1_000;

pub(super) async fn get(call: Call) -> Answer {
    let (app, now) = (call.app(), call.now());
    // With a store that cannot be read the rest is all the more worth seeing.
    let (spaces, spaces_count) =
        app.reads.read(move |reader| read_spaces(reader, now)).await.unwrap_or_default();
    let routes = call.shared.table.routes.iter();
    let text = scrape(&Scrape {
        routes: routes.map(|route| (route.method.as_str(), route.path, &*route.meter)).collect(),
        writable: app.engine.health() == Health::Fine,
        spaces,
        spaces_count,
    });
    let mut response = json(StatusCode::OK, text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The first spaces one by one, and how many there are.
fn read_spaces(reader: &mut dyn Reader, now: Millis) -> emit_store::Result<(Vec<SpaceFigures>, usize)> {
    let (mut shown, mut count, mut after) = (Vec::new(), 0, None);
    loop {
        let page = reader.spaces(after, PAGE)?;
        count += page.len();
        for space in page.iter().take(SPACES_MAX - shown.len()) {
            let waits = space.counts[Status::Pending as usize] > 0;
            let oldest = if waits { reader.oldest_available(space.no)? } else { None };
            shown.push(SpaceFigures {
                id: space.id.to_string(),
                counts: space.counts,
                oldest_ms: oldest.map_or(0, |at| (now - at).max(0)),
                events: space.seq + 1 - space.oldest_seq,
            });
        }
        match page.last() {
            Some(last) if page.len() == PAGE => after = Some(last.id),
            _ => return Ok((shown, count)),
        }
    }
}
