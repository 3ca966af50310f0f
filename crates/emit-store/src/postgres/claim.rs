//! Which jobs come next: for polls, for bulk calls. What is answered is locked until the end of the transaction.

use std::sync::Arc;

use emit_core::{Job, JobNo, Millis, SpaceNo};

use super::rows::{self, SELECT_JOBS};
use super::session::{Outcome, Session};
use crate::Matching;

/// Jobs that may be claimed, by priority, then availability, then creation, but for those the transaction has
/// already. Whatever another node is about to take is skipped.
pub(super) fn claimable(
    session: &Session,
    space: SpaceNo,
    names: &[Arc<str>],
    limit: usize,
    but: &[JobNo],
) -> Outcome<Vec<Job>> {
    let order = "ORDER BY j.priority DESC, j.available_at, j.no";
    let limit = limit as i64;
    if names.is_empty() {
        let sql = format!(
            "{} WHERE j.available AND j.space = $1 AND j.no <> ALL($3) {order} LIMIT $2 \
             FOR UPDATE SKIP LOCKED",
            *SELECT_JOBS
        );
        return rows::jobs(&session.query(&sql, &[&space, &limit, &but])?);
    }
    // One short scan a name: a comparison with several would sort all that match.
    let sql = format!(
        "{} WHERE j.available AND j.space = $1 AND j.name = $4 AND j.no <> ALL($3) {order} LIMIT $2 \
         FOR UPDATE SKIP LOCKED",
        *SELECT_JOBS
    );
    let mut found = Vec::new();
    for name in names {
        found.extend(rows::jobs(&session.query(&sql, &[&space, &limit, &but, &&**name])?)?);
    }
    Ok(found)
}

/// Jobs a bulk call means, the oldest first.
pub(super) fn matching(
    session: &Session,
    space: SpaceNo,
    which: &Matching,
    limit: usize,
    but: &[JobNo],
) -> Outcome<Vec<Job>> {
    let sql = format!(
        "{} WHERE j.space = $1 AND j.status = $2 AND ($3::text IS NULL OR j.name = $3) \
         AND ($4::bigint IS NULL OR j.created_at < $4) AND j.no <> ALL($6) ORDER BY j.no LIMIT $5 FOR UPDATE",
        *SELECT_JOBS
    );
    let status = which.status as i16;
    rows::jobs(
        &session
            .query(&sql, &[&space, &status, &which.name, &which.created_before, &(limit as i64), &but])?,
    )
}

/// Since when the longest-waiting of them waits: one step of the index a priority, of which there are 201.
pub(super) fn oldest(session: &Session, space: SpaceNo) -> Outcome<Option<Millis>> {
    let row = session.row(
        "WITH RECURSIVE steps (priority, at) AS ( \
             (SELECT priority, available_at FROM jobs WHERE available AND space = $1 \
              ORDER BY priority DESC, available_at LIMIT 1) \
             UNION ALL \
             SELECT n.priority, n.available_at FROM steps s CROSS JOIN LATERAL \
             (SELECT priority, available_at FROM jobs WHERE available AND space = $1 AND priority < s.priority \
              ORDER BY priority DESC, available_at LIMIT 1) n) \
         SELECT min(at) FROM steps",
        &[&space],
    )?;
    row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
}
