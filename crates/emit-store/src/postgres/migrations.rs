//! The tables' format: which one is there, and what brings it to the present one. Only ever forward, one node at a time.

use super::OpenError;
use super::connect::{Address, Target};
use super::session::{Outcome, Session};
use crate::StoreError;

/// Append-only: what has been released is never edited.
const MIGRATIONS: [&str; 2] = [
    include_str!("../migrations/postgres/0001_start.sql"),
    include_str!("../migrations/postgres/0002_rounds.sql"),
];
/// The advisory lock under which the tables are brought up to date: "emit" in ASCII.
pub(super) const LOCK: i64 = 0x656d_6974;

/// What there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The format of the database's tables; 0: there are none.
    pub found: i64,
    /// The format this version writes.
    pub known: i64,
}

/// What opening the database would do to its tables, and the statements. Changes nothing.
pub fn plan(target: &Target) -> std::result::Result<(Plan, Vec<&'static str>), OpenError> {
    let session = Session::connect(&Address::read(target).map_err(OpenError::Address)?)?;
    let plan = Plan { found: found(&session).map_err(StoreError::from)?, known: MIGRATIONS.len() as i64 };
    if plan.found > plan.known {
        return Err(OpenError::Newer { found: plan.found, known: MIGRATIONS.len() });
    }
    let done = usize::try_from(plan.found).unwrap_or(0);
    Ok((plan, MIGRATIONS.iter().skip(done).copied().collect()))
}

/// Brings the tables to the present format.
pub(super) fn apply(session: &Session) -> std::result::Result<(), OpenError> {
    let known = MIGRATIONS.len();
    let before = found(session).map_err(StoreError::from)?;
    if before > known as i64 {
        return Err(OpenError::Newer { found: before, known });
    }
    if before < known as i64 {
        migrate(session).map_err(StoreError::from)?;
    }
    Ok(())
}

fn found(session: &Session) -> Outcome<i64> {
    // Not `to_regclass`: it may answer from what the session knew before it waited for another node's lock.
    let sql = "SELECT EXISTS (SELECT 1 FROM pg_tables WHERE schemaname = 'emit' AND tablename = 'formats')";
    let made = session.row(sql, &[])?;
    if !made.map_or(Ok(false), |row| row.try_get(0))? {
        return Ok(0);
    }
    let row = session.row("SELECT coalesce(max(version), 0) FROM emit.formats", &[])?;
    Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
}

fn migrate(session: &Session) -> Outcome<()> {
    session.batch(&format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK})"))?;
    // Another node may have been faster.
    let before = found(session)?;
    if before == 0 {
        session.batch(
            "CREATE SCHEMA IF NOT EXISTS emit; \
             CREATE TABLE formats (version bigint PRIMARY KEY, applied_at timestamptz NOT NULL)",
        )?;
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(usize::try_from(before).unwrap_or(0)) {
        session.batch(migration)?;
        session.batch(&format!("INSERT INTO formats (version, applied_at) VALUES ({}, now())", done + 1))?;
    }
    session.batch("COMMIT")
}

/// Refuses a pooler that gives every transaction another session: what a session has set, prepared or listens to
/// would be somebody else's. Found out by keeping the session busy that has just begun to listen.
pub(super) fn refuse_poolers(address: &Address, session: &Session) -> std::result::Result<(), OpenError> {
    let other = Session::connect(address)?;
    let listens = || -> Outcome<bool> {
        session.batch("LISTEN emit_probe")?;
        other.batch("BEGIN; SELECT 1")?;
        let sql =
            "SELECT EXISTS (SELECT 1 FROM pg_listening_channels() AS channel WHERE channel = 'emit_probe')";
        let row = session.row(sql, &[])?;
        let listens = row.map_or(Ok(false), |row| row.try_get(0))?;
        session.batch("UNLISTEN emit_probe")?;
        Ok(listens)
    };
    let listens = listens();
    // Whatever came of it: that transaction is over.
    let _ = other.batch("ROLLBACK");
    match listens {
        Ok(true) => Ok(()),
        Ok(false) => Err(OpenError::Pooled),
        Err(why) => Err(StoreError::from(why).into()),
    }
}
