//! One job: itself, its events, its log, its progress, its stream.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use emit_api::jobs::{JobAnswer, Show, array, level_number, log_lines, progress as progress_json};
use emit_core::View;
use emit_core::limits::ANSWER_BYTES;
use emit_store::{FoundJob, LogQuery};

use super::Answer;
use super::call::{Call, at_seq, json, linked};
use super::problem::Problem;
use super::query::Query;

/// Events that stand in an answer about one job.
const EVENTS: usize = 100;

pub(super) async fn job(call: Call) -> Answer {
    let wait = call.query().wait()?;
    let mut found = call.found_job().await?;
    if !wait.is_zero() && !found.job.status.is_terminal() {
        call.wait_for_end(found.job.id, wait).await?;
        found = call.found_job().await?;
    }
    let job = found.job.clone();
    let events =
        call.app().reads.read(move |reader| reader.latest_events(&job, EVENTS, ANSWER_BYTES)).await?;
    let FoundJob { job, space, contents } = found;
    let answer = JobAnswer {
        job: &job,
        space: space.id,
        contents: &contents,
        show: Show::ALL,
        realtime: None,
        events: Some(&events),
    };
    Ok(at_seq(json(StatusCode::OK, answer.to_json()), space.seq))
}

pub(super) async fn events(call: Call) -> Answer {
    let query = call.query();
    let (after, limit) = (query.after()?, query.limit()?);
    let id = call.found_job().await?.job.id;
    let page = call.app().reads.read(move |reader| reader.job_events(id, after, limit, ANSWER_BYTES)).await?;
    let page = page.ok_or_else(Problem::job_not_found)?;
    let mut text = String::new();
    array(&mut text, &page.events, |out, event| event.encode(View::Full, out));
    let last = page.events.last().filter(|_| page.more);
    let next = last.and_then(|event| query.next(&["limit"], "after", &event.seq.to_string()));
    // A page that is not the last holds everything up to its last event only.
    let position = last.map_or(page.position, |event| event.seq);
    Ok(linked(at_seq(json(StatusCode::OK, text), position), next))
}

pub(super) async fn logs(call: Call) -> Answer {
    let query = call.query();
    let asked = log_query(&query)?;
    let found = call.found_job().await?;
    let no = found.job.no;
    let (lines, more) = call.app().reads.read(move |reader| reader.logs(no, &asked, ANSWER_BYTES)).await?;
    let last = lines.last().filter(|_| more);
    let next = last.and_then(|line| query.next(&["limit", "level", "q"], "after", &line.line.to_string()));
    Ok(linked(json(StatusCode::OK, log_lines(&lines)), next))
}

fn log_query(query: &Query<'_>) -> Result<LogQuery, Problem> {
    let words = query.words("level")?.unwrap_or_default();
    let levels: Option<Vec<u8>> = words.into_iter().map(level_number).collect();
    Ok(LogQuery {
        after: query.after()?,
        limit: query.limit()?,
        levels: levels
            .ok_or_else(|| Problem::invalid_query("level", "must be debug, info, warn or error"))?,
        contains: query.text("q")?.map(Into::into),
    })
}

pub(super) async fn progress(call: Call) -> Answer {
    let found = call.found_job().await?;
    Ok(at_seq(json(StatusCode::OK, progress_json(&found.job, &found.contents)), found.space.seq))
}

pub(super) async fn job_stream(call: Call) -> Answer {
    let (app, token, job) = (call.app().clone(), Arc::clone(call.token()?), call.job());
    let client = call.client;
    let request = Request::from_parts(call.parts, Body::empty());
    crate::realtime::job_stream(app, token, client, job?, request).await
}

pub(super) async fn space_stream(call: Call) -> Answer {
    let (app, token, space) = (call.app().clone(), Arc::clone(call.token()?), call.space());
    let client = call.client;
    let request = Request::from_parts(call.parts, Body::empty());
    crate::realtime::space_stream(app, token, client, space?, request).await
}
