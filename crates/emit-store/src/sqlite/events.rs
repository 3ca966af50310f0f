//! Events: appended by the writer, read by position, walked back along a job.

use std::collections::VecDeque;

use emit_core::{Job, JobId, JobNo, Recorded, SpaceNo};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows::{self, EVENT_COLUMNS};
use super::{event_key, seq_of};
use crate::landmarks::Landmarks;
use crate::page::Page;

/// Appends one numbered event.
pub(super) fn append(connection: &Connection, event: &Recorded) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO events (key, prev, job, type, status, at, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            event_key(event.space, event.seq),
            event.prev,
            event.job,
            event.event.kind as u8,
            event.event.status as u8,
            event.at,
            event.event.data.as_deref(),
        ])?;
    Ok(())
}

/// A space's events after a position, and whether others follow.
pub(super) fn of_space(
    connection: &Connection,
    space: SpaceNo,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Result<(Vec<Recorded>, bool)> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {EVENT_COLUMNS} FROM events e JOIN jobs j ON j.no = e.job \
         WHERE e.key > ?1 AND e.key < ?2 ORDER BY e.key LIMIT ?3"
    ))?;
    let from = event_key(space, after.clamp(0, seq_of(-1)));
    let mut rows = statement.query(params![from, event_key(space + 1, 0), limit as i64 + 1])?;
    let mut page = Page::new(limit, bytes);
    while let Some(row) = rows.next()? {
        if !page.take(rows::recorded(row)?) {
            return Ok((page.events, true));
        }
    }
    Ok((page.events, false))
}

/// A job's events after a position, and whether others follow.
pub(super) fn of_job(
    connection: &Connection,
    landmarks: &Landmarks,
    job: &JobRef,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Result<(Vec<Recorded>, bool)> {
    let mut walk = landmarks.walk(job.no, after, limit, job.last_seq);
    let begin = JobRef { last_seq: walk.start, ..*job };
    let mut cut = walk.start != job.last_seq;
    // Walking back meets the newest first: only the oldest `limit` numbers after the position are kept.
    let mut wanted: VecDeque<i64> = VecDeque::new();
    walk_back(connection, &begin, |seq| {
        if seq <= after {
            return false;
        }
        walk.step(seq);
        wanted.push_front(seq);
        if wanted.len() > limit {
            wanted.pop_back();
            cut = true;
        }
        true
    })?;
    if wanted.is_empty() && begin.last_seq != job.last_seq {
        landmarks.forget(job.no);
        return of_job(connection, landmarks, job, after, limit, bytes);
    }
    landmarks.learn(job.no, walk);
    let mut page = Page::new(limit, bytes);
    for seq in wanted {
        if let Some(event) = one(connection, job.space, seq)?
            && !page.take(event)
        {
            return Ok((page.events, true));
        }
    }
    Ok((page.events, cut))
}

/// The latest events of a job, ascending: as many as the page has room for.
pub(super) fn latest_of_job(
    connection: &Connection,
    job: &JobRef,
    limit: usize,
    bytes: usize,
) -> Result<Vec<Recorded>> {
    let mut page = Page::new(limit, bytes);
    let mut failed = None;
    walk_back(connection, job, |seq| match one(connection, job.space, seq) {
        Ok(event) => event.is_some_and(|event| page.take(event)),
        Err(why) => {
            failed = Some(why);
            false
        }
    })?;
    page.events.reverse();
    failed.map_or(Ok(page.events), Err)
}

/// Where a job's history begins to be walked.
pub(super) struct JobRef {
    pub(super) space: SpaceNo,
    pub(super) no: JobNo,
    pub(super) last_seq: i64,
}

impl From<&Job> for JobRef {
    fn from(job: &Job) -> JobRef {
        JobRef { space: job.space, no: job.no, last_seq: job.seq }
    }
}

/// A job or a shell of one.
pub(super) fn job_ref(connection: &Connection, id: JobId) -> Result<Option<JobRef>> {
    connection
        .prepare_cached("SELECT space, no, seq FROM jobs WHERE id = ?1")?
        .query_row([rows::id_bytes(id)], |row| {
            Ok(JobRef { space: row.get(0)?, no: row.get(1)?, last_seq: row.get(2)? })
        })
        .optional()
}

/// Calls with each number of the job's events, the newest first, until told to stop or retention has cut.
pub(super) fn walk_back(
    connection: &Connection,
    job: &JobRef,
    mut go_on: impl FnMut(i64) -> bool,
) -> Result<()> {
    let mut statement = connection.prepare_cached("SELECT prev FROM events WHERE key = ?1 AND job = ?2")?;
    let mut seq = job.last_seq;
    while seq > 0 {
        let Some(prev) =
            statement.query_row(params![event_key(job.space, seq), job.no], |row| row.get(0)).optional()?
        else {
            break;
        };
        if !go_on(seq) {
            break;
        }
        seq = prev;
    }
    Ok(())
}

fn one(connection: &Connection, space: SpaceNo, seq: i64) -> Result<Option<Recorded>> {
    connection
        .prepare_cached(&format!(
            "SELECT {EVENT_COLUMNS} FROM events e JOIN jobs j ON j.no = e.job WHERE e.key = ?1"
        ))?
        .query_row([event_key(space, seq)], rows::recorded)
        .optional()
}
