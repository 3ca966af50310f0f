//! Job rows: read, inserted, updated. Numbers below zero are relative to their space's counter: see `pending`.

use std::sync::LazyLock;

use emit_core::{Job, JobId, JobNo};
use tokio_postgres::types::ToSql;

use super::rows::{self, JOB_COLUMNS, SELECT_JOBS, SHELL, Uuid};
use super::session::{Outcome, Param, Session, Step};
use crate::texts::{tag_texts, write_backoff};

/// Jobs by their ids, unless they are only shells; locked, in the order of their ids, if so asked.
pub(super) fn select(lock: bool) -> String {
    let lock = if lock { "ORDER BY j.id FOR UPDATE" } else { "" };
    format!("{} WHERE j.id = ANY($1) AND j.status < {SHELL} {lock}", *SELECT_JOBS)
}

/// A job by its id, unless it is only a shell.
pub(super) fn by_id(session: &Session, id: JobId) -> Outcome<Option<Job>> {
    session.row(&select(false), &[&vec![Uuid(id)]])?.as_ref().map(rows::job).transpose()
}

/// Jobs by their numbers, newest first.
pub(super) fn by_numbers(session: &Session, numbers: &[JobNo]) -> Outcome<Vec<Job>> {
    let sql = format!("{} WHERE j.no = ANY($1) AND j.status < {SHELL} ORDER BY j.no DESC", *SELECT_JOBS);
    rows::jobs(&session.query(&sql, &[&numbers])?)
}

/// A column's absolute value where it may be relative to the space's counter.
fn absolute(column: &str) -> String {
    match column {
        "no" => "CASE WHEN u.no < 0 THEN (u.space << 40) | (s.seq - u.no) ELSE u.no END".to_owned(),
        "seq" | "progress_seq" | "checkpoint_seq" | "result_seq" => {
            format!("CASE WHEN u.{column} < 0 THEN s.seq - u.{column} ELSE u.{column} END")
        }
        plain => format!("u.{plain}"),
    }
}

/// `unnest` of parameters of these types, named `u`, joined to its spaces.
fn from_columns(columns: &[(&str, &str)]) -> String {
    let params: Vec<String> =
        columns.iter().enumerate().map(|(at, (_, of))| format!("${}::{of}[]", at + 1)).collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    format!("FROM unnest({}) AS u ({}) JOIN spaces s ON s.no = u.space", params.join(", "), names.join(", "))
}

fn with_due(columns: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    let mut columns = columns.to_vec();
    columns.push(("due_at", "bigint"));
    columns
}

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let columns = with_due(&JOB_COLUMNS);
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let values: Vec<String> = names.iter().map(|name| absolute(name)).collect();
    format!("INSERT INTO jobs ({}) SELECT {} {}", names.join(", "), values.join(", "), from_columns(&columns))
});

/// What a command may change of a row.
const CHANGING: [&str; 24] = [
    "status",
    "available",
    "priority",
    "max_retries",
    "attempt_number",
    "delivery_count",
    "delivery_timeouts",
    "delivery_id",
    "ending",
    "worker_id",
    "scheduled_for",
    "expires_at",
    "available_at",
    "updated_at",
    "delivered_at",
    "started_at",
    "completed_at",
    "timeout_at",
    "log_lines",
    "seq",
    "progress_seq",
    "checkpoint_seq",
    "result_seq",
    "callback_round",
];

/// What a report of a running job changes: no column of any index, so that the update stays on its page.
const TOUCHED: [&str; 6] = ["updated_at", "timeout_at", "log_lines", "seq", "progress_seq", "checkpoint_seq"];

fn update_sql(changing: &[&'static str], due: bool) -> String {
    let of =
        |name: &str| JOB_COLUMNS.iter().find(|(column, _)| *column == name).map_or("bigint", |(_, of)| of);
    let mut columns = vec![("no", "bigint"), ("space", "bigint")];
    columns.extend(changing.iter().map(|name| (*name, of(name))));
    if due {
        columns.push(("due_at", "bigint"));
    }
    let sets: Vec<String> =
        columns.iter().skip(2).map(|(name, _)| format!("{name} = {}", absolute(name))).collect();
    format!("UPDATE jobs j SET {} {} WHERE j.no = u.no", sets.join(", "), from_columns(&columns))
}

static UPDATE: LazyLock<String> = LazyLock::new(|| update_sql(&CHANGING, true));
static TOUCH: LazyLock<String> = LazyLock::new(|| update_sql(&TOUCHED, false));

fn boxed<'a, T: ToSql + Sync + Send + 'a>(jobs: &[&'a Job], pick: impl Fn(&'a Job) -> T) -> Param<'a> {
    Box::new(jobs.iter().map(|job| pick(job)).collect::<Vec<T>>())
}

