//! Job rows: read, inserted, updated.

use emit_core::{Job, JobId};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{self, JOB_COLUMNS, SHELL};
use crate::Change;
use crate::texts::{tag_texts, write_backoff};

/// A job by its id, unless it is only a shell.
pub(super) fn by_id(connection: &Connection, id: JobId) -> Result<Option<Job>> {
    connection
        .prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?1 AND status < {SHELL}"))?
        .query_row([rows::id_bytes(id)], rows::job)
        .optional()
}

/// A job by its number, unless it is only a shell.
pub(super) fn by_no(connection: &Connection, no: i64) -> Result<Option<Job>> {
    connection
        .prepare_cached(&format!("SELECT {JOB_COLUMNS} FROM jobs WHERE no = ?1 AND status < {SHELL}"))?
        .query_row([no], rows::job)
        .optional()
}

/// Writes a new job and what comes with it.
pub(super) fn insert(connection: &Connection, change: &Change) -> Result<()> {
    let job = &change.job;
    connection
        .prepare_cached(&format!(
            "INSERT INTO jobs ({JOB_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, \
             ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, ?34, ?35, ?36, ?37)"
        ))?
        .execute(params![
            job.no,
            rows::id_bytes(job.id),
            job.space,
            &*job.spec.name,
            job.status as u8,
            job.available,
            job.priority,
            job.max_retries,
            job.attempt_number,
            job.delivery_count,
            job.delivery_timeouts,
            job.delivery_id.map(rows::id_bytes),
            job.ending.map(|ending| ending as u8),
            job.worker_id.as_deref(),
            job.scheduled_for,
            job.expires_at,
            job.available_at,
            job.created_at,
            job.updated_at,
            job.delivered_at,
            job.started_at,
            job.completed_at,
            job.timeout_at,
            job.log_lines,
            job.seq,
            job.progress_seq,
            job.checkpoint_seq,
            job.result_seq,
            job.spec.timeout_ms,
            job.spec.delivery_timeout_ms,
            write_backoff(&job.spec.backoff),
            job.spec.tags.as_deref(),
            job.spec.idempotency_key.as_deref(),
            job.spec.traceparent.as_deref(),
            job.spec.callback.as_ref().map(|callback| &*callback.url),
            job.spec.callback.as_ref().and_then(|callback| callback.headers.as_deref()),
            job.callback_round,
        ])?;
    if let Some(tags) = &job.spec.tags {
        let mut statement =
            connection.prepare_cached("INSERT INTO job_tags (space, tag, job) VALUES (?1, ?2, ?3)")?;
        for tag in tag_texts(tags) {
            statement.execute(params![job.space, tag, job.no])?;
        }
    }
    if let (Some(key), Some(fingerprint)) = (&job.spec.idempotency_key, change.fingerprint) {
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO idempotency (space, key, fingerprint, job, created_at) \
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![job.space, &**key, fingerprint, job.no, job.created_at])?;
    }
    Ok(())
}

/// A payload, new or changed.
pub(super) fn write_payload(connection: &Connection, job: &Job, payload: &str) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO payloads (job, body) VALUES (?1, ?2)")?
        .execute(params![job.no, payload])?;
    Ok(())
}

/// Writes what a change may have changed of a row.
pub(super) fn update(connection: &Connection, change: &Change) -> Result<()> {
    let job = &change.job;
    if change.only_touches() {
        // Without `status` among the columns SQLite need not look at a single index.
        connection
            .prepare_cached(
                "UPDATE jobs SET updated_at = ?2, timeout_at = ?3, log_lines = ?4, seq = ?5, progress_seq = ?6, \
                 checkpoint_seq = ?7 WHERE no = ?1",
            )?
            .execute(params![
                job.no,
                job.updated_at,
                job.timeout_at,
                job.log_lines,
                job.seq,
                job.progress_seq,
                job.checkpoint_seq,
            ])?;
        return Ok(());
    }
    connection
        .prepare_cached(
            "UPDATE jobs SET status = ?2, available = ?3, priority = ?4, max_retries = ?5, attempt_number = ?6, \
             delivery_count = ?7, delivery_timeouts = ?8, delivery_id = ?9, ending = ?10, worker_id = ?11, \
             scheduled_for = ?12, expires_at = ?13, available_at = ?14, updated_at = ?15, delivered_at = ?16, \
             started_at = ?17, completed_at = ?18, timeout_at = ?19, log_lines = ?20, seq = ?21, \
             progress_seq = ?22, checkpoint_seq = ?23, result_seq = ?24, callback_round = ?25 WHERE no = ?1",
        )?
        .execute(params![
            job.no,
            job.status as u8,
            job.available,
            job.priority,
            job.max_retries,
            job.attempt_number,
            job.delivery_count,
            job.delivery_timeouts,
            job.delivery_id.map(rows::id_bytes),
            job.ending.map(|ending| ending as u8),
            job.worker_id.as_deref(),
            job.scheduled_for,
            job.expires_at,
            job.available_at,
            job.updated_at,
            job.delivered_at,
            job.started_at,
            job.completed_at,
            job.timeout_at,
            job.log_lines,
            job.seq,
            job.progress_seq,
            job.checkpoint_seq,
            job.result_seq,
            job.callback_round,
        ])?;
    Ok(())
}
