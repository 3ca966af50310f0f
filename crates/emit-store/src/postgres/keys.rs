//! Idempotency keys.

use std::collections::HashMap;
use std::sync::Arc;

use emit_core::{Millis, SpaceNo};

use super::rows;
use super::session::{Outcome, Session};
use crate::Remembered;

/// What these keys stand for. Whoever asks holds them until the end of the transaction: of two nodes that are given
/// the same key at once, the second sees what the first has made of it.
pub(super) fn remembered(
    session: &Session,
    space: SpaceNo,
    keys: &[Arc<str>],
    not_before: Millis,
) -> Outcome<HashMap<String, Remembered>> {
    let keys: Vec<&str> = keys.iter().map(|key| &**key).collect();
    session.query(
        "SELECT pg_advisory_xact_lock(h) FROM (SELECT DISTINCT hashtextextended(key, $1) AS h \
         FROM unnest($2::text[]) AS key ORDER BY h) AS hashes",
        &[&space, &keys],
    )?;
    let rows = session.query(
        "SELECT i.key, i.fingerprint, j.id FROM idempotency i JOIN jobs j ON j.no = i.job \
         WHERE i.space = $1 AND i.key = ANY($2) AND i.created_at > $3",
        &[&space, &keys, &not_before],
    )?;
    rows.iter()
        .map(|row| {
            let fingerprint = row.try_get::<_, rows::Hash>(1)?.0;
            Ok((row.try_get(0)?, Remembered { fingerprint, job: rows::id(row, 2)? }))
        })
        .collect()
}
