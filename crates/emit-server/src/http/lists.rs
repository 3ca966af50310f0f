//! A space's jobs and their numbers.

use axum::http::StatusCode;
use emit_api::jobs::{Counts, JobAnswer, Show, array};
use emit_api::outbound::FailingEndpoint;
use emit_api::search::{Mistake, Search};
use emit_core::limits::{ANSWER_BYTES, LIST_LIMIT, LIST_OFFSET};
use emit_core::{JobId, Millis, Status};
use emit_store::{JobsPage, ListQuery};

use super::Answer;
use super::call::{Call, at_seq, json, linked, value};
use super::problem::{Code, Problem};
use super::query::Query;
use crate::insight::{Found, find};

/// Jobs of a page when the request does not say.
const PAGE: i64 = 50;
/// What the next page keeps of this one's query.
pub const KEEP: [&str; 7] = ["q", "status", "name", "tag", "ids", "limit", "include"];

pub(super) async fn failing_endpoints(call: Call) -> Answer {
    let query = call.query();
    let (after, limit) = (query.text("after")?.unwrap_or_default().to_owned(), query.limit()?);
    let id = call.space()?;
    let found = call.app().reads.read(move |reader| {
        let Some(space) = reader.space(id)? else { return Ok(None) };
        // One more than asked for tells whether there is a next page.
        reader.failing_endpoints(space.no, &after, limit + 1).map(Some)
    });
    let mut found = found.await?.ok_or_else(Problem::space_not_found)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).and_then(|last| query.next(&["limit"], "after", &last.endpoint));
    let page: Vec<FailingEndpoint> = found.into_iter().map(Into::into).collect();
    Ok(linked(value(StatusCode::OK, &page), next))
}

pub(super) async fn jobs(call: Call) -> Answer {
    let query = call.query();
    let list = list_query(&query)?;
    let show = Show { payload: list.payloads, result: list.results, rest: true };
    let id = call.space()?;
    let search = search(&query, call.now())?;
    let found = call
        .app()
        .reads
        .read(move |reader| match search {
            Some(search) => find(reader, id, &search, &list),
            None => Ok(reader.jobs(id, &list, ANSWER_BYTES)?.map(found)),
        })
        .await?;
    let Found { jobs, space, next } = found.ok_or_else(Problem::space_not_found)?;
    let mut text = String::with_capacity(1_024 * jobs.len());
    array(&mut text, &jobs, |out, (job, contents)| {
        JobAnswer { job, space: space.id, contents, show, realtime: None, events: None }.write(out);
    });
    let next = next.and_then(|no| query.next(&KEEP, "cursor", &no.to_string()));
    Ok(linked(at_seq(json(StatusCode::OK, text), space.seq), next))
}

/// A page as a search's: the next one begins after its last job.
fn found(page: JobsPage) -> Found {
    let next = page.jobs.last().filter(|_| page.more).map(|(job, _)| job.no);
    Found { jobs: page.jobs, space: page.space, next }
}

/// The search of a list, if its query has one.
pub fn search(query: &Query<'_>, now: Millis) -> Result<Option<Search>, Problem> {
    let Some(text) = query.text("q")? else { return Ok(None) };
    for other in ["status", "name", "tag", "ids", "offset"] {
        if query.text(other)?.is_some() {
            return Err(Problem::invalid_query(other, "cannot be combined with q"));
        }
    }
    let wrong = |mistake: Mistake| {
        Problem::invalid_query("q", format!("{} (at character {})", mistake.detail, mistake.at + 1))
    };
    Search::read(text, now).map(Some).map_err(wrong)
}

