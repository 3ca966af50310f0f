//! Retention, in small batches: events from the oldest on, and each ended job with its last word.

use std::collections::HashMap;

use emit_core::time::DAY;
use emit_core::{EventType, Millis, SpaceNo, Status, limits};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::SHELL;
use super::{callbacks, contents, event_key, seq_of};
use crate::Space;

/// When each space's oldest event happened, as far as known: spares spaces with nothing to drop a look.
pub(super) type OldestAt = HashMap<SpaceNo, Millis>;

/// Drops what a space no longer keeps; answers how many rows it looked at.
pub(super) fn space_events(
    connection: &Connection,
    space: &mut Space,
    oldest_at: &mut OldestAt,
    now: Millis,
    limit: usize,
) -> Result<usize> {
    let cutoff = now - space.retention_days * DAY;
    if space.oldest_seq > space.seq || oldest_at.get(&space.no).is_some_and(|at| *at > cutoff) {
        return Ok(0);
    }
    let first = event_key(space.no, space.oldest_seq);
    let old: Vec<(i64, i64, u8, Millis)> = connection
        .prepare_cached(
            "SELECT key, job, type, at FROM events WHERE key >= ?1 AND key <= ?2 ORDER BY key LIMIT ?3",
        )?
        .query_map(params![first, event_key(space.no, space.seq), limit as i64], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })?
        .collect::<Result<_>>()?;
    let mut dropped = 0;
    for (key, job, kind, at) in old {
        if at > cutoff {
            oldest_at.insert(space.no, at);
            break;
        }
        let kind = EventType::from_number(kind);
        if !drop_event(connection, space, key, job, kind)? {
            break;
        }
        space.oldest_seq = seq_of(key) + 1;
        dropped += 1;
    }
    Ok(dropped)
}

/// A job's status and the numbers of its last event, latest progress, latest checkpoint and result.
type Standing = (i64, i64, Option<i64>, Option<i64>, Option<i64>);

/// An event goes; with the event that ended it goes the job, with its last event its shell. `false`: it has to
/// stay, since the end it tells of is still to be told to a callback.
fn drop_event(
    connection: &Connection,
    space: &mut Space,
    key: i64,
    no: i64,
    kind: Option<EventType>,
) -> Result<bool> {
    let seq = seq_of(key);
    let row: Option<Standing> = connection
        .prepare_cached(
            "SELECT status, seq, progress_seq, checkpoint_seq, result_seq FROM jobs WHERE no = ?1",
        )?
        .query_row([no], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)))
        .optional()?;
    if let Some((status, last_seq, progress_seq, checkpoint_seq, result_seq)) = row {
        let is_over = (Status::Completed as i64..SHELL).contains(&status);
        if is_over && result_seq == Some(seq) {
            if callbacks::is_waiting(connection, no)? {
                return Ok(false);
            }
            contents::forget(connection, no)?;
            space.counts[status as usize] -= 1;
            connection
                .prepare_cached(&format!(
                    "UPDATE jobs SET status = {SHELL}, callback_url = NULL, callback_headers = NULL WHERE no = ?1"
                ))?
                .execute([no])?;
        } else if kind == Some(EventType::Progress) && progress_seq == Some(seq) {
            keep(connection, key, no, contents::PROGRESS)?;
        } else if kind == Some(EventType::Checkpoint) && checkpoint_seq == Some(seq) {
            keep(connection, key, no, contents::CHECKPOINT)?;
        }
        if last_seq == seq {
            connection
                .prepare_cached(&format!("DELETE FROM jobs WHERE no = ?1 AND status = {SHELL}"))?
                .execute([no])?;
        }
    }
    connection.prepare_cached("DELETE FROM events WHERE key = ?1")?.execute([key])?;
    Ok(true)
}

/// The latest progress and checkpoint outlive their events.
fn keep(connection: &Connection, key: i64, no: i64, kind: i64) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO kept (job, kind, at, data) \
             SELECT ?2, ?3, at, data FROM events WHERE key = ?1 AND data IS NOT NULL",
        )?
        .execute(params![key, no, kind])?;
    Ok(())
}

/// Rows of deleted spaces; answers how many went.
pub(super) fn deleted_spaces(connection: &Connection, limit: usize) -> Result<usize> {
    let Some(no) = connection
        .prepare_cached("SELECT no FROM spaces WHERE deleted = 1 LIMIT 1")?
        .query_row([], |row| row.get::<_, i64>(0))
        .optional()?
    else {
        return Ok(0);
    };
    let jobs: Vec<i64> = connection
        .prepare_cached("SELECT no FROM jobs INDEXED BY jobs_space WHERE space = ?1 LIMIT ?2")?
        .query_map(params![no, limit as i64], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for job in &jobs {
        contents::forget(connection, *job)?;
        connection.prepare_cached("DELETE FROM jobs WHERE no = ?1")?.execute([job])?;
    }
    let events = connection
        .prepare_cached(
            "DELETE FROM events WHERE key IN (SELECT key FROM events WHERE key > ?1 AND key < ?2 LIMIT ?3)",
        )?
        .execute(params![event_key(no, 0), event_key(no + 1, 0), limit as i64])?;
    if jobs.is_empty() && events == 0 {
        connection.prepare_cached("DELETE FROM tokens WHERE space = ?1")?.execute([no])?;
        connection.prepare_cached("DELETE FROM spaces WHERE no = ?1")?.execute([no])?;
    }
    Ok(jobs.len() + events + 1)
}

/// Idempotency keys beyond their 24 h, and keys that ended a day ago.
pub(super) fn expired(connection: &Connection, now: Millis, limit: usize) -> Result<usize> {
    let keys = connection
        .prepare_cached(
            "DELETE FROM idempotency WHERE no IN (SELECT no FROM idempotency ORDER BY no LIMIT ?2) \
             AND created_at <= ?1",
        )?
        .execute(params![now - limits::IDEMPOTENCY_MS, limit as i64])?;
    let tokens = connection
        .prepare_cached(
            "DELETE FROM tokens WHERE no IN (SELECT no FROM tokens WHERE expires_at <= ?1 LIMIT ?2)",
        )?
        .execute(params![now - DAY, limit as i64])?;
    Ok(keys + tokens)
}
