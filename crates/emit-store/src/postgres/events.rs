//! Events: appended by the writer, read by position, walked back along a job.

use std::collections::VecDeque;

use emit_core::{Job, JobId, JobNo, Recorded, SpaceNo};

use super::rows::{self, EVENT_COLUMNS, Uuid};
use super::session::{Outcome, Param, Session, Step};
use super::{as_number, event_key, seq_of};
use crate::landmarks::Landmarks;
use crate::page::Page;

/// Appends events whose numbers are still relative to their space's counter: see `pending`.
pub(super) fn append<'a>(events: &[&'a Recorded]) -> Step<'a> {
    let numbers = |pick: fn(&Recorded) -> i64| -> Param<'a> {
        Box::new(events.iter().map(|event| pick(event)).collect::<Vec<i64>>())
    };
    let small = |pick: fn(&Recorded) -> i16| -> Param<'a> {
        Box::new(events.iter().map(|event| pick(event)).collect::<Vec<i16>>())
    };
    Step {
        sql: "INSERT INTO events (key, prev, job, type, status, at, data) \
              SELECT (u.space << 40) | (s.seq - u.seq), \
                  CASE WHEN u.prev < 0 THEN s.seq - u.prev ELSE u.prev END, \
                  CASE WHEN u.job < 0 THEN (u.space << 40) | (s.seq - u.job) ELSE u.job END, \
                  u.type, u.status, greatest(u.at, s.last_at), u.data \
              FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], \
                  $6::smallint[], $7::bigint[], $8::text[]) AS u (space, seq, prev, job, type, status, at, data) \
              JOIN spaces s ON s.no = u.space",
        params: vec![
            numbers(|event| event.space),
            numbers(|event| event.seq),
            numbers(|event| event.prev),
            numbers(|event| event.job),
            small(|event| event.event.kind as i16),
            small(|event| event.event.status as i16),
            numbers(|event| event.at),
            Box::new(events.iter().map(|event| event.event.data.as_deref()).collect::<Vec<_>>()),
        ],
    }
}

/// The data of all events of an erased job is forgotten.
pub(super) fn empty<'a>(space: SpaceNo, job: JobNo) -> Step<'a> {
    Step {
        sql: "WITH RECURSIVE chain (seq) AS ( \
                  SELECT seq FROM jobs WHERE no = $2 UNION ALL \
                  SELECT e.prev FROM chain c JOIN events e ON e.key = ($1::bigint << 40) | c.seq AND e.job = $2 \
                  WHERE c.seq > 0) \
              UPDATE events e SET data = 'null' FROM chain c \
              WHERE e.key = ($1::bigint << 40) | c.seq AND e.job = $2 AND e.data IS NOT NULL",
        params: vec![Box::new(space), Box::new(job)],
    }
}

