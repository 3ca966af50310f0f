//! What workers say: one report a call, or many. The hottest path of the server.

use axum::http::StatusCode;
use emit_api::fields::batch;
use emit_api::jobs::{self as wire, Item, ItemRefusal, Keepalive, LogRange, ReportKind, Show, array};
use emit_core::{Millis, Refusal};

use super::Answer;
use super::call::{Call, json, value};
use super::jobs::answer;
use super::problem::Problem;
use crate::engine::{Done, ReportCall};

pub(super) async fn one(call: Call, kind: ReportKind) -> Answer {
    let (report, logs) = wire::report(kind, call.json()?, "", call.now())?;
    let (fence, lines) = (call.headers().fence()?, logs.len());
    let report = ReportCall { job: call.job()?, fence, report, logs };
    let done = call.app().engine.report(call.caller(), report).await?;
    Ok(match kind {
        ReportKind::Keepalive => value(StatusCode::OK, &Keepalive::new(&done.job, call.now())),
        ReportKind::Logs => value(StatusCode::OK, &LogRange::last(&done.job, lines)),
        _ => json(StatusCode::OK, answer(&done, Show::NONE).to_json()),
    })
}

pub(super) async fn many(call: Call) -> Answer {
    let scopes = call.token()?.scopes;
    let (items, now) = (batch(call.json()?.unwrap_or("null"))?, call.now());
    let mut calls = Vec::with_capacity(items.len());
    let mut answers: Vec<Result<Said, Problem>> = Vec::with_capacity(items.len());
    for (index, text) in items.iter().enumerate() {
        answers.push(read(text, index, scopes, now).map(|(said, report)| {
            calls.push(report);
            said
        }));
    }
    let done = call.app().engine.reports(call.caller(), calls).await;
    let mut done = done.into_iter();
    let mut text = String::with_capacity(1_024 * answers.len());
    let now = call.now();
    array(&mut text, &answers, |out, answer| match answer {
        Ok(said) => match done.next().unwrap_or(Err(Refusal::OutcomeUnknown)) {
            Ok(done) => said.write(out, &done, now),
            Err(refusal) => write_problem(out, &refusal.into(), &call.request_id),
        },
        Err(problem) => write_problem(out, problem, &call.request_id),
    });
    Ok(json(StatusCode::OK, text))
}

/// What decides how an item is answered.
struct Said {
    kind: ReportKind,
    lines: usize,
}

fn read(
    text: &str,
    index: usize,
    scopes: emit_core::Scopes,
    now: Millis,
) -> Result<(Said, ReportCall), Problem> {
    let item = wire::item(text, index, scopes, now).map_err(|refusal| match refusal {
        ItemRefusal::MissingScope(scope) => Problem::missing_scope(scope),
        ItemRefusal::Rejected(rejection) => rejection.into(),
    })?;
    let Item { kind, job, fence, report, logs } = item;
    let said = Said { kind, lines: logs.len() };
    let job = job.ok_or_else(Problem::job_not_found)?;
    Ok((said, ReportCall { job, fence, report, logs }))
}

impl Said {
    fn write(&self, out: &mut String, done: &Done, now: Millis) {
        let result = match self.kind {
            ReportKind::Keepalive => serde_json::to_string(&Keepalive::new(&done.job, now)),
            ReportKind::Logs => serde_json::to_string(&LogRange::last(&done.job, self.lines)),
            _ => {
                out.push_str("{\"code\":200,\"job\":");
                answer(done, Show::NONE).write(out);
                return out.push('}');
            }
        };
        out.push_str("{\"code\":200,\"job\":null,\"result\":");
        out.push_str(&result.unwrap_or_default());
        out.push('}');
    }
}

fn write_problem(out: &mut String, problem: &Problem, request_id: &str) {
    out.push_str(&format!("{{\"code\":{},\"problem\":", problem.status().as_u16()));
    out.push_str(&problem.to_json(request_id));
    out.push('}');
}
