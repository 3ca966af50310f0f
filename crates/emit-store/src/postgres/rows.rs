//! How rows become values and values columns.

use std::error::Error;
use std::sync::{Arc, LazyLock};

use bytes::BytesMut;
use emit_core::callback::Callback;
use emit_core::job::Ending;
use emit_core::retry::Backoff;
use emit_core::{Event, EventType, Job, Recorded, Spec, Status, ids::Id};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::session::Outcome;
use crate::texts::read_backoff;

/// The columns of a job in the order `job` reads them, with their types.
pub(super) const JOB_COLUMNS: [(&str, &str); 37] = [
    ("no", "bigint"),
    ("id", "uuid"),
    ("space", "bigint"),
    ("name", "text"),
    ("status", "smallint"),
    ("available", "boolean"),
    ("priority", "bigint"),
    ("max_retries", "integer"),
    ("attempt_number", "integer"),
    ("delivery_count", "integer"),
    ("delivery_timeouts", "integer"),
    ("delivery_id", "uuid"),
    ("ending", "smallint"),
    ("worker_id", "text"),
    ("scheduled_for", "bigint"),
    ("expires_at", "bigint"),
    ("available_at", "bigint"),
    ("created_at", "bigint"),
    ("updated_at", "bigint"),
    ("delivered_at", "bigint"),
    ("started_at", "bigint"),
    ("completed_at", "bigint"),
    ("timeout_at", "bigint"),
    ("log_lines", "bigint"),
    ("seq", "bigint"),
    ("progress_seq", "bigint"),
    ("checkpoint_seq", "bigint"),
    ("result_seq", "bigint"),
    ("timeout_ms", "bigint"),
    ("delivery_timeout_ms", "bigint"),
    ("backoff", "text"),
    ("tags", "text"),
    ("idempotency_key", "text"),
    ("traceparent", "text"),
    ("callback_url", "text"),
    ("callback_headers", "text"),
    ("callback_round", "integer"),
];

/// The number of the status of an erased or purged job's shell.
pub(super) const SHELL: i16 = 7;

/// The names of a job's columns, each behind `prefix`.
pub(super) fn job_columns(prefix: &str) -> String {
    JOB_COLUMNS.map(|(name, _)| format!("{prefix}{name}")).join(", ")
}

/// `SELECT` and a job's columns from `jobs j`, for what follows.
pub(super) static SELECT_JOBS: LazyLock<String> =
    LazyLock::new(|| format!("SELECT {} FROM jobs j", job_columns("j.")));

/// An id in a column of type `uuid`: both are 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Uuid(pub(super) Id);

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0.0.to_be_bytes());
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for Uuid {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Uuid, Box<dyn Error + Sync + Send>> {
        Ok(Uuid(Id(u128::from_be_bytes(raw.try_into()?))))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }
}

