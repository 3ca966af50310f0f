//! Log lines.

use emit_core::JobNo;
use rusqlite::{Connection, Result, params};

use super::rows;
use crate::{LogLine, LogQuery};

pub(super) fn append(connection: &Connection, job: JobNo, first: i64, lines: &[LogLine]) -> Result<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO logs (job, line, level, at, message, fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for (line, number) in lines.iter().zip(first..) {
        statement.execute(params![job, number, line.level, line.at, line.message, line.fields.as_deref()])?;
    }
    Ok(())
}

pub(super) fn read(
    connection: &Connection,
    job: JobNo,
    query: &LogQuery,
    bytes: usize,
) -> Result<(Vec<LogLine>, bool)> {
    let mut statement = connection.prepare_cached(
        "SELECT line, level, at, message, fields FROM logs WHERE job = ?1 AND line > ?2 ORDER BY line",
    )?;
    let mut found = statement.query(params![job, query.after])?;
    let mut lines: Vec<LogLine> = Vec::new();
    let mut bytes_left = bytes;
    while let Some(row) = found.next()? {
        let level: u8 = row.get(1)?;
        let message = row.get_ref(3)?.as_str()?;
        let wanted = (query.levels.is_empty() || query.levels.contains(&level))
            && query.contains.as_ref().is_none_or(|part| message.contains(part.as_str()));
        if !wanted {
            continue;
        }
        let fields = rows::optional_text(row, 4)?;
        let size = message.len() + fields.as_ref().map_or(0, |fields| fields.len()) + 120;
        if lines.len() == query.limit || (!lines.is_empty() && size > bytes_left) {
            return Ok((lines, true));
        }
        bytes_left = bytes_left.saturating_sub(size);
        lines.push(LogLine {
            line: row.get(0)?,
            level,
            at: row.get(2)?,
            message: message.to_owned(),
            fields,
        });
    }
    Ok((lines, false))
}