/// A space's events after a position, and whether others follow.
pub(super) fn of_space(
    session: &Session,
    space: SpaceNo,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Outcome<(Vec<Recorded>, bool)> {
    let sql = read("e.key > $1 AND e.key < $2 ORDER BY e.key LIMIT $3", "", "$4");
    let from = event_key(space, after.clamp(0, seq_of(-1)));
    let rows =
        session.query(&sql, &[&from, &event_key(space + 1, 0), &(limit as i64 + 1), &as_number(bytes)])?;
    page(rows.iter().map(rows::recorded), limit, bytes)
}

/// A job's events after a position, and whether others follow.
pub(super) fn of_job(
    session: &Session,
    landmarks: &Landmarks,
    job: &JobRef,
    after: i64,
    limit: usize,
    bytes: usize,
) -> Outcome<(Vec<Recorded>, bool)> {
    let mut walk = landmarks.walk(job.no, after, limit, job.last_seq);
    let begin = JobRef { last_seq: walk.start, ..*job };
    let mut cut = walk.start != job.last_seq;
    // Walking back meets the newest first: only the oldest `limit` numbers after the position are kept.
    let mut wanted: VecDeque<i64> = VecDeque::new();
    walk_back(session, &begin, after, |seq| {
        walk.step(seq);
        wanted.push_front(event_key(job.space, seq));
        if wanted.len() > limit {
            wanted.pop_back();
            cut = true;
        }
    })?;
    if wanted.is_empty() && begin.last_seq != job.last_seq {
        landmarks.forget(job.no);
        return of_job(session, landmarks, job, after, limit, bytes);
    }
    landmarks.learn(job.no, walk);
    let keys: Vec<i64> = wanted.into();
    let sql = read("e.key = ANY($1)", "", "$2");
    let rows = session.query(&sql, &[&keys, &as_number(bytes)])?;
    let (events, full) = page(rows.iter().map(rows::recorded), limit, bytes)?;
    Ok((events, full || cut))
}

/// The latest events of a job, ascending: as many as the page has room for.
pub(super) fn latest_of_job(
    session: &Session,
    job: &JobRef,
    limit: usize,
    bytes: usize,
) -> Outcome<Vec<Recorded>> {
    let keys = "e.key IN (SELECT ($1::bigint << 40) | seq FROM chain LIMIT $4)";
    let sql = format!("{CHAIN} {}", read(keys, "DESC", "$6"));
    let rows = session
        .query(&sql, &[&job.space, &job.no, &0_i64, &(limit as i64), &job.last_seq, &as_number(bytes)])?;
    let mut page = Page::new(limit, bytes);
    for row in &rows {
        if !page.take(rows::recorded(row)?) {
            break;
        }
    }
    page.events.reverse();
    Ok(page.events)
}

/// The statement that reads events, in the order of their keys, with the data of only as many as have room: what the
/// page will not take is not fetched either.
fn read(which: &str, order: &str, bytes: &str) -> String {
    format!(
        "SELECT key, prev, job, type, status, at, CASE WHEN before <= {bytes} THEN data END, id, name FROM \
         (SELECT *, sum(size) OVER (ORDER BY key {order} ROWS UNBOUNDED PRECEDING) - size AS before FROM \
         (SELECT {EVENT_COLUMNS}, coalesce(octet_length(e.data), 0) AS size FROM events e \
         JOIN jobs j ON j.no = e.job WHERE {which}) AS found) AS counted ORDER BY key {order}"
    )
}

/// The numbers of a job's events after `$3`, walked back from the newest until retention has cut.
const CHAIN: &str = "WITH RECURSIVE chain (seq, prev) AS ( \
    SELECT e.key & 1099511627775, e.prev FROM events e \
        WHERE e.key = ($1::bigint << 40) | $5 AND e.job = $2 AND $5 > $3 UNION ALL \
    SELECT e.key & 1099511627775, e.prev FROM chain c \
        JOIN events e ON e.key = ($1::bigint << 40) | c.prev AND e.job = $2 WHERE c.prev > $3)";
/// Steps of a walk in one statement: memory stays small however long the history is.
const STEPS: i64 = 10_000;

/// Calls with each number of the job's events after a position, the newest first, until retention has cut.
fn walk_back(session: &Session, job: &JobRef, after: i64, mut meet: impl FnMut(i64)) -> Outcome<()> {
    let sql = format!("{CHAIN} SELECT seq, prev FROM chain LIMIT $4");
    let mut next = Some(job.last_seq);
    while let Some(from) = next {
        let rows = session.query(&sql, &[&job.space, &job.no, &after, &STEPS, &from])?;
        for row in &rows {
            meet(row.try_get(0)?);
        }
        next = match rows.last() {
            Some(last) if rows.len() as i64 == STEPS => Some(last.try_get(1)?),
            _ => None,
        };
    }
    Ok(())
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
pub(super) fn job_ref(session: &Session, id: JobId) -> Outcome<Option<JobRef>> {
    let Some(row) = session.row("SELECT space, no, seq FROM jobs WHERE id = $1", &[&Uuid(id)])? else {
        return Ok(None);
    };
    Ok(Some(JobRef { space: row.try_get(0)?, no: row.try_get(1)?, last_seq: row.try_get(2)? }))
}

fn page(
    events: impl Iterator<Item = Outcome<Recorded>>,
    limit: usize,
    bytes: usize,
) -> Outcome<(Vec<Recorded>, bool)> {
    let mut page = Page::new(limit, bytes);
    for event in events {
        if !page.take(event?) {
            return Ok((page.events, true));
        }
    }
    Ok((page.events, false))
}
