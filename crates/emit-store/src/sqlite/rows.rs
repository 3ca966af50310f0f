//! How rows become values and values columns.

use std::sync::Arc;

use emit_core::callback::Callback;
use emit_core::job::Ending;
use emit_core::retry::Backoff;
use emit_core::{Event, EventType, Job, RawJson, Recorded, Spec, Status, ids::Id};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Result, Row};

use crate::texts::read_backoff;

/// The columns of a job in the order `job` reads them.
pub(super) const JOB_COLUMNS: &str = "no, id, space, name, status, available, priority, max_retries, \
    attempt_number, delivery_count, delivery_timeouts, delivery_id, ending, worker_id, scheduled_for, expires_at, \
    available_at, created_at, updated_at, delivered_at, started_at, completed_at, timeout_at, log_lines, seq, \
    progress_seq, checkpoint_seq, result_seq, timeout_ms, delivery_timeout_ms, backoff, tags, idempotency_key, \
    traceparent, callback_url, callback_headers, callback_round";

/// The number of the status of an erased or purged job's shell.
pub(super) const SHELL: i64 = 7;

fn corrupt(column: usize, what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Null, what.to_owned().into())
}

pub(super) fn text(row: &Row<'_>, column: usize) -> Result<Arc<str>> {
    Ok(row.get_ref(column)?.as_str()?.into())
}

pub(super) fn optional_text(row: &Row<'_>, column: usize) -> Result<Option<Arc<str>>> {
    Ok(row.get_ref(column)?.as_str_or_null()?.map(Into::into))
}

pub(super) fn id(row: &Row<'_>, column: usize) -> Result<Id> {
    optional_id(row, column)?.ok_or_else(|| corrupt(column, "an id is missing"))
}

pub(super) fn optional_id(row: &Row<'_>, column: usize) -> Result<Option<Id>> {
    let Some(bytes) = row.get_ref(column)?.as_blob_or_null()? else { return Ok(None) };
    let bytes: [u8; 16] = bytes
        .try_into()
        .map_err(|_| FromSqlError::InvalidBlobSize { expected_size: 16, blob_size: bytes.len() })?;
    Ok(Some(Id(u128::from_be_bytes(bytes))))
}

/// The bytes of an id as they stand in a column.
pub(super) fn id_bytes(id: Id) -> [u8; 16] {
    id.0.to_be_bytes()
}

pub(super) fn status(row: &Row<'_>, column: usize) -> Result<Status> {
    Status::from_number(row.get(column)?).ok_or_else(|| corrupt(column, "an unknown status"))
}

pub(super) fn job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        no: row.get(0)?,
        id: id(row, 1)?,
        space: row.get(2)?,
        status: status(row, 4)?,
        available: row.get(5)?,
        priority: row.get(6)?,
        max_retries: row.get(7)?,
        attempt_number: row.get(8)?,
        delivery_count: row.get(9)?,
        delivery_timeouts: row.get(10)?,
        delivery_id: optional_id(row, 11)?,
        ending: match row.get::<_, Option<u8>>(12)? {
            Some(1) => Some(Ending::Completed),
            Some(2) => Some(Ending::Failed),
            Some(3) => Some(Ending::Released),
            _ => None,
        },
        worker_id: optional_text(row, 13)?,
        scheduled_for: row.get(14)?,
        expires_at: row.get(15)?,
        available_at: row.get(16)?,
        created_at: row.get(17)?,
        updated_at: row.get(18)?,
        delivered_at: row.get(19)?,
        started_at: row.get(20)?,
        completed_at: row.get(21)?,
        timeout_at: row.get(22)?,
        log_lines: row.get(23)?,
        seq: row.get(24)?,
        progress_seq: row.get(25)?,
        checkpoint_seq: row.get(26)?,
        result_seq: row.get(27)?,
        callback_round: row.get(36)?,
        spec: Arc::new(Spec {
            name: text(row, 3)?,
            timeout_ms: row.get(28)?,
            delivery_timeout_ms: row.get(29)?,
            backoff: match row.get_ref(30)?.as_str_or_null()? {
                Some(text) => read_backoff(text).ok_or_else(|| corrupt(30, "an unreadable back-off"))?,
                None => Backoff::default(),
            },
            tags: optional_text(row, 31)?,
            idempotency_key: optional_text(row, 32)?,
            traceparent: optional_text(row, 33)?,
            callback: match optional_text(row, 34)? {
                Some(url) => Some(Callback { url, headers: optional_text(row, 35)? }),
                None => None,
            },
        }),
    })
}

/// The columns `recorded` reads; events are `e`, their jobs `j`.
pub(super) const EVENT_COLUMNS: &str = "e.key, e.prev, e.job, e.type, e.status, e.at, e.data, j.id, j.name";

pub(super) fn recorded(row: &Row<'_>) -> Result<Recorded> {
    let key: i64 = row.get(0)?;
    Ok(Recorded {
        space: key >> 40,
        seq: super::seq_of(key),
        prev: row.get(1)?,
        job: row.get(2)?,
        at: row.get(5)?,
        job_id: id(row, 7)?,
        job_name: text(row, 8)?,
        event: Event {
            kind: EventType::from_number(row.get(3)?).ok_or_else(|| corrupt(3, "an unknown event type"))?,
            status: status(row, 4)?,
            data: optional_text(row, 6)? as Option<RawJson>,
        },
    })
}
