//! Keys.

use emit_core::{Millis, Scopes, SpaceNo, TokenId};
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

use super::rows;
use crate::Token;

pub(super) const SELECT: &str = "SELECT t.id, t.hash, t.secret, t.name, t.scopes, t.space, s.id, t.job, t.created_at, \
    t.expires_at, t.last_used_at, t.no FROM tokens t LEFT JOIN spaces s ON s.no = t.space AND s.deleted = 0";

pub(super) fn token(row: &Row<'_>) -> Result<Token> {
    let scope_names: Vec<String> = row.get_ref(4)?.as_str()?.split(' ').map(str::to_owned).collect();
    let scopes = Scopes::from_names(scope_names.iter().map(String::as_str)).unwrap_or_default();
    let space: Option<SpaceNo> = row.get(5)?;
    Ok(Token {
        id: rows::id(row, 0)?,
        hash: row.get(1)?,
        secret: row.get(2)?,
        name: row.get(3)?,
        scope_names,
        scopes,
        space: match space {
            Some(no) => Some((no, rows::id(row, 6)?)),
            None => None,
        },
        job: rows::optional_id(row, 7)?,
        created_at: row.get(8)?,
        expires_at: row.get(9)?,
        last_used_at: row.get(10)?,
    })
}

/// Keys of a deleted space are as good as gone.
pub(super) const LIVING: &str = "(t.space IS NULL OR s.id IS NOT NULL)";

pub(super) fn by_hash(connection: &Connection, hash: &[u8; 32]) -> Result<Option<Token>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE t.hash = ?1 AND {LIVING}"))?
        .query_row([hash], token)
        .optional()
}

pub(super) fn by_id(connection: &Connection, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>> {
    connection
        .prepare_cached(&format!("{SELECT} WHERE t.id = ?1 AND t.space IS ?2 AND {LIVING}"))?
        .query_row(params![rows::id_bytes(id), space], token)
        .optional()
}

pub(super) fn page(
    connection: &Connection,
    space: Option<SpaceNo>,
    after: Option<TokenId>,
    limit: usize,
) -> Result<Vec<Token>> {
    let after: i64 = match after {
        Some(id) => connection
            .prepare_cached("SELECT no FROM tokens WHERE id = ?1")?
            .query_row([rows::id_bytes(id)], |row| row.get(0))
            .optional()?
            .unwrap_or(i64::MAX),
        None => 0,
    };
    connection
        .prepare_cached(&format!(
            "{SELECT} WHERE t.space IS ?1 AND t.no > ?2 AND {LIVING} ORDER BY t.no LIMIT ?3"
        ))?
        .query_map(params![space, after, limit as i64], token)?
        .collect()
}

pub(super) fn insert(connection: &Connection, token: &Token) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO tokens (id, hash, secret, name, scopes, space, job, created_at, expires_at, last_used_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            rows::id_bytes(token.id),
            token.hash,
            token.secret,
            token.name,
            token.scope_names.join(" "),
            token.space.map(|(no, _)| no),
            token.job.map(rows::id_bytes),
            token.created_at,
            token.expires_at,
            token.last_used_at,
        ])?;
    Ok(())
}

pub(super) fn update(connection: &Connection, token: &Token) -> Result<()> {
    connection
        .prepare_cached("UPDATE tokens SET expires_at = ?2, secret = ?3 WHERE id = ?1")?
        .execute(params![rows::id_bytes(token.id), token.expires_at, token.secret])?;
    Ok(())
}

pub(super) fn delete(connection: &Connection, id: TokenId) -> Result<()> {
    connection.prepare_cached("DELETE FROM tokens WHERE id = ?1")?.execute([rows::id_bytes(id)])?;
    Ok(())
}

pub(super) fn touch(connection: &Connection, used: &[(TokenId, Millis)]) -> Result<()> {
    let mut statement = connection.prepare_cached("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1")?;
    for (id, at) in used {
        statement.execute(params![rows::id_bytes(*id), at])?;
    }
    Ok(())
}

pub(super) fn has_admin(connection: &Connection, now: Millis) -> Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM tokens WHERE space IS NULL AND ' ' || scopes || ' ' LIKE '% admin %' \
         AND (expires_at IS NULL OR expires_at > ?1))",
        [now],
        |row| row.get(0),
    )
}
