//! Log lines.

use emit_core::JobNo;

use super::rows;
use super::session::{Outcome, Param, Session, Step};
use crate::{LogLine, LogQuery};

/// Appends lines: job, number, line.
pub(super) fn append<'a>(lines: &[(JobNo, i64, &'a LogLine)]) -> Step<'a> {
    fn column<'a, T: tokio_postgres::types::ToSql + Sync + Send + 'a>(
        lines: &[(JobNo, i64, &'a LogLine)],
        pick: fn(&(JobNo, i64, &'a LogLine)) -> T,
    ) -> Param<'a> {
        Box::new(lines.iter().map(pick).collect::<Vec<T>>())
    }
    Step {
        sql: "INSERT INTO logs (job, line, level, at, message, fields) \
              SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::text[], $6::text[])",
        params: vec![
            column(lines, |(job, _, _)| *job),
            column(lines, |(_, number, _)| *number),
            column(lines, |(_, _, line)| i16::from(line.level)),
            column(lines, |(_, _, line)| line.at),
            column(lines, |(_, _, line)| line.message.as_str()),
            column(lines, |(_, _, line)| line.fields.as_deref()),
        ],
    }
}

pub(super) fn read(
    session: &Session,
    job: JobNo,
    query: &LogQuery,
    bytes: usize,
) -> Outcome<(Vec<LogLine>, bool)> {
    let levels: Vec<i16> = query.levels.iter().map(|level| i16::from(*level)).collect();
    let rows = session.query(
        "SELECT line, level, at, message, fields FROM logs WHERE job = $1 AND line > $2 \
         AND (cardinality($3::smallint[]) = 0 OR level = ANY($3)) \
         AND ($4::text IS NULL OR strpos(message, $4) > 0) ORDER BY line LIMIT $5",
        &[&job, &query.after, &levels, &query.contains, &(query.limit as i64 + 1)],
    )?;
    let mut lines: Vec<LogLine> = Vec::new();
    let mut bytes_left = bytes;
    for row in &rows {
        let message: &str = row.try_get(3)?;
        let fields = rows::optional_text(row, 4)?;
        let size = message.len() + fields.as_ref().map_or(0, |fields| fields.len()) + 120;
        if lines.len() == query.limit || (!lines.is_empty() && size > bytes_left) {
            return Ok((lines, true));
        }
        bytes_left = bytes_left.saturating_sub(size);
        lines.push(LogLine {
            line: row.try_get(0)?,
            level: row.try_get::<_, i16>(1)? as u8,
            at: row.try_get(2)?,
            message: message.to_owned(),
            fields,
        });
    }
    Ok((lines, false))
}