/// A column of these jobs.
fn column<'a>(jobs: &[&'a Job], name: &str) -> Param<'a> {
    match name {
        "no" => boxed(jobs, |job| job.no),
        "id" => boxed(jobs, |job| Uuid(job.id)),
        "space" => boxed(jobs, |job| job.space),
        "name" => boxed(jobs, |job| &*job.spec.name),
        "status" => boxed(jobs, |job| job.status as i16),
        "available" => boxed(jobs, |job| job.available),
        "priority" => boxed(jobs, |job| job.priority),
        "max_retries" => boxed(jobs, |job| job.max_retries as i32),
        "attempt_number" => boxed(jobs, |job| job.attempt_number as i32),
        "delivery_count" => boxed(jobs, |job| job.delivery_count as i32),
        "delivery_timeouts" => boxed(jobs, |job| job.delivery_timeouts as i32),
        "delivery_id" => boxed(jobs, |job| job.delivery_id.map(Uuid)),
        "ending" => boxed(jobs, |job| job.ending.map(|ending| ending as i16)),
        "worker_id" => boxed(jobs, |job| job.worker_id.as_deref()),
        "scheduled_for" => boxed(jobs, |job| job.scheduled_for),
        "expires_at" => boxed(jobs, |job| job.expires_at),
        "available_at" => boxed(jobs, |job| job.available_at),
        "created_at" => boxed(jobs, |job| job.created_at),
        "updated_at" => boxed(jobs, |job| job.updated_at),
        "delivered_at" => boxed(jobs, |job| job.delivered_at),
        "started_at" => boxed(jobs, |job| job.started_at),
        "completed_at" => boxed(jobs, |job| job.completed_at),
        "timeout_at" => boxed(jobs, |job| job.timeout_at),
        "log_lines" => boxed(jobs, |job| job.log_lines),
        "seq" => boxed(jobs, |job| job.seq),
        "progress_seq" => boxed(jobs, |job| job.progress_seq),
        "checkpoint_seq" => boxed(jobs, |job| job.checkpoint_seq),
        "result_seq" => boxed(jobs, |job| job.result_seq),
        "timeout_ms" => boxed(jobs, |job| job.spec.timeout_ms),
        "delivery_timeout_ms" => boxed(jobs, |job| job.spec.delivery_timeout_ms),
        "backoff" => boxed(jobs, |job| write_backoff(&job.spec.backoff)),
        "tags" => boxed(jobs, |job| job.spec.tags.as_deref()),
        "idempotency_key" => boxed(jobs, |job| job.spec.idempotency_key.as_deref()),
        "traceparent" => boxed(jobs, |job| job.spec.traceparent.as_deref()),
        "callback_url" => boxed(jobs, |job| job.spec.callback.as_ref().map(|callback| &*callback.url)),
        "callback_headers" => {
            boxed(jobs, |job| job.spec.callback.as_ref().and_then(|callback| callback.headers.as_deref()))
        }
        "callback_round" => boxed(jobs, |job| job.callback_round as i32),
        _ => boxed(jobs, Job::due_at),
    }
}

/// Writes new jobs' rows.
pub(super) fn insert<'a>(jobs: &[&'a Job]) -> Step<'a> {
    let columns = with_due(&JOB_COLUMNS);
    Step { sql: &INSERT, params: columns.iter().map(|(name, _)| column(jobs, name)).collect() }
}

/// Writes what changes may have changed.
pub(super) fn update<'a>(jobs: &[&'a Job]) -> Step<'a> {
    let names = ["no", "space"].into_iter().chain(CHANGING).chain(["due_at"]);
    Step { sql: &UPDATE, params: names.map(|name| column(jobs, name)).collect() }
}

