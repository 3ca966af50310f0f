//! Whether the server can read the store: the tables and indexes its statements name are there, and its own readers of
//! rows take every row.

use emit_core::Scopes;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result, Row};

use super::super::open::migrate;
use super::super::{rows as columns, spaces, tokens};
use super::{Checked, Finding};

/// Reads a row; what it says of one that cannot be read.
type Read = fn(&Row<'_>) -> std::result::Result<(), String>;

pub(super) fn schema(connection: &Connection) -> Checked {
    let mut checked = Checked::new("schema", "the tables and indexes are those that the server makes");
    let compared =
        made().and_then(|made| compare(connection, &made, &mut checked).map_err(|why| why.to_string()));
    if let Err(why) = compared {
        checked.cannot(&why);
    }
    checked
}

/// A store as a first start makes it.
fn made() -> std::result::Result<Connection, String> {
    let made = Connection::open_in_memory().map_err(|why| why.to_string())?;
    migrate(&made).map_err(|why| why.to_string())?;
    Ok(made)
}

/// An operator's own tables and indexes are in nobody's way.
fn compare(connection: &Connection, made: &Connection, into: &mut Checked) -> Result<()> {
    let mut statement = made.prepare(
        "SELECT type, name, sql, tbl_name FROM sqlite_schema WHERE type IN ('table', 'index') AND name NOT GLOB 'sqlite_*'",
    )?;
    let mut found =
        connection.prepare("SELECT (SELECT sql FROM sqlite_schema WHERE type = ?1 AND name = ?2)")?;
    let mut expected = statement.query([])?;
    while let Some(row) = expected.next()? {
        let (kind, name, sql): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let table: String = row.get(3)?;
        let what = match found.query_row([&kind, &name], |row| row.get::<_, Option<String>>(0))? {
            None => format!("the {kind} {name} is missing"),
            Some(other) if other != sql => format!("the {kind} {name} is another than the server makes"),
            Some(_) if kind != "index" => continue,
            Some(_) => match look_into(connection, &name, &table, &sql) {
                Ok(()) => continue,
                Err(why) => format!("the index {name} cannot be read: {why}"),
            },
        };
        if !into.tell(Finding { space: None, job: None, what }) {
            break;
        }
    }
    Ok(())
}

/// SQLite's own check passes by an index that no row stands in.
fn look_into(connection: &Connection, name: &str, table: &str, sql: &str) -> Result<()> {
    let which = sql.split_once(" WHERE ").map_or("1", |(_, which)| which);
    connection
        .prepare(&format!("SELECT 1 FROM {table} INDEXED BY {name} WHERE {which} LIMIT 1"))?
        .exists([])?;
    Ok(())
}

pub(super) fn rows(connection: &Connection) -> Checked {
    let mut checked = Checked::new("rows", "every space, job and key can be read");
    let jobs = format!("SELECT {} FROM jobs WHERE status != {}", columns::JOB_COLUMNS, columns::SHELL);
    let tables: [(&str, String, Read); 3] = [
        ("spaces", format!("SELECT {} FROM spaces WHERE deleted = 0", spaces::COLUMNS), read_space),
        ("jobs", jobs, read_job),
        ("tokens", format!("{} WHERE {}", tokens::SELECT, tokens::LIVING), read_token),
    ];
    for (table, sql, read) in tables {
        if let Err(why) = each(connection, table, &sql, read, &mut checked) {
            checked.cannot(&why);
        }
    }
    checked
}

fn each(connection: &Connection, table: &str, sql: &str, read: Read, into: &mut Checked) -> Result<()> {
    let mut statement = connection.prepare(sql)?;
    let mut found = statement.query([])?;
    while let Some(row) = found.next()? {
        let Err(why) = read(row) else { continue };
        // Its id may be what cannot be read.
        let no: i64 = row.get("no")?;
        let what = format!("row {no} of {table} cannot be read: {why}");
        if !into.tell(Finding { space: None, job: None, what }) {
            break;
        }
    }
    Ok(())
}

fn read_job(row: &Row<'_>) -> std::result::Result<(), String> {
    columns::job(row).map(drop).map_err(|why| why.to_string())
}

/// The server does without a setting that it cannot read.
fn read_space(row: &Row<'_>) -> std::result::Result<(), String> {
    let outbound = spaces::space(row).map_err(|why| why.to_string())?.outbound;
    let is_lost =
        |name: &str, is_read: bool| !is_read && row.get_ref(name).is_ok_and(|is| is != ValueRef::Null);
    for (name, is_read) in [
        ("slack", outbound.slack.is_some()),
        ("push", outbound.push.is_some()),
        // Behind the latest, which has columns of its own.
        ("older_secrets", outbound.previous.len() > 1),
    ] {
        if is_lost(name, is_read) {
            return Err(format!("an unreadable {name}"));
        }
    }
    Ok(())
}

/// To the server, a key of unknown scopes may do nothing.
fn read_token(row: &Row<'_>) -> std::result::Result<(), String> {
    let token = tokens::token(row).map_err(|why| why.to_string())?;
    let is_known = Scopes::from_names(token.scope_names.iter().map(String::as_str)).is_some();
    if is_known { Ok(()) } else { Err("unknown scopes".to_owned()) }
}
