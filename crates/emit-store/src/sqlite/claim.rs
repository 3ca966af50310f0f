//! Which jobs come next: for polls, for bulk calls.

use std::sync::Arc;

use emit_core::{Job, Millis, SpaceNo};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{self, JOB_COLUMNS};
use crate::Matching;

/// Jobs that may be claimed, by priority, then availability, then creation.
pub(super) fn claimable(
    connection: &Connection,
    space: SpaceNo,
    names: &[Arc<str>],
    limit: usize,
) -> Result<Vec<Job>> {
    let mut found: Vec<Job> = Vec::new();
    if names.is_empty() {
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {JOB_COLUMNS} FROM jobs INDEXED BY jobs_claim WHERE available = 1 AND space = ?1 \
             ORDER BY priority DESC, available_at, no LIMIT ?2"
        ))?;
        let mut rows = statement.query(params![space, limit as i64])?;
        while let Some(row) = rows.next()? {
            found.push(rows::job(row)?);
        }
        return Ok(found);
    }
    // One short scan a name: an IN over the index would sort all that match.
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS} FROM jobs INDEXED BY jobs_claim_name WHERE available = 1 AND space = ?1 AND name = ?2 \
         ORDER BY priority DESC, available_at, no LIMIT ?3"
    ))?;
    for name in names {
        let mut rows = statement.query(params![space, &**name, limit as i64])?;
        while let Some(row) = rows.next()? {
            found.push(rows::job(row)?);
        }
    }
    if names.len() > 1 {
        found.sort_by_key(|job| (-job.priority, job.available_at, job.no));
        found.dedup_by_key(|job| job.no);
        found.truncate(limit);
    }
    Ok(found)
}

/// Jobs a bulk call means, the oldest first.
pub(super) fn matching(
    connection: &Connection,
    space: SpaceNo,
    which: &Matching,
    limit: usize,
) -> Result<Vec<Job>> {
    let (index, condition) = super::lists::index_of(which.status);
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {JOB_COLUMNS} FROM jobs INDEXED BY {index} WHERE {condition} AND space = ?1 \
         AND (?2 IS NULL OR name = ?2) AND (?3 IS NULL OR created_at < ?3) ORDER BY no LIMIT ?4"
    ))?;
    let mut rows = statement.query(params![space, which.name, which.created_before, limit as i64])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(rows::job(row)?);
    }
    Ok(found)
}

/// Since when the longest-waiting of them waits: one step of the index a priority, of which there are 201.
pub(super) fn oldest(connection: &Connection, space: SpaceNo) -> Result<Option<Millis>> {
    let mut statement = connection.prepare_cached(
        "SELECT priority, available_at FROM jobs INDEXED BY jobs_claim WHERE available = 1 AND space = ?1 \
         AND priority < ?2 ORDER BY priority DESC, available_at LIMIT 1",
    )?;
    let (mut below, mut oldest) = (i64::MAX, None);
    loop {
        let next: Option<(i64, Millis)> =
            statement.query_row(params![space, below], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        let Some((priority, at)) = next else { return Ok(oldest) };
        oldest = Some(oldest.map_or(at, |known: Millis| known.min(at)));
        below = priority;
    }
}
