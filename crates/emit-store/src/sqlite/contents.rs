//! What stands beside a job's row: payload, latest progress and checkpoint, result.
//!
//! Progress, checkpoint and result are the data of the events that brought them; the row only says which.

use emit_core::{Job, Millis, RawJson};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::{event_key, rows};
use crate::Contents;
use crate::texts::tag_texts;

/// In `kept`: the latest progress.
pub(super) const PROGRESS: i64 = 0;
/// In `kept`: the latest checkpoint.
pub(super) const CHECKPOINT: i64 = 1;

pub(super) fn contents(connection: &Connection, job: &Job) -> Result<Contents> {
    let progress = latest(connection, job, job.progress_seq, PROGRESS)?;
    Ok(Contents {
        payload: payload(connection, job)?,
        progress_at: progress.as_ref().map(|(at, _)| *at),
        progress: progress.map(|(_, data)| data),
        checkpoint: latest(connection, job, job.checkpoint_seq, CHECKPOINT)?.map(|(_, data)| data),
        result: result(connection, job)?,
    })
}

pub(super) fn payload(connection: &Connection, job: &Job) -> Result<Option<RawJson>> {
    connection
        .prepare_cached("SELECT body FROM payloads WHERE job = ?1")?
        .query_row([job.no], |row| rows::text(row, 0))
        .optional()
}

pub(super) fn result(connection: &Connection, job: &Job) -> Result<Option<RawJson>> {
    let Some(seq) = job.result_seq else { return Ok(None) };
    Ok(event_data(connection, job, seq)?.map(|(_, data)| data))
}

/// The data of the event the row names, or what retention kept of it.
pub(super) fn latest(
    connection: &Connection,
    job: &Job,
    seq: Option<i64>,
    kind: i64,
) -> Result<Option<(Millis, RawJson)>> {
    let Some(seq) = seq else { return Ok(None) };
    if let Some(found) = event_data(connection, job, seq)? {
        return Ok(Some(found));
    }
    connection
        .prepare_cached("SELECT at, data FROM kept WHERE job = ?1 AND kind = ?2")?
        .query_row(params![job.no, kind], |row| Ok((row.get(0)?, rows::text(row, 1)?)))
        .optional()
}

fn event_data(connection: &Connection, job: &Job, seq: i64) -> Result<Option<(Millis, RawJson)>> {
    connection
        .prepare_cached("SELECT at, data FROM events WHERE key = ?1 AND data IS NOT NULL")?
        .query_row([event_key(job.space, seq)], |row| Ok((row.get(0)?, rows::text(row, 1)?)))
        .optional()
}

/// Forgets payload, logs, tags, what was kept, and the idempotency key.
pub(super) fn forget(connection: &Connection, no: i64) -> Result<()> {
    connection.prepare_cached("DELETE FROM payloads WHERE job = ?1")?.execute([no])?;
    connection.prepare_cached("DELETE FROM logs WHERE job = ?1")?.execute([no])?;
    connection.prepare_cached("DELETE FROM kept WHERE job = ?1")?.execute([no])?;
    super::callbacks::forget(connection, no)?;
    let beside: Option<(i64, Option<String>, Option<String>)> = connection
        .prepare_cached("SELECT space, tags, idempotency_key FROM jobs WHERE no = ?1")?
        .query_row([no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((space, tags, key)) = beside else { return Ok(()) };
    if let Some(tags) = tags {
        for tag in tag_texts(&tags) {
            connection
                .prepare_cached("DELETE FROM job_tags WHERE space = ?1 AND tag = ?2 AND job = ?3")?
                .execute(params![space, tag, no])?;
        }
    }
    if let Some(key) = key {
        connection
            .prepare_cached("DELETE FROM idempotency WHERE space = ?1 AND key = ?2 AND job = ?3")?
            .execute(params![space, key, no])?;
    }
    Ok(())
}
