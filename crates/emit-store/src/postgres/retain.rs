//! Retention, in small batches: events from the oldest on, and each ended job with its last word.
//!
//! Every node does it, in a transaction of its own; whoever has a space's row has its past.

use std::collections::{HashMap, HashSet};

use emit_core::time::DAY;
use emit_core::{EventType, JobNo, Millis, SpaceNo, Status, limits};

use super::rows::SHELL;
use super::session::{Outcome, Param, Session, Step};
use super::{contents, event_key, seq_of};

/// When each space's oldest event happened, as far as known: spares spaces with nothing to drop a look.
pub(super) type OldestAt = HashMap<SpaceNo, Millis>;

/// Lanes of nodes that are long gone.
const LANES_KEPT: Millis = 7 * DAY;

/// A space as retention sees it.
pub(super) struct Past {
    no: SpaceNo,
    retention_days: i64,
}

/// The spaces that may have something to drop, those after `last` first.
pub(super) fn spaces(session: &Session, last: SpaceNo) -> Outcome<Vec<Past>> {
    let rows = session.query(
        "SELECT no, retention_days FROM spaces WHERE NOT deleted AND oldest_seq <= seq \
         ORDER BY no <= $1, no",
        &[&last],
    )?;
    rows.iter().map(|row| Ok(Past { no: row.try_get(0)?, retention_days: row.try_get(1)? })).collect()
}

impl Past {
    pub(super) fn no(&self) -> SpaceNo {
        self.no
    }

    fn cutoff(&self, now: Millis) -> Millis {
        now - self.retention_days * DAY
    }

    /// Nothing of it is old enough yet.
    pub(super) fn is_recent(&self, oldest_at: &OldestAt, now: Millis) -> bool {
        oldest_at.get(&self.no).is_some_and(|at| *at > self.cutoff(now))
    }
}

/// A job's status, its last event, its latest progress, checkpoint and result.
type Standing = (i16, i64, Option<i64>, Option<i64>, Option<i64>);

/// An event that is to go, and how its job stands; `None` if that has no row any more.
struct Old {
    key: i64,
    job: JobNo,
    kind: i16,
    standing: Option<Standing>,
}

/// Drops what a space no longer keeps; answers how many events went.
pub(super) fn space_events(
    session: &Session,
    past: &Past,
    oldest_at: &mut OldestAt,
    now: Millis,
    limit: usize,
) -> Outcome<usize> {
    let mine = session.row(
        "SELECT oldest_seq, seq FROM spaces WHERE no = $1 AND NOT deleted FOR UPDATE SKIP LOCKED",
        &[&past.no],
    )?;
    let Some(mine) = mine else { return Ok(0) };
    let (oldest, newest): (i64, i64) = (mine.try_get(0)?, mine.try_get(1)?);
    let rows = session.query(
        "SELECT key, job, type, at FROM events WHERE key >= $1 AND key <= $2 ORDER BY key LIMIT $3",
        &[&event_key(past.no, oldest), &event_key(past.no, newest), &(limit as i64)],
    )?;
    let mut old = Vec::new();
    for row in &rows {
        let at: Millis = row.try_get(3)?;
        if at > past.cutoff(now) {
            oldest_at.insert(past.no, at);
            break;
        }
        old.push(Old { key: row.try_get(0)?, job: row.try_get(1)?, kind: row.try_get(2)?, standing: None });
    }
    lock_jobs(session, &mut old)?;
    if !old.is_empty() {
        drop_events(session, past.no, &old)?;
    }
    Ok(old.len())
}

/// Locks the events' jobs, and stops before the first that somebody else is changing: who waited for it here, with
/// the space's row in hand, would wait for somebody who waits for that row.
fn lock_jobs(session: &Session, old: &mut Vec<Old>) -> Outcome<()> {
    let mut jobs: Vec<JobNo> = old.iter().map(|event| event.job).collect();
    jobs.sort_unstable();
    jobs.dedup();
    let rows = session.query(
        "SELECT no, status, seq, progress_seq, checkpoint_seq, result_seq FROM jobs WHERE no = ANY($1) \
         FOR UPDATE SKIP LOCKED",
        &[&jobs],
    )?;
    let mut standings: HashMap<JobNo, Standing> = HashMap::new();
    for row in &rows {
        let standing = (row.try_get(1)?, row.try_get(2)?, row.try_get(3)?, row.try_get(4)?, row.try_get(5)?);
        standings.insert(row.try_get(0)?, standing);
    }
    let mut busy: HashSet<JobNo> = HashSet::new();
    for row in session.query("SELECT no FROM jobs WHERE no = ANY($1)", &[&jobs])? {
        let no = row.try_get(0)?;
        if !standings.contains_key(&no) {
            busy.insert(no);
        }
    }
    // An end that is still to be told to a callback stays too.
    let untold: HashSet<JobNo> = session
        .query("SELECT job FROM callbacks WHERE job = ANY($1) AND due_at IS NOT NULL", &[&jobs])?
        .iter()
        .map(|row| Ok(row.try_get(0)?))
        .collect::<Outcome<_>>()?;
    let stays = |event: &Old| {
        let ends = |standing: &Standing| standing.4 == Some(seq_of(event.key));
        busy.contains(&event.job)
            || untold.contains(&event.job) && standings.get(&event.job).is_some_and(ends)
    };
    let free = old.iter().position(stays).unwrap_or(old.len());
    old.truncate(free);
    for event in old {
        event.standing = standings.get(&event.job).copied();
    }
    Ok(())
}