/// Writes what reports of running jobs change.
pub(super) fn touch<'a>(jobs: &[&'a Job]) -> Step<'a> {
    let names = ["no", "space"].into_iter().chain(TOUCHED);
    Step { sql: &TOUCH, params: names.map(|name| column(jobs, name)).collect() }
}

/// The texts under which jobs are found by their tags.
pub(super) fn insert_tags<'a>(jobs: &[&'a Job]) -> Option<Step<'a>> {
    let tags: Vec<(&Job, String)> = jobs
        .iter()
        .flat_map(|job| job.spec.tags.iter().flat_map(|tags| tag_texts(tags)).map(|tag| (*job, tag)))
        .collect();
    (!tags.is_empty()).then(|| Step {
        sql: "INSERT INTO job_tags (space, tag, job) SELECT u.space, u.tag, \
              CASE WHEN u.no < 0 THEN (u.space << 40) | (s.seq - u.no) ELSE u.no END \
              FROM unnest($1::bigint[], $2::text[], $3::bigint[]) AS u (space, tag, no) \
              JOIN spaces s ON s.no = u.space ON CONFLICT DO NOTHING",
        params: vec![
            Box::new(tags.iter().map(|(job, _)| job.space).collect::<Vec<_>>()),
            Box::new(tags.iter().map(|(_, tag)| tag.clone()).collect::<Vec<_>>()),
            Box::new(tags.iter().map(|(job, _)| job.no).collect::<Vec<_>>()),
        ],
    })
}

/// Payloads, new or changed.
pub(super) fn write_payloads<'a>(payloads: &[(&'a Job, &'a str)]) -> Step<'a> {
    Step {
        sql: "INSERT INTO payloads (job, body) SELECT \
              CASE WHEN u.no < 0 THEN (u.space << 40) | (s.seq - u.no) ELSE u.no END, u.body \
              FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS u (space, no, body) \
              JOIN spaces s ON s.no = u.space ON CONFLICT (job) DO UPDATE SET body = excluded.body",
        params: vec![
            Box::new(payloads.iter().map(|(job, _)| job.space).collect::<Vec<_>>()),
            Box::new(payloads.iter().map(|(job, _)| job.no).collect::<Vec<_>>()),
            Box::new(payloads.iter().map(|(_, body)| *body).collect::<Vec<_>>()),
        ],
    }
}

/// Remembers new jobs under their idempotency keys.
pub(super) fn remember<'a>(jobs: &[(&'a Job, &'a str, [u8; 32])]) -> Step<'a> {
    Step {
        sql: "INSERT INTO idempotency (space, key, fingerprint, job, created_at) \
              SELECT u.space, u.key, u.fingerprint, (u.space << 40) | (s.seq - u.no), u.created_at \
              FROM unnest($1::bigint[], $2::text[], $3::bytea[], $4::bigint[], $5::bigint[]) \
                  AS u (space, key, fingerprint, no, created_at) JOIN spaces s ON s.no = u.space \
              ON CONFLICT (space, key) DO UPDATE SET fingerprint = excluded.fingerprint, job = excluded.job, \
              created_at = excluded.created_at",
        params: vec![
            Box::new(jobs.iter().map(|(job, _, _)| job.space).collect::<Vec<_>>()),
            Box::new(jobs.iter().map(|(_, key, _)| *key).collect::<Vec<_>>()),
            Box::new(jobs.iter().map(|(_, _, fingerprint)| fingerprint.to_vec()).collect::<Vec<_>>()),
            Box::new(jobs.iter().map(|(job, _, _)| job.no).collect::<Vec<_>>()),
            Box::new(jobs.iter().map(|(job, _, _)| job.created_at).collect::<Vec<_>>()),
        ],
    }
}

/// Leaves of erased jobs only what their events' shells need.
pub(super) fn erase<'a>(jobs: Vec<JobNo>) -> Step<'a> {
    Step {
        sql: "UPDATE jobs SET status = 7, tags = NULL, idempotency_key = NULL, traceparent = NULL, \
              callback_url = NULL, callback_headers = NULL, worker_id = NULL, due_at = NULL WHERE no = ANY($1)",
        params: vec![Box::new(jobs)],
    }
}
