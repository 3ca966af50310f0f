//! Idempotency keys.

use emit_core::{Millis, SpaceNo};
use rusqlite::{Connection, OptionalExtension, Result, params};

use super::rows;
use crate::Remembered;

/// What a key stands for.
pub(super) fn remembered(
    connection: &Connection,
    space: SpaceNo,
    key: &str,
    not_before: Millis,
) -> Result<Option<Remembered>> {
    connection
        .prepare_cached(
            "SELECT i.fingerprint, j.id FROM idempotency i JOIN jobs j ON j.no = i.job \
             WHERE i.space = ?1 AND i.key = ?2 AND i.created_at > ?3",
        )?
        .query_row(params![space, key, not_before], |row| {
            Ok(Remembered { fingerprint: row.get(0)?, job: rows::id(row, 1)? })
        })
        .optional()
}
