//! A store that is read as a whole, to be moved: see `copy`.

use std::fs::File;
use std::path::Path;

use emit_core::EventType;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Result, Row};

use super::open::{FILE, MIGRATIONS, OpenError, connect, failed, format_of, lock, unreadable};
use crate::copy::{CopyError, Value};

/// A store that nobody serves, as long as this lives.
pub(crate) struct Source {
    connection: Connection,
    _lock: File,
}

impl Source {
    pub(crate) fn open(folder: &Path) -> std::result::Result<Source, OpenError> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Err(OpenError::Missing(folder.to_owned()));
        }
        let lock = lock(folder)?;
        let connection = connect(&file, true).map_err(unreadable)?;
        let format = format_of(&connection)?;
        if format < MIGRATIONS.len() {
            let why =
                format!("it has format {format}, from an older emit; `emit serve` brings it up to date");
            return Err(failed("the store cannot be copied", &why));
        }
        number_jobs(&connection).map_err(|why| failed("the store cannot be read", &why))?;
        Ok(Source { connection, _lock: lock })
    }

    /// Calls with each row that a statement answers.
    pub(crate) fn each(
        &self,
        select: &str,
        mut take: impl FnMut(&[Value<'_>]) -> std::result::Result<(), CopyError>,
    ) -> std::result::Result<(), CopyError> {
        let failed = |why: rusqlite::Error| CopyError::Source(failed("the store cannot be read", &why));
        let mut statement = self.connection.prepare(select).map_err(failed)?;
        let width = statement.column_count();
        let mut rows = statement.query([]).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            let row = (0..width).map(|column| value(row, column)).collect::<Result<Vec<_>>>();
            take(&row.map_err(failed)?)?;
        }
        Ok(())
    }

    /// The highest number a table's rows ever had.
    pub(crate) fn last_number(&self, table: &str) -> std::result::Result<i64, OpenError> {
        let last = self
            .connection
            .query_row("SELECT seq FROM sqlite_sequence WHERE name = ?1", [table], |row| row.get(0))
            .optional();
        Ok(last.map_err(|why| failed("the store cannot be read", &why))?.unwrap_or(0))
    }
}

/// Gives all jobs of living spaces the numbers they will have: each the key of its first event. Where retention has
/// dropped that, any number below those that are kept does, in the order of creation: there are enough, for each of
/// these jobs has had such an event. On disk, since there may be many; gone with the connection.
fn number_jobs(connection: &Connection) -> Result<()> {
    connection.execute_batch(&format!(
        "PRAGMA temp_store = FILE; \
         CREATE TEMP TABLE moved (job INTEGER PRIMARY KEY, no INTEGER NOT NULL UNIQUE); \
         INSERT INTO moved SELECT e.job, e.key FROM events e CROSS JOIN jobs j ON j.no = e.job \
             WHERE e.type = {created} AND j.space IN (SELECT no FROM spaces WHERE deleted = 0) ORDER BY e.key; \
         INSERT INTO moved SELECT j.no, (j.space << 40) | row_number() OVER (PARTITION BY j.space ORDER BY j.no) \
             FROM jobs j WHERE j.space IN (SELECT no FROM spaces WHERE deleted = 0) \
             AND NOT EXISTS (SELECT 1 FROM moved m WHERE m.job = j.no);",
        created = EventType::Created as u8,
    ))
}

fn value<'a>(row: &'a Row<'_>, column: usize) -> Result<Value<'a>> {
    Ok(match row.get_ref(column)? {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => Value::Number(number),
        ValueRef::Blob(bytes) => Value::Bytes(bytes),
        other => Value::Text(other.as_str()?),
    })
}
