//! Callbacks that are to be tried, or that could not be told.

use emit_core::callback::{CallbackChange, Failure};
use emit_core::{Job, JobNo, Millis, SpaceNo};

use super::rows::{self, Uuid};
use super::session::{Outcome, Param, Session, Step};
use crate::{CallbackLane, DueCallback, EndpointLane, FailingEndpoint};

/// So long a callback that was shown to one node is shown to no other: longer than a try takes.
const SHOWN: Millis = 60_000;

/// Writes what changes make of their jobs' callbacks.
pub(super) fn write<'a>(changes: &[(&'a Job, &'a CallbackChange)]) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    let mut forgotten: Vec<JobNo> = Vec::new();
    for (job, change) in changes {
        match change {
            CallbackChange::Keep => {}
            CallbackChange::Due { tries, at, failure } => {
                steps.extend(put(job, *tries, Some(*at), failure.as_ref()));
            }
            CallbackChange::GivenUp { tries, failure } => steps.extend(put(job, *tries, None, Some(failure))),
            // Most jobs have none, and a requeue of those costs nothing.
            CallbackChange::Forget if job.spec.callback.is_none() => {}
            CallbackChange::Forget => forgotten.push(job.no),
        }
    }
    if !forgotten.is_empty() {
        let params: Vec<Param<'a>> = vec![Box::new(forgotten)];
        steps.push(Step { sql: "DELETE FROM callbacks WHERE job = ANY($1)", params });
    }
    steps
}

fn put<'a>(
    job: &'a Job,
    tries: u32,
    due_at: Option<Millis>,
    failure: Option<&'a Failure>,
) -> Option<Step<'a>> {
    let callback = job.spec.callback.as_ref()?;
    Some(Step {
        sql: "INSERT INTO callbacks (job, space, endpoint, tries, due_at, tried_at, status_code, error) \
              SELECT CASE WHEN $1::bigint < 0 THEN (s.no << 40) | (s.seq - $1) ELSE $1 END, s.no, $3, $4, $5, $6, $7, $8 \
              FROM spaces s WHERE s.no = $2 \
              ON CONFLICT (job) DO UPDATE SET tries = excluded.tries, due_at = excluded.due_at, \
                  tried_at = excluded.tried_at, status_code = excluded.status_code, error = excluded.error, \
                  shown_to = NULL, shown_until = NULL",
        params: vec![
            Box::new(job.no),
            Box::new(job.space),
            Box::new(callback.endpoint()),
            Box::new(tries as i32),
            Box::new(due_at),
            Box::new(failure.map(|failure| failure.at)),
            Box::new(failure.and_then(|failure| failure.status_code).map(i32::from)),
            Box::new(failure.and_then(|failure| failure.error.as_deref())),
        ],
    })
}

/// The lanes after that one, each with the callbacks that are due and not shown to another node. Goes from lane to
/// lane by the index: what waits in one costs the others nothing.
pub(super) fn lanes(
    session: &Session,
    node: Uuid,
    now: Millis,
    after: &EndpointLane,
    (lanes, each): (usize, usize),
) -> Outcome<Vec<CallbackLane>> {
    let mut found: Vec<CallbackLane> = Vec::new();
    while found.len() < lanes {
        let (space, endpoint) = found.last().map_or(after, |last| &last.lane);
        let next = session.row(
            "SELECT space, endpoint FROM callbacks WHERE due_at IS NOT NULL AND (space, endpoint) > ($1, $2) \
             ORDER BY space, endpoint LIMIT 1",
            &[space, endpoint],
        )?;
        let Some(next) = next else { break };
        let lane: EndpointLane = (next.try_get(0)?, next.try_get(1)?);
        let due = session.query(
            "WITH shown AS (UPDATE callbacks SET shown_to = $5, shown_until = $3 + $6 WHERE job IN \
                 (SELECT job FROM callbacks WHERE space = $1 AND endpoint = $2 AND due_at IS NOT NULL \
                  AND due_at <= $3 AND (shown_to IS NULL OR shown_to = $5 OR shown_until <= $3) \
                  ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED) RETURNING job, tries, due_at) \
             SELECT j.id, j.callback_round, s.tries FROM shown s JOIN jobs j ON j.no = s.job ORDER BY s.due_at",
            &[&lane.0, &lane.1, &now, &(each as i64), &node, &SHOWN],
        )?;
        let due = due
            .iter()
            .map(|row| {
                Ok(DueCallback {
                    job: rows::id(row, 0)?,
                    round: rows::count(row, 1)?,
                    tries: rows::count(row, 2)?,
                })
            })
            .collect::<Outcome<_>>()?;
        found.push(CallbackLane { lane, due });
    }
    Ok(found)
}

/// When the first callback after that time is due.
pub(super) fn next(session: &Session, after: Millis) -> Outcome<Option<Millis>> {
    let row = session.row(
        "SELECT due_at FROM callbacks WHERE due_at IS NOT NULL AND due_at > $1 ORDER BY due_at LIMIT 1",
        &[&after],
    )?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}

/// A space's endpoints that did not take what they were told, in order of their names, each with its last try.
pub(super) fn failing(
    session: &Session,
    space: SpaceNo,
    after: &str,
    limit: usize,
) -> Outcome<Vec<FailingEndpoint>> {
    let rows = session.query(
        "SELECT endpoint, count(due_at), count(*) - count(due_at), min(due_at), max(tried_at), \
             (array_agg(status_code ORDER BY tried_at DESC))[1], (array_agg(error ORDER BY tried_at DESC))[1] \
         FROM callbacks WHERE space = $1 AND tries > 0 AND endpoint > $2 GROUP BY endpoint \
         ORDER BY endpoint LIMIT $3",
        &[&space, &after, &(limit as i64)],
    )?;
    rows.iter()
        .map(|row| {
            Ok(FailingEndpoint {
                endpoint: row.try_get(0)?,
                waiting: row.try_get(1)?,
                given_up: row.try_get(2)?,
                next_try_at: row.try_get(3)?,
                last: Failure {
                    at: row.try_get(4)?,
                    status_code: row.try_get::<_, Option<i32>>(5)?.and_then(|code| u16::try_from(code).ok()),
                    error: row.try_get(6)?,
                },
            })
        })
        .collect()
}
