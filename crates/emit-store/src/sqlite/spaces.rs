//! Spaces: their settings, and what each commit keeps up to date of them.

use std::sync::Arc;

use emit_core::outbound::{Outbound, Push, Secret, Slack};
use emit_core::{SpaceId, SpaceNo};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::rows;
use crate::Space;

pub(super) const COLUMNS: &str = "no, id, name, paused, retention_days, max_pending, max_deliveries, created_at, seq, \
    oldest_seq, last_at, scheduled, pending, delivered, running, completed, dead, killed, secret, old_secret, \
    old_until, slack, push, older_secrets";

pub(super) fn space(row: &Row<'_>) -> Result<Space> {
    let mut counts = [0; 7];
    for (status, count) in counts.iter_mut().enumerate() {
        *count = row.get(11 + status)?;
    }
    Ok(Space {
        no: row.get(0)?,
        id: rows::id(row, 1)?,
        name: row.get(2)?,
        paused: row.get(3)?,
        retention_days: row.get(4)?,
        max_pending: row.get(5)?,
        max_deliveries: row.get(6)?,
        created_at: row.get(7)?,
        seq: row.get(8)?,
        oldest_seq: row.get(9)?,
        last_at: row.get(10)?,
        counts,
        outbound: Arc::new(outbound(row)?),
    })
}

fn outbound(row: &Row<'_>) -> Result<Outbound> {
    let secret = |bytes: Vec<u8>| Secret(bytes.into());
    let old: Option<Vec<u8>> = row.get(19)?;
    let slack: Option<String> = row.get(21)?;
    let push: Option<String> = row.get(22)?;
    let older: Option<String> = row.get(23)?;
    Ok(Outbound {
        secret: secret(row.get(18)?),
        previous: Outbound::previous_of(old.map(secret).zip(row.get(20)?), older.as_deref()),
        slack: slack.as_deref().and_then(Slack::from_json),
        push: push.as_deref().and_then(Push::from_json),
    })
}

/// What a space sends, as its columns hold it.
fn outbound_columns(outbound: &Outbound) -> [Value; 6] {
    let old = outbound.previous.first();
    [
        Value::Blob(outbound.secret.0.to_vec()),
        old.map(|(secret, _)| secret.0.to_vec()).into(),
        old.map(|(_, until)| *until).into(),
        outbound.slack.as_ref().map(Slack::to_json).into(),
        outbound.push.as_ref().map(Push::to_json).into(),
        outbound.older_to_json().into(),
    ]
}

pub(super) fn by_id(connection: &Connection, id: SpaceId) -> Result<Option<Space>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM spaces WHERE id = ?1 AND deleted = 0"))?
        .query_row([rows::id_bytes(id)], space)
        .optional()
}

pub(super) fn by_no(connection: &Connection, no: SpaceNo) -> Result<Option<Space>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM spaces WHERE no = ?1 AND deleted = 0"))?
        .query_row([no], space)
        .optional()
}

pub(super) fn page(connection: &Connection, after: Option<SpaceId>, limit: usize) -> Result<Vec<Space>> {
    let after = match after {
        Some(id) => by_id(connection, id)?.map_or(i64::MAX, |space| space.no),
        None => 0,
    };
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM spaces WHERE no > ?1 AND deleted = 0 ORDER BY no LIMIT ?2"
        ))?
        .query_map(params![after, limit as i64], space)?
        .collect()
}

pub(super) fn insert(connection: &Connection, space: &Space) -> Result<SpaceNo> {
    let [secret, old_secret, old_until, slack, push, older] = outbound_columns(&space.outbound);
    connection
        .prepare_cached(
            "INSERT INTO spaces (id, name, paused, retention_days, max_pending, max_deliveries, created_at, last_at, \
             secret, old_secret, old_until, slack, push, older_secrets) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            rows::id_bytes(space.id),
            space.name,
            space.paused,
            space.retention_days,
            space.max_pending,
            space.max_deliveries,
            space.created_at,
            secret,
            old_secret,
            old_until,
            slack,
            push,
            older,
        ])?;
    Ok(connection.last_insert_rowid())
}

pub(super) fn update_settings(connection: &Connection, space: &Space) -> Result<()> {
    let [secret, old_secret, old_until, slack, push, older] = outbound_columns(&space.outbound);
    connection
        .prepare_cached(
            "UPDATE spaces SET name = ?2, paused = ?3, retention_days = ?4, max_pending = ?5, max_deliveries = ?6, \
             secret = ?7, old_secret = ?8, old_until = ?9, slack = ?10, push = ?11, older_secrets = ?12 \
             WHERE no = ?1",
        )?
        .execute(params![
            space.no,
            space.name,
            space.paused,
            space.retention_days,
            space.max_pending,
            space.max_deliveries,
            secret,
            old_secret,
            old_until,
            slack,
            push,
            older,
        ])?;
    Ok(())
}

/// Writes what commits change: the counter and the counts.
pub(super) fn update_counters(connection: &Connection, space: &Space) -> Result<()> {
    let n = &space.counts;
    connection
        .prepare_cached(
            "UPDATE spaces SET seq = ?2, oldest_seq = ?3, last_at = ?4, scheduled = ?5, pending = ?6, \
             delivered = ?7, running = ?8, completed = ?9, dead = ?10, killed = ?11 WHERE no = ?1",
        )?
        .execute(params![
            space.no,
            space.seq,
            space.oldest_seq,
            space.last_at,
            n[0],
            n[1],
            n[2],
            n[3],
            n[4],
            n[5],
            n[6]
        ])?;
    Ok(())
}
