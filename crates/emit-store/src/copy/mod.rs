//! From an embedded store to a shared one: everything that users have, under the ids and numbers they know it by, so
//! that streams go on where they were.
//!
//! Row by row, in bounded memory, and in one transaction of the target: a copy is there as a whole or not at all. The
//! source is only read. What is made of each table is said in `tables`.

mod tables;

use std::path::Path;

use crate::postgres::{self, Target, Vessel};
use crate::sqlite::{self, Source};

pub(crate) use tables::Value;

/// Rows between two reports of progress.
const TOLD_EVERY: u64 = 10_000;

/// How far a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The table.
    pub table: &'static str,
    /// Its rows that have gone over.
    pub rows: u64,
    /// There are no others.
    pub done: bool,
}

/// Why there is no copy. The target is as it was before.
#[derive(Debug)]
pub enum CopyError {
    /// The folder cannot be read from.
    Source(sqlite::OpenError),
    /// The database cannot be written to.
    Target(postgres::OpenError),
    /// The database has spaces or keys already.
    NotEmpty,
    /// The source's rows do not fit together.
    Unsound(String),
    /// It is not known whether the database has taken it.
    Unknown,
}

impl std::fmt::Display for CopyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            CopyError::Source(why) => why.fmt(f),
            CopyError::Target(why) => why.fmt(f),
            CopyError::NotEmpty => f.write_str(
                "the database has spaces or keys already; name one that no emit has served yet, or drop its schema \
                 `emit`",
            ),
            CopyError::Unsound(what) => {
                write!(f, "the store is not sound: {what}; `emit doctor` tells more. Nothing was copied")
            }
            CopyError::Unknown => f.write_str(
                "the connection was lost with the last word. Do the same again: if it says that the database is not \
                 empty, the copy is there as a whole",
            ),
        }
    }
}

impl std::error::Error for CopyError {}

/// Copies the store of a folder, which nobody may serve, into a database that nobody has served yet, and makes its
/// tables if they are not there. `told` hears of every table, and every ten thousand rows.
///
/// # Errors
/// Where the folder is served, has no store, or one of another format; where the database is not empty, cannot be
/// used, or has a newer format; where the store is damaged. Then nothing is copied.
pub fn copy(
    folder: &Path,
    target: &Target,
    mut told: impl FnMut(Progress),
) -> Result<Vec<Progress>, CopyError> {
    let source = Source::open(folder).map_err(CopyError::Source)?;
    let vessel = Vessel::open(target)?;
    let mut all = Vec::new();
    for table in &tables::TABLES {
        let mut progress = Progress { table: table.name, rows: 0, done: false };
        let mut filling = vessel.fill(table.name)?;
        source.each(&table.select(filling.columns()), |row| {
            filling.take(row)?;
            progress.rows += 1;
            if progress.rows.is_multiple_of(TOLD_EVERY) {
                told(progress);
            }
            Ok(())
        })?;
        filling.finish()?;
        progress.done = true;
        told(progress);
        all.push(progress);
    }
    for table in tables::NUMBERED {
        vessel.go_on_from(table, source.last_number(table).map_err(CopyError::Source)?)?;
    }
    vessel.commit()?;
    Ok(all)
}
