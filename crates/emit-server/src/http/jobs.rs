//! Creating jobs, handing them out, and changing them from outside.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, StatusCode};
use emit_api::fields::batch;
use emit_api::jobs::{self as wire, Created as Kept, JobAnswer, Show, array};
use emit_core::json::{Kind, kind};
use emit_core::{NewJob, RawJson};

use super::Answer;
use super::call::{Call, json, nothing, value};
use super::handed::handed;
use super::problem::Problem;
use crate::engine::{Bulk, Created, Done, PollQuery, Polled};

const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

pub(super) async fn create(call: Call) -> Answer {
    let text = call.json()?.unwrap_or("null");
    let is_array = kind(text) == Kind::Array;
    let jobs = if is_array { many(&call, text)? } else { vec![single(&call, text)?] };
    let wait = call.query().wait()?;
    if is_array && !wait.is_zero() {
        return Err(Problem::invalid_query("waitSeconds", "is for single jobs"));
    }
    let made = call.app().engine.create(call.space()?, jobs).await.map_err(Problem::from);
    let mut created = if is_array { made? } else { made.map_err(Problem::of_single)? };
    if let [only] = &mut created[..]
        && !wait.is_zero()
    {
        await_end(&call, only, wait).await?;
    }
    Ok(created_answer(&call, &created, is_array))
}

fn single(call: &Call, text: &str) -> Result<NewJob, Problem> {
    let headers = call.headers();
    let kept = Kept {
        idempotency_key: headers.idempotency_key()?,
        traceparent: headers.traceparent().map(Into::into),
    };
    Ok(wire::create(text, &call.body, "", &kept, call.now())?)
}

fn many(call: &Call, text: &str) -> Result<Vec<NewJob>, Problem> {
    let items = batch(text)?;
    call.headers().no_idempotency_key()?;
    let kept = Kept { idempotency_key: None, traceparent: call.headers().traceparent().map(Into::into) };
    let now = call.now();
    let read =
        |(index, item): (usize, &&str)| wire::create(item, item.as_bytes(), &format!("/{index}"), &kept, now);
    Problem::gather(items.iter().enumerate().map(read))
}

/// Replaces the job with what it is at its end, or when the time is up.
async fn await_end(call: &Call, created: &mut Created, wait: Duration) -> Result<(), Problem> {
    let id = created.done.job.id;
    if !created.done.job.status.is_terminal() {
        if call.wait_for_end(id, wait).await.is_err() {
            // The job is made, and a refusal would deny it; but this key sees nothing more of it.
            return Ok(());
        }
        let found = call.app().reads.read(move |reader| reader.job(id)).await?;
        let found = found.ok_or_else(Problem::job_not_found)?;
        created.done = Done { job: found.job, space: found.space.id, contents: found.contents };
    }
    Ok(())
}

fn created_answer(call: &Call, created: &[Created], is_array: bool) -> axum::response::Response {
    let base = call.realtime_base();
    let write = |out: &mut String, created: &Created| {
        JobAnswer { realtime: Some(&base), ..answer(&created.done, Show::ALL) }.write(out);
    };
    let mut text = String::with_capacity(1_024 * created.len());
    match created {
        [only] if !is_array => write(&mut text, only),
        all => array(&mut text, all, write),
    }
    let replayed = created.iter().all(|created| created.replayed);
    let mut response = json(if replayed { StatusCode::OK } else { StatusCode::CREATED }, text);
    if replayed {
        response.headers_mut().insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

pub(super) async fn poll(call: Call) -> Answer {
    let asked = wire::poll(call.json()?)?;
    let query = PollQuery {
        names: asked.names,
        count: asked.count,
        auto_ack: asked.auto_ack,
        worker: call.headers().worker()?.map(Into::into),
    };
    let wait = Duration::from_millis(asked.wait_ms as u64);
    let polling = call.app().engine.poll(call.space()?, query, wait);
    // Given up, it claims nothing.
    let Some(polled) = call.while_wanted(polling).await? else {
        return Ok(json(StatusCode::OK, "{\"jobs\":[]}".to_owned()));
    };
    let polled = polled?;
    let mut text = String::from("{\"jobs\":");
    array(&mut text, &polled.jobs, |out, done| answer(done, Show::ALL).write(out));
    text.push('}');
    Ok(handed(polled, text, call.wire()?))
}

pub(super) async fn claim(call: Call) -> Answer {
    wire::nothing(call.json()?, "")?;
    let worker = call.headers().worker()?.map(Into::into);
    let polled: Polled = call.app().engine.claim(call.caller(), call.job()?, worker).await?;
    let text = polled.jobs.first().map(|done| answer(done, Show::ALL).to_json());
    Ok(handed(polled, text.ok_or_else(Problem::internal)?, call.wire()?))
}

pub(super) async fn kill(call: Call) -> Answer {
    let data: RawJson = wire::kill(call.json()?)?;
    let done = call.app().engine.kill(call.caller(), call.job()?, data).await?;
    Ok(whole(&done))
}

pub(super) async fn requeue(call: Call) -> Answer {
    wire::nothing(call.json()?, "")?;
    let done = call.app().engine.requeue(call.caller(), call.job()?).await?;
    Ok(whole(&done))
}

pub(super) async fn resend_callback(call: Call) -> Answer {
    wire::nothing(call.json()?, "")?;
    let done = call.app().engine.resend_callback(call.caller(), call.job()?).await?;
    Ok(whole(&done))
}

pub(super) async fn edit(call: Call) -> Answer {
    let edit = wire::edit(call.json()?, call.now())?;
    let done = call.app().engine.edit(call.caller(), call.job()?, edit).await?;
    Ok(whole(&done))
}

pub(super) async fn erase(call: Call) -> Answer {
    call.app().engine.erase(call.caller(), call.job()?).await?;
    Ok(nothing())
}

pub(super) async fn bulk_kill(call: Call) -> Answer {
    let asked = wire::bulk(call.json()?, false)?;
    let (space, engine) = (call.space()?, &call.app().engine);
    let bulk = engine.bulk_kill(space, asked.which, asked.limit, asked.dry_run).await?;
    Ok(bulk_answer(bulk))
}

pub(super) async fn bulk_requeue(call: Call) -> Answer {
    let asked = wire::bulk(call.json()?, true)?;
    let (space, engine) = (call.space()?, &call.app().engine);
    let bulk = engine.bulk_requeue(space, asked.which, asked.limit, asked.dry_run).await?;
    Ok(bulk_answer(bulk))
}

fn bulk_answer(bulk: Bulk) -> axum::response::Response {
    value(StatusCode::OK, &wire::Bulk { count: bulk.count, more: bulk.more })
}

/// A job after a command, with its contents.
fn whole(done: &Done) -> axum::response::Response {
    json(StatusCode::OK, answer(done, Show::ALL).to_json())
}

/// What there is to say about a job after a command.
pub(super) fn answer(done: &Done, show: Show) -> JobAnswer<'_> {
    JobAnswer {
        job: &done.job,
        space: done.space,
        contents: &done.contents,
        show,
        realtime: None,
        events: None,
    }
}
