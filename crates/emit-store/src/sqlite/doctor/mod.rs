//! Examines a store: whether the file is whole, and whether what stands in it fits together.
//!
//! Each check is a statement that finds what should not be, and each runs in a transaction of its own: beside a
//! running server none sees half a commit, and none holds up the log for long. Nothing may be mended here.

mod beside;
mod events;
mod readable;
mod spaces;

use std::path::Path;

use emit_core::{Millis, ids::Id};
use rusqlite::{Connection, Row};

use super::open::{FILE, MIGRATIONS, OpenError, connect, failed, format_of, unreadable};
use super::rows;

/// Findings of one check that are told one by one.
const TOLD_MAX: usize = 20;

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In which space.
    pub space: Option<Id>,
    /// Of which job.
    pub job: Option<Id>,
    /// What, as the end of a sentence about it.
    pub what: String,
}

/// What one check has found.
#[derive(Debug, Clone)]
pub struct Checked {
    /// Its name: one word.
    pub name: &'static str,
    /// What it makes sure of.
    pub promise: &'static str,
    /// What it found.
    pub findings: Vec<Finding>,
    /// It found more than is told.
    pub more: bool,
}

impl Checked {
    fn new(name: &'static str, promise: &'static str) -> Checked {
        Checked { name, promise, findings: Vec::new(), more: false }
    }

    /// Keeps a finding; false where so many are kept that no more are looked for.
    fn tell(&mut self, finding: Finding) -> bool {
        self.more = self.findings.len() == TOLD_MAX;
        if !self.more {
            self.findings.push(finding);
        }
        !self.more
    }

    fn cannot(&mut self, why: &dyn std::fmt::Display) {
        let what = format!("this cannot be checked: {why}");
        self.findings.push(Finding { space: None, job: None, what });
    }
}

/// A check: its name, what it makes sure of, and the statements that find the opposite. Each answers rows of a space's
/// id, a job's id (either may be NULL) and a sentence; `?1` is the present time.
struct Check {
    name: &'static str,
    promise: &'static str,
    statements: Vec<String>,
}

/// Examines the store of a folder, which may be served.
///
/// # Errors
/// Where there is no store, or it has another format than this version's, or it cannot be opened at all.
pub fn examine(folder: &Path, now: Millis) -> Result<Vec<Checked>, OpenError> {
    let file = folder.join(FILE);
    if !file.exists() {
        return Err(OpenError::Missing(folder.to_owned()));
    }
    let connection = connect(&file, true).map_err(unreadable)?;
    let format = format_of(&connection)?;
    if format < MIGRATIONS.len() {
        let why = format!("it has format {format}, from an older emit; `emit serve` brings it up to date");
        return Err(failed("the store cannot be examined", &why));
    }
    let checks = [spaces::checks(), events::checks(), beside::checks()].into_iter().flatten();
    let mut done = vec![whole_file(&connection), readable::schema(&connection), readable::rows(&connection)];
    done.extend(checks.map(|check| run(&connection, check, now)));
    Ok(done)
}

fn whole_file(connection: &Connection) -> Checked {
    let told = TOLD_MAX.to_string();
    let found = connection.prepare(&format!("PRAGMA integrity_check({told})")).and_then(|mut statement| {
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
    });
    let lines = found.unwrap_or_else(|why| vec![why.to_string()]);
    let findings: Vec<_> = lines
        .into_iter()
        .filter(|line| line != "ok")
        .map(|what| Finding { space: None, job: None, what })
        .collect();
    let more = findings.len() >= TOLD_MAX;
    Checked { name: "file", promise: "pages, rows and indexes of the file are whole", findings, more }
}

fn run(connection: &Connection, check: Check, now: Millis) -> Checked {
    let mut checked = Checked::new(check.name, check.promise);
    for statement in &check.statements {
        if let Err(why) = gather(connection, statement, now, &mut checked) {
            checked.cannot(&why);
        }
    }
    checked
}

fn gather(connection: &Connection, sql: &str, now: Millis, into: &mut Checked) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(sql)?;
    // Only some look at the time.
    if statement.parameter_count() == 1 {
        statement.raw_bind_parameter(1, now)?;
    }
    let mut found = statement.raw_query();
    while let Some(row) = found.next()? {
        if !into.tell(finding(row)?) {
            break;
        }
    }
    Ok(())
}

fn finding(row: &Row<'_>) -> rusqlite::Result<Finding> {
    Ok(Finding { space: rows::optional_id(row, 0)?, job: rows::optional_id(row, 1)?, what: row.get(2)? })
}

/// The `seq` within the key of an event, in SQL.
fn seq_sql(key: &str) -> String {
    format!("({key} & {})", super::seq_of(-1))
}

/// A small number as its word, in SQL.
fn word_sql(column: &str, words: impl Iterator<Item = (u8, &'static str)>) -> String {
    let arms: Vec<_> = words.map(|(number, word)| format!("WHEN {number} THEN '{word}'")).collect();
    format!("CASE {column} {} ELSE 'number ' || {column} END", arms.join(" "))
}

fn status_sql(column: &str) -> String {
    word_sql(column, emit_core::Status::ALL.iter().map(|status| (*status as u8, status.as_str())))
}

fn type_sql(column: &str) -> String {
    word_sql(column, emit_core::EventType::ALL.iter().map(|kind| (*kind as u8, kind.as_str())))
}
