//! Keys.

use emit_core::{Millis, Scopes, SpaceNo, TokenId};
use tokio_postgres::Row;

use super::rows::{self, Uuid};
use super::session::{Outcome, Session};
use crate::Token;

/// Keys of a deleted space are as good as gone.
const SELECT: &str = "SELECT t.id, t.hash, t.secret, t.name, t.scopes, t.space, s.id, t.job, t.created_at, \
    t.expires_at, t.last_used_at FROM tokens t LEFT JOIN spaces s ON s.no = t.space AND NOT s.deleted \
    WHERE (t.space IS NULL OR s.id IS NOT NULL)";

fn token(row: &Row) -> Outcome<Token> {
    let scope_names: Vec<String> = row.try_get::<_, &str>(4)?.split(' ').map(str::to_owned).collect();
    let scopes = Scopes::from_names(scope_names.iter().map(String::as_str)).unwrap_or_default();
    let space: Option<SpaceNo> = row.try_get(5)?;
    Ok(Token {
        id: rows::id(row, 0)?,
        hash: row.try_get::<_, rows::Hash>(1)?.0,
        secret: row.try_get(2)?,
        name: row.try_get(3)?,
        scope_names,
        scopes,
        space: match space {
            Some(no) => Some((no, rows::id(row, 6)?)),
            None => None,
        },
        job: rows::optional_id(row, 7)?,
        created_at: row.try_get(8)?,
        expires_at: row.try_get(9)?,
        last_used_at: row.try_get(10)?,
    })
}

pub(super) fn by_hash(session: &Session, hash: &[u8; 32]) -> Outcome<Option<Token>> {
    let sql = format!("{SELECT} AND t.hash = $1");
    session.row(&sql, &[&hash.as_slice()])?.as_ref().map(token).transpose()
}

pub(super) fn by_id(session: &Session, space: Option<SpaceNo>, id: TokenId) -> Outcome<Option<Token>> {
    let sql = format!("{SELECT} AND t.id = $1 AND t.space IS NOT DISTINCT FROM $2");
    session.row(&sql, &[&Uuid(id), &space])?.as_ref().map(token).transpose()
}

/// Those of these keys that are still there, with their ends. Those of a deleted space are, until its rows go.
pub(super) fn living(session: &Session, ids: &[TokenId]) -> Outcome<Vec<(TokenId, Option<Millis>)>> {
    let ids: Vec<Uuid> = ids.iter().copied().map(Uuid).collect();
    let rows = session.query("SELECT id, expires_at FROM tokens WHERE id = ANY($1)", &[&ids])?;
    rows.iter().map(|row| Ok((rows::id(row, 0)?, row.try_get(1)?))).collect()
}

pub(super) fn page(
    session: &Session,
    space: Option<SpaceNo>,
    after: Option<TokenId>,
    limit: usize,
) -> Outcome<Vec<Token>> {
    let after: i64 = match after {
        Some(id) => match session.row("SELECT no FROM tokens WHERE id = $1", &[&Uuid(id)])? {
            Some(row) => row.try_get(0)?,
            None => i64::MAX,
        },
        None => 0,
    };
    // Two statements: along the index either way.
    let rows = match space {
        Some(no) => session.query(
            &format!("{SELECT} AND t.space = $1 AND t.no > $2 ORDER BY t.no LIMIT $3"),
            &[&no, &after, &(limit as i64)],
        ),
        None => session.query(
            &format!("{SELECT} AND t.space IS NULL AND t.no > $1 ORDER BY t.no LIMIT $2"),
            &[&after, &(limit as i64)],
        ),
    }?;
    rows.iter().map(token).collect()
}

pub(super) fn insert(session: &Session, token: &Token) -> Outcome<()> {
    session.execute(
        "INSERT INTO tokens (id, hash, secret, name, scopes, space, job, created_at, expires_at, last_used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        &[
            &Uuid(token.id),
            &token.hash.as_slice(),
            &token.secret,
            &token.name,
            &token.scope_names.join(" "),
            &token.space.map(|(no, _)| no),
            &token.job.map(Uuid),
            &token.created_at,
            &token.expires_at,
            &token.last_used_at,
        ],
    )?;
    Ok(())
}

pub(super) fn update(session: &Session, token: &Token) -> Outcome<()> {
    session.execute(
        "UPDATE tokens SET expires_at = $2, secret = $3 WHERE id = $1",
        &[&Uuid(token.id), &token.expires_at, &token.secret],
    )?;
    Ok(())
}

pub(super) fn delete(session: &Session, id: TokenId) -> Outcome<()> {
    session.execute("DELETE FROM tokens WHERE id = $1", &[&Uuid(id)])?;
    Ok(())
}

/// Several nodes note the same keys: in the order of their ids, so that they do not wait for each other, and never
/// back in time.
pub(super) fn touch(session: &Session, used: &[(TokenId, Millis)]) -> Outcome<()> {
    let mut used = used.to_vec();
    used.sort_unstable();
    let ids: Vec<Uuid> = used.iter().map(|(id, _)| Uuid(*id)).collect();
    let times: Vec<Millis> = used.iter().map(|(_, at)| *at).collect();
    session.execute(
        "UPDATE tokens t SET last_used_at = u.at FROM \
         (SELECT t.no, u.at FROM tokens t JOIN unnest($1::uuid[], $2::bigint[]) AS u (id, at) ON u.id = t.id \
          WHERE coalesce(t.last_used_at, 0) < u.at ORDER BY t.id FOR UPDATE OF t SKIP LOCKED) u WHERE t.no = u.no",
        &[&ids, &times],
    )?;
    Ok(())
}

pub(super) fn has_admin(session: &Session, now: Millis) -> Outcome<bool> {
    let row = session.row(
        "SELECT EXISTS (SELECT 1 FROM tokens WHERE space IS NULL AND ' ' || scopes || ' ' LIKE '% admin %' \
         AND (expires_at IS NULL OR expires_at > $1))",
        &[&now],
    )?;
    Ok(row.map_or(Ok(false), |row| row.try_get(0))?)
}
