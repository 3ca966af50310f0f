//! Due times in memory: an index of them on disk would cost every transition a tenth (and rebuilding a million
//! at start takes a fraction of a second).

use std::collections::BTreeSet;

use emit_core::{JobId, Millis};
use rusqlite::{Connection, Result};

use super::rows;

/// When time alone will change which job. Exact: a job stands here under its present due time, once.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(Millis, JobId)>,
}

impl Timers {
    /// Reads them from the rows of all jobs that are not over.
    pub(super) fn rebuild(&mut self, connection: &Connection) -> Result<()> {
        self.due.clear();
        let mut found = Vec::new();
        for (index, which) in [
            ("jobs_scheduled", "status = 0"),
            ("jobs_pending", "status = 1 AND (available = 0 OR expires_at IS NOT NULL)"),
            ("jobs_held", "status IN (2, 3)"),
        ] {
            let mut statement = connection.prepare(&format!(
                "SELECT id, CASE WHEN status IN (2, 3) THEN timeout_at \
                     WHEN available = 1 THEN expires_at \
                     ELSE min(available_at, coalesce(expires_at, available_at)) END \
                 FROM jobs INDEXED BY {index} WHERE {which}"
            ))?;
            let mut all = statement.query([])?;
            while let Some(row) = all.next()? {
                if let Some(due) = row.get::<_, Option<Millis>>(1)? {
                    found.push((due, rows::id(row, 0)?));
                }
            }
        }
        self.due = found.into_iter().collect();
        Ok(())
    }

    /// A job's due time has changed.
    pub(super) fn replace(&mut self, job: JobId, before: Option<Millis>, after: Option<Millis>) {
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, job));
        }
        if let Some(after) = after {
            self.due.insert((after, job));
        }
    }

    /// The jobs due at `now`, the earliest first.
    pub(super) fn due(&self, now: Millis, limit: usize) -> Vec<(Millis, JobId)> {
        self.due.iter().take_while(|(due, _)| *due <= now).take(limit).copied().collect()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Millis> {
        self.due.first().map(|(due, _)| *due)
    }
}