/// A value that only what we have not written could have put there.
#[derive(Debug)]
struct Corrupt(&'static str);

impl std::fmt::Display for Corrupt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Corrupt {}

/// A status, an event type, a back-off: read with the checks of the column.
macro_rules! checked_column {
    ($name:ident, $target:ty, $raw:ty, $read:expr, $what:literal) => {
        struct $name($target);

        impl<'a> FromSql<'a> for $name {
            fn from_sql(of: &Type, raw: &'a [u8]) -> Result<$name, Box<dyn Error + Sync + Send>> {
                let read: fn($raw) -> Option<$target> = $read;
                read(<$raw>::from_sql(of, raw)?).map($name).ok_or_else(|| Corrupt($what).into())
            }

            fn accepts(of: &Type) -> bool {
                <$raw as FromSql<'a>>::accepts(of)
            }
        }
    };
}

checked_column!(
    StatusColumn,
    Status,
    i16,
    |raw| u8::try_from(raw).ok().and_then(Status::from_number),
    "an unknown status"
);
checked_column!(
    TypeColumn,
    EventType,
    i16,
    |raw| u8::try_from(raw).ok().and_then(EventType::from_number),
    "an unknown event type"
);
checked_column!(BackoffColumn, Backoff, &'a str, read_backoff, "an unreadable back-off");
checked_column!(CountColumn, u32, i32, |raw| u32::try_from(raw).ok(), "a negative count");

pub(super) fn text(row: &Row, column: usize) -> Outcome<Arc<str>> {
    Ok(row.try_get::<_, &str>(column)?.into())
}

pub(super) fn optional_text(row: &Row, column: usize) -> Outcome<Option<Arc<str>>> {
    Ok(row.try_get::<_, Option<&str>>(column)?.map(Into::into))
}

pub(super) fn id(row: &Row, column: usize) -> Outcome<Id> {
    Ok(row.try_get::<_, Uuid>(column)?.0)
}

pub(super) fn optional_id(row: &Row, column: usize) -> Outcome<Option<Id>> {
    Ok(row.try_get::<_, Option<Uuid>>(column)?.map(|id| id.0))
}

pub(super) fn optional_count(row: &Row, column: usize) -> Outcome<Option<u32>> {
    Ok(row.try_get::<_, Option<CountColumn>>(column)?.map(|count| count.0))
}

pub(super) fn count(row: &Row, column: usize) -> Outcome<u32> {
    Ok(row.try_get::<_, CountColumn>(column)?.0)
}

pub(super) fn job(row: &Row) -> Outcome<Job> {
    Ok(Job {
        no: row.try_get(0)?,
        id: id(row, 1)?,
        space: row.try_get(2)?,
        status: row.try_get::<_, StatusColumn>(4)?.0,
        available: row.try_get(5)?,
        priority: row.try_get(6)?,
        max_retries: count(row, 7)?,
        attempt_number: count(row, 8)?,
        delivery_count: count(row, 9)?,
        delivery_timeouts: count(row, 10)?,
        delivery_id: optional_id(row, 11)?,
        ending: match row.try_get::<_, Option<i16>>(12)? {
            Some(1) => Some(Ending::Completed),
            Some(2) => Some(Ending::Failed),
            Some(3) => Some(Ending::Released),
            _ => None,
        },
        worker_id: optional_text(row, 13)?,
        scheduled_for: row.try_get(14)?,
        expires_at: row.try_get(15)?,
        available_at: row.try_get(16)?,
        created_at: row.try_get(17)?,
        updated_at: row.try_get(18)?,
        delivered_at: row.try_get(19)?,
        started_at: row.try_get(20)?,
        completed_at: row.try_get(21)?,
        timeout_at: row.try_get(22)?,
        log_lines: row.try_get(23)?,
        seq: row.try_get(24)?,
        progress_seq: row.try_get(25)?,
        checkpoint_seq: row.try_get(26)?,
        result_seq: row.try_get(27)?,
        callback_round: count(row, 36)?,
        spec: Arc::new(Spec {
            name: text(row, 3)?,
            timeout_ms: row.try_get(28)?,
            delivery_timeout_ms: row.try_get(29)?,
            backoff: row.try_get::<_, Option<BackoffColumn>>(30)?.map_or_else(Backoff::default, |it| it.0),
            tags: optional_text(row, 31)?,
            idempotency_key: optional_text(row, 32)?,
            traceparent: optional_text(row, 33)?,
            callback: match optional_text(row, 34)? {
                Some(url) => Some(Callback { url, headers: optional_text(row, 35)? }),
                None => None,
            },
        }),
    })
}

pub(super) fn jobs(rows: &[Row]) -> Outcome<Vec<Job>> {
    rows.iter().map(job).collect()
}

/// The columns `recorded` reads; events are `e`, their jobs `j`.
pub(super) const EVENT_COLUMNS: &str = "e.key, e.prev, e.job, e.type, e.status, e.at, e.data, j.id, j.name";

pub(super) fn recorded(row: &Row) -> Outcome<Recorded> {
    let key: i64 = row.try_get(0)?;
    Ok(Recorded {
        space: key >> 40,
        seq: super::seq_of(key),
        prev: row.try_get(1)?,
        job: row.try_get(2)?,
        at: row.try_get(5)?,
        job_id: id(row, 7)?,
        job_name: text(row, 8)?,
        event: Event {
            kind: row.try_get::<_, TypeColumn>(3)?.0,
            status: row.try_get::<_, StatusColumn>(4)?.0,
            data: optional_text(row, 6)?,
        },
    })
}

/// SHA-256 in a column of type `bytea`.
pub(super) struct Hash(pub(super) [u8; 32]);

impl<'a> FromSql<'a> for Hash {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Hash, Box<dyn Error + Sync + Send>> {
        Ok(Hash(raw.try_into()?))
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::BYTEA
    }
}