/// What page of which jobs a query asks for.
pub fn list_query(query: &Query<'_>) -> Result<ListQuery, Problem> {
    let include = query.words("include")?.unwrap_or_default();
    if include.iter().any(|word| !matches!(*word, "payload" | "result")) {
        return Err(Problem::invalid_query("include", "must be payload, result or both"));
    }
    let offset = offset(query)?;
    let before = query.whole("cursor", 1, i64::MAX)?;
    if before.is_some() && offset > 0 {
        return Err(Problem::invalid_query("offset", "cannot be combined with cursor"));
    }
    Ok(ListQuery {
        statuses: statuses(query)?,
        name: query.text("name")?.map(Into::into),
        tag: tag(query)?,
        ids: ids(query)?,
        limit: query.whole("limit", 1, LIST_LIMIT)?.unwrap_or(PAGE) as usize,
        before,
        offset,
        payloads: include.contains(&"payload"),
        results: include.contains(&"result"),
    })
}

fn offset(query: &Query<'_>) -> Result<usize, Problem> {
    let offset = query.whole("offset", 0, i64::MAX)?.unwrap_or(0);
    if offset > LIST_OFFSET {
        return Err(Problem::of(Code::UseCursor, "Go on with the cursor of the Link header")
            .at("offset", format!("must be at most {LIST_OFFSET}")));
    }
    Ok(offset as usize)
}

fn statuses(query: &Query<'_>) -> Result<Vec<Status>, Problem> {
    let words = query.words("status")?.unwrap_or_default();
    let statuses: Option<Vec<Status>> = words.into_iter().map(Status::from_word).collect();
    statuses.ok_or_else(|| Problem::invalid_query("status", "must be statuses separated by commas"))
}

fn tag(query: &Query<'_>) -> Result<Option<(String, String)>, Problem> {
    let Some(text) = query.text("tag")? else { return Ok(None) };
    match text.split_once(':') {
        Some((key, value)) if !key.is_empty() => Ok(Some((key.into(), value.into()))),
        _ => Err(Problem::invalid_query("tag", "must be a key and a value with a colon between them")),
    }
}

fn ids(query: &Query<'_>) -> Result<Option<Vec<JobId>>, Problem> {
    let Some(words) = query.words("ids")? else { return Ok(None) };
    let wrong = || Problem::invalid_query("ids", format!("must be at most {LIST_LIMIT} ids of jobs"));
    if words.len() > LIST_LIMIT as usize {
        return Err(wrong());
    }
    let ids: Result<Vec<JobId>, _> = words.into_iter().map(str::parse).collect();
    ids.map(Some).map_err(|_| wrong())
}

pub(super) async fn counts(call: Call) -> Answer {
    let id = call.space()?;
    let space = call.app().reads.read(move |reader| reader.space(id)).await?;
    let space = space.ok_or_else(Problem::space_not_found)?;
    Ok(at_seq(value(StatusCode::OK, &Counts::new(&space.counts)), space.seq))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<ListQuery, Code> {
        let uri = format!("/?{query}").parse().unwrap();
        list_query(&Query::of(&uri)).map_err(|problem| problem.code())
    }

    #[test]
    fn a_list_takes_what_the_contract_names() {
        let list =
            read("status=dead,killed&name=&tag=a:b:c&limit=100&offset=10000&include=payload,result").unwrap();
        assert_eq!(list.statuses, [Status::Dead, Status::Killed]);
        assert_eq!((list.name, list.limit, list.offset), (None, 100, 10_000));
        assert_eq!(list.tag, Some(("a".into(), "b:c".into())));
        assert!(list.payloads && list.results);
        assert_eq!(read("token=x").unwrap().limit, 50);
    }

    #[test]
    fn and_refuses_what_is_out_of_range() {
        for query in [
            "limit=0",
            "limit=101",
            "status=done",
            "tag=a",
            "tag=:a",
            "ids=x",
            "include=events",
            "cursor=x",
            "cursor=5&offset=5",
            "offset=-1",
        ] {
            assert_eq!(read(query).unwrap_err(), Code::InvalidQuery, "{query}");
        }
        assert_eq!(read("offset=10001").unwrap_err(), Code::UseCursor);
    }
}