/// Events go; with the event that ended it goes the job, with its last event its shell.
fn drop_events(session: &Session, space: SpaceNo, old: &[Old]) -> Outcome<()> {
    let mut ended: Vec<JobNo> = Vec::new();
    let mut counts = [0_i64; 7];
    let (mut kept_keys, mut kept_jobs, mut kept_kinds) = (Vec::new(), Vec::new(), Vec::new());
    let mut shells: Vec<JobNo> = Vec::new();
    for event in old {
        let Some((status, last_seq, progress, checkpoint, result)) = event.standing else { continue };
        let seq = seq_of(event.key);
        let is_over = (Status::Completed as i16..SHELL).contains(&status);
        let kind = |of: EventType, latest: Option<i64>| event.kind == of as i16 && latest == Some(seq);
        if is_over && result == Some(seq) {
            ended.push(event.job);
            counts[status as usize] -= 1;
        } else if kind(EventType::Progress, progress) || kind(EventType::Checkpoint, checkpoint) {
            let is_progress = event.kind == EventType::Progress as i16;
            kept_keys.push(event.key);
            kept_jobs.push(event.job);
            kept_kinds.push(if is_progress { contents::PROGRESS } else { contents::CHECKPOINT });
        }
        if last_seq == seq {
            shells.push(event.job);
        }
    }
    let mut steps: Vec<Step<'_>> = Vec::new();
    if !ended.is_empty() {
        steps.extend(contents::forget(&ended));
        let params: Vec<Param<'_>> = vec![Box::new(ended)];
        steps.push(Step { sql: "UPDATE jobs SET status = 7, due_at = NULL, callback_url = NULL, callback_headers = NULL WHERE no = ANY($1)", params });
    }
    if !kept_keys.is_empty() {
        steps.push(Step {
            sql: "INSERT INTO kept (job, kind, at, data) SELECT u.job, u.kind, e.at, e.data \
                  FROM unnest($1::bigint[], $2::bigint[], $3::smallint[]) AS u (key, job, kind) \
                  JOIN events e ON e.key = u.key AND e.data IS NOT NULL \
                  ON CONFLICT (job, kind) DO UPDATE SET at = excluded.at, data = excluded.data",
            params: vec![Box::new(kept_keys), Box::new(kept_jobs), Box::new(kept_kinds)],
        });
    }
    let params: Vec<Param<'_>> = vec![Box::new(shells)];
    steps.push(Step { sql: "DELETE FROM jobs WHERE no = ANY($1) AND status = 7", params });
    let params: Vec<Param<'_>> = vec![Box::new(old.iter().map(|event| event.key).collect::<Vec<i64>>())];
    steps.push(Step { sql: "DELETE FROM events WHERE key = ANY($1)", params });
    let oldest = old.last().map_or(1, |event| seq_of(event.key) + 1);
    steps.push(Step {
        sql: "UPDATE spaces SET oldest_seq = $2, completed = completed + $3, dead = dead + $4, \
              killed = killed + $5 WHERE no = $1",
        params: vec![
            Box::new(space),
            Box::new(oldest),
            Box::new(counts[4]),
            Box::new(counts[5]),
            Box::new(counts[6]),
        ],
    });
    session.run(&steps)
}

/// Rows of deleted spaces; answers how many went.
pub(super) fn deleted_spaces(session: &Session, limit: usize) -> Outcome<usize> {
    let gone = session.row("SELECT no FROM spaces WHERE deleted LIMIT 1 FOR UPDATE SKIP LOCKED", &[])?;
    let Some(gone) = gone else { return Ok(0) };
    let no: SpaceNo = gone.try_get(0)?;
    let (first, last) = (event_key(no, 0), event_key(no + 1, 0));
    let jobs = session.query(
        "SELECT no FROM jobs WHERE no > $1 AND no < $2 ORDER BY no LIMIT $3",
        &[&first, &last, &(limit as i64)],
    )?;
    let jobs: Vec<JobNo> = jobs.iter().map(|row| Ok(row.try_get(0)?)).collect::<Outcome<_>>()?;
    if !jobs.is_empty() {
        let mut steps = contents::forget(&jobs);
        let params: Vec<Param<'_>> = vec![Box::new(jobs.clone())];
        steps.push(Step { sql: "DELETE FROM jobs WHERE no = ANY($1)", params });
        session.run(&steps)?;
    }
    let events = session.execute(
        "DELETE FROM events WHERE key IN (SELECT key FROM events WHERE key > $1 AND key < $2 LIMIT $3)",
        &[&first, &last, &(limit as i64)],
    )?;
    if jobs.is_empty() && events == 0 {
        session.execute("DELETE FROM tokens WHERE space = $1", &[&no])?;
        session.execute("DELETE FROM spaces WHERE no = $1", &[&no])?;
    }
    Ok(jobs.len() + events as usize + 1)
}

/// Idempotency keys beyond their 24 h, keys that ended a day ago, and what lanes of the past have left.
pub(super) fn expired(session: &Session, now: Millis, limit: usize) -> Outcome<usize> {
    let keys = session.execute(
        "DELETE FROM idempotency WHERE (space, key) IN (SELECT space, key FROM idempotency \
         WHERE created_at <= $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        &[&(now - limits::IDEMPOTENCY_MS), &(limit as i64)],
    )?;
    let tokens = session.execute(
        "DELETE FROM tokens WHERE no IN (SELECT no FROM tokens WHERE expires_at <= $1 \
         ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        &[&(now - DAY), &(limit as i64)],
    )?;
    let lanes = session.execute("DELETE FROM lanes WHERE at < $1", &[&(now - LANES_KEPT)])?;
    Ok((keys + tokens + lanes) as usize)
}
