//! Callbacks that are to be tried, or that could not be told.

use emit_core::callback::{CallbackChange, Failure};
use emit_core::{Job, Millis, SpaceNo};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows;
use crate::{CallbackLane, Change, DueCallback, EndpointLane, FailingEndpoint};

/// Writes what a change makes of its job's callback.
pub(super) fn write(connection: &Connection, change: &Change) -> Result<()> {
    match &change.callback {
        CallbackChange::Keep => Ok(()),
        CallbackChange::Due { tries, at, failure } => {
            put(connection, &change.job, *tries, Some(*at), failure.as_ref())
        }
        CallbackChange::GivenUp { tries, failure } => {
            put(connection, &change.job, *tries, None, Some(failure))
        }
        // Most jobs have none, and a requeue of those costs nothing.
        CallbackChange::Forget if change.job.spec.callback.is_none() => Ok(()),
        CallbackChange::Forget => forget(connection, change.job.no),
    }
}

fn put(
    connection: &Connection,
    job: &Job,
    tries: u32,
    due_at: Option<Millis>,
    failure: Option<&Failure>,
) -> Result<()> {
    let Some(callback) = &job.spec.callback else { return Ok(()) };
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO callbacks (job, space, endpoint, tries, due_at, tried_at, status_code, error) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            job.no,
            job.space,
            callback.endpoint(),
            tries,
            due_at,
            failure.map(|failure| failure.at),
            failure.and_then(|failure| failure.status_code),
            failure.and_then(|failure| failure.error.as_deref()),
        ])?;
    Ok(())
}

/// The callback of a job is no longer of interest.
pub(super) fn forget(connection: &Connection, job: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM callbacks WHERE job = ?1")?.execute([job])?;
    Ok(())
}

/// Whether a job's end is still to be told.
pub(super) fn is_waiting(connection: &Connection, job: i64) -> Result<bool> {
    connection.prepare_cached("SELECT 1 FROM callbacks WHERE job = ?1 AND due_at IS NOT NULL")?.exists([job])
}

/// The lanes after that one, each with the callbacks that are due. Goes from lane to lane by the index: what
/// waits in one costs the others nothing.
pub(super) fn lanes(
    connection: &Connection,
    now: Millis,
    after: &EndpointLane,
    lanes: usize,
    each: usize,
) -> Result<Vec<CallbackLane>> {
    let mut next = connection.prepare_cached(
        "SELECT space, endpoint FROM callbacks WHERE due_at IS NOT NULL AND (space, endpoint) > (?1, ?2) \
         ORDER BY space, endpoint LIMIT 1",
    )?;
    let mut due = connection.prepare_cached(
        "SELECT j.id, j.callback_round, c.tries FROM callbacks c JOIN jobs j ON j.no = c.job \
         WHERE c.space = ?1 AND c.endpoint = ?2 AND c.due_at IS NOT NULL AND c.due_at <= ?3 \
         ORDER BY c.due_at LIMIT ?4",
    )?;
    let mut found: Vec<CallbackLane> = Vec::new();
    while found.len() < lanes {
        let (space, endpoint) = found.last().map_or(after, |last| &last.lane);
        let Some(lane): Option<EndpointLane> =
            next.query_row(params![space, endpoint], |row| Ok((row.get(0)?, row.get(1)?))).optional()?
        else {
            break;
        };
        let due = due
            .query_map(params![lane.0, lane.1, now, each as i64], |row| {
                Ok(DueCallback { job: rows::id(row, 0)?, round: row.get(1)?, tries: row.get(2)? })
            })?
            .collect::<Result<_>>()?;
        found.push(CallbackLane { lane, due });
    }
    Ok(found)
}

/// When the first callback after that time is due.
pub(super) fn next(connection: &Connection, after: Millis) -> Result<Option<Millis>> {
    connection
        .prepare_cached("SELECT min(due_at) FROM callbacks WHERE due_at IS NOT NULL AND due_at > ?1")?
        .query_row([after], |row| row.get(0))
}

/// A space's endpoints that did not take what they were told, in order of their names.
pub(super) fn failing(
    connection: &Connection,
    space: SpaceNo,
    after: &str,
    limit: usize,
) -> Result<Vec<FailingEndpoint>> {
    // With max() the bare columns are those of the row that has it: the last try.
    connection
        .prepare_cached(
            "SELECT endpoint, count(due_at), count(*) - count(due_at), min(due_at), max(tried_at), status_code, error \
             FROM callbacks WHERE space = ?1 AND tries > 0 AND endpoint > ?2 GROUP BY endpoint \
             ORDER BY endpoint LIMIT ?3",
        )?
        .query_map(params![space, after, limit as i64], |row| {
            Ok(FailingEndpoint {
                endpoint: row.get(0)?,
                waiting: row.get(1)?,
                given_up: row.get(2)?,
                next_try_at: row.get(3)?,
                last: Failure { at: row.get(4)?, status_code: row.get(5)?, error: row.get(6)? },
            })
        })?
        .collect()
}
