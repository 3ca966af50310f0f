//! Spaces: their settings, and what each commit keeps up to date of them.

use std::sync::Arc;

use emit_core::outbound::{Outbound, Push, Secret, Slack};
use emit_core::{SpaceId, SpaceNo};
use tokio_postgres::Row;

use super::rows::{self, Uuid};
use super::session::{Outcome, Param, Session, Step};
use crate::Space;

const SELECT: &str = "SELECT no, id, name, paused, retention_days, max_pending, max_deliveries, created_at, seq, \
    oldest_seq, last_at, scheduled, pending, delivered, running, completed, dead, killed, secret, old_secret, \
    old_until, slack, push, older_secrets FROM spaces";

fn space(row: &Row) -> Outcome<Space> {
    let mut counts = [0; 7];
    for (status, count) in counts.iter_mut().enumerate() {
        *count = row.try_get(11 + status)?;
    }
    Ok(Space {
        no: row.try_get(0)?,
        id: rows::id(row, 1)?,
        name: row.try_get(2)?,
        paused: row.try_get(3)?,
        retention_days: row.try_get(4)?,
        max_pending: row.try_get(5)?,
        max_deliveries: rows::optional_count(row, 6)?,
        created_at: row.try_get(7)?,
        seq: row.try_get(8)?,
        oldest_seq: row.try_get(9)?,
        last_at: row.try_get(10)?,
        counts,
        outbound: Arc::new(outbound(row)?),
    })
}

fn outbound(row: &Row) -> Outcome<Outbound> {
    let secret = |bytes: &[u8]| Secret(bytes.into());
    let old = row.try_get::<_, Option<&[u8]>>(19)?.map(secret).zip(row.try_get(20)?);
    Ok(Outbound {
        secret: secret(row.try_get(18)?),
        previous: Outbound::previous_of(old, row.try_get(23)?),
        slack: row.try_get::<_, Option<&str>>(21)?.and_then(Slack::from_json),
        push: row.try_get::<_, Option<&str>>(22)?.and_then(Push::from_json),
    })
}

/// What a space sends, as its columns hold it.
fn outbound_columns<'a>(outbound: &Outbound) -> [Param<'a>; 6] {
    [
        Box::new(outbound.secret.0.to_vec()),
        Box::new(outbound.previous.first().map(|(secret, _)| secret.0.to_vec())),
        Box::new(outbound.previous.first().map(|(_, until)| *until)),
        Box::new(outbound.slack.as_ref().map(Slack::to_json)),
        Box::new(outbound.push.as_ref().map(Push::to_json)),
        Box::new(outbound.older_to_json()),
    ]
}

pub(super) fn by_id(session: &Session, id: SpaceId) -> Outcome<Option<Space>> {
    let sql = format!("{SELECT} WHERE id = $1 AND NOT deleted");
    session.row(&sql, &[&Uuid(id)])?.as_ref().map(space).transpose()
}

pub(super) fn by_no(session: &Session, no: SpaceNo) -> Outcome<Option<Space>> {
    Ok(by_numbers(session, &[no])?.pop())
}

/// Those of these spaces that are not deleted.
pub(super) fn by_numbers(session: &Session, numbers: &[SpaceNo]) -> Outcome<Vec<Space>> {
    let sql = format!("{SELECT} WHERE no = ANY($1) AND NOT deleted");
    session.query(&sql, &[&numbers])?.iter().map(space).collect()
}

pub(super) fn page(session: &Session, after: Option<SpaceId>, limit: usize) -> Outcome<Vec<Space>> {
    let after = match after {
        Some(id) => by_id(session, id)?.map_or(i64::MAX, |space| space.no),
        None => 0,
    };
    let sql = format!("{SELECT} WHERE no > $1 AND NOT deleted ORDER BY no LIMIT $2");
    session.query(&sql, &[&after, &(limit as i64)])?.iter().map(space).collect()
}

pub(super) fn insert(session: &Session, space: &Space) -> Outcome<SpaceNo> {
    session.execute("INSERT INTO marks (name, value) VALUES ('spaces', 1) ON CONFLICT DO NOTHING", &[])?;
    let [secret, old_secret, old_until, slack, push, older] = outbound_columns(&space.outbound);
    let row = session.row(
        "INSERT INTO spaces (id, name, paused, retention_days, max_pending, max_deliveries, created_at, last_at, \
         secret, old_secret, old_until, slack, push, older_secrets) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, $12, $13) RETURNING no",
        &[
            &Uuid(space.id),
            &space.name,
            &space.paused,
            &space.retention_days,
            &space.max_pending,
            &space.max_deliveries.map(|most| most as i32),
            &space.created_at,
            &*secret,
            &*old_secret,
            &*old_until,
            &*slack,
            &*push,
            &*older,
        ],
    )?;
    Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
}

/// Takes the spaces' locks, in the order of their numbers, and answers number, `seq` and `last_at`.
pub(super) fn lock<'a>(numbers: Vec<SpaceNo>) -> Step<'a> {
    Step {
        sql: "SELECT no, seq, last_at FROM spaces WHERE no = ANY($1) ORDER BY no FOR UPDATE",
        params: vec![Box::new(numbers)],
    }
}

/// Writes the settings.
pub(super) fn update_settings<'a>(space: &Space) -> Step<'a> {
    let mut params: Vec<Param<'a>> = vec![
        Box::new(space.no),
        Box::new(space.name.clone()),
        Box::new(space.paused),
        Box::new(space.retention_days),
        Box::new(space.max_pending),
        Box::new(space.max_deliveries.map(|most| most as i32)),
    ];
    params.extend(outbound_columns(&space.outbound));
    Step {
        sql: "UPDATE spaces SET name = $2, paused = $3, retention_days = $4, max_pending = $5, \
              max_deliveries = $6, secret = $7, old_secret = $8, old_until = $9, slack = $10, push = $11, \
              older_secrets = $12 \
              WHERE no = $1",
        params,
    }
}

/// Makes a space unreadable; its rows go later.
pub(super) fn delete<'a>(no: SpaceNo) -> Step<'a> {
    Step { sql: "UPDATE spaces SET deleted = true WHERE no = $1", params: vec![Box::new(no)] }
}

/// What a commit changes of one space.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tally {
    /// Numbers given so far.
    pub(super) events: i64,
    /// Jobs that came or went, by status.
    pub(super) counts: [i64; 7],
}

/// Moves the spaces' counters on. Must come last of what reads them.
pub(super) fn update_counters<'a>(
    tallies: impl Iterator<Item = (SpaceNo, Tally)> + Clone,
    now: i64,
) -> Step<'a> {
    let column = |pick: fn(&Tally) -> i64| {
        Box::new(tallies.clone().map(|(_, tally)| pick(&tally)).collect::<Vec<i64>>())
            as Box<dyn tokio_postgres::types::ToSql + Sync + Send>
    };
    Step {
        sql: "UPDATE spaces s SET seq = s.seq + u.events, \
              last_at = CASE WHEN u.events > 0 THEN greatest(s.last_at, $3) ELSE s.last_at END, \
              scheduled = s.scheduled + u.n0, pending = s.pending + u.n1, delivered = s.delivered + u.n2, \
              running = s.running + u.n3, completed = s.completed + u.n4, dead = s.dead + u.n5, \
              killed = s.killed + u.n6 \
              FROM unnest($1::bigint[], $2::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], \
              $8::bigint[], $9::bigint[], $10::bigint[]) AS u (no, events, n0, n1, n2, n3, n4, n5, n6) \
              WHERE s.no = u.no",
        params: vec![
            Box::new(tallies.clone().map(|(no, _)| no).collect::<Vec<i64>>()),
            column(|tally| tally.events),
            Box::new(now),
            column(|tally| tally.counts[0]),
            column(|tally| tally.counts[1]),
            column(|tally| tally.counts[2]),
            column(|tally| tally.counts[3]),
            column(|tally| tally.counts[4]),
            column(|tally| tally.counts[5]),
            column(|tally| tally.counts[6]),
        ],
    }
}
