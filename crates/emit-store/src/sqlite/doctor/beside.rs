//! Whether what stands beside the jobs belongs to one, and is all there: tags, idempotency keys, payloads, logs,
//! callbacks; and whether keys belong to a space.

use emit_core::Status;
use emit_core::limits::IDEMPOTENCY_MS;
use emit_core::time::DAY;

use super::{Check, seq_sql, status_sql};
use crate::sqlite::rows::SHELL;

/// A key is looked for this much less long than it is remembered: the row may go while we look.
const MARGIN_MS: i64 = DAY / 24;

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "tags",
            promise: "jobs are found under the tags they have, and under no other",
            statements: vec![tags_of_others(), tags_not_listed()],
        },
        Check {
            name: "idempotency",
            promise: "idempotency keys stand for the jobs that were made with them",
            statements: vec![keys_of_others(), keys_not_remembered()],
        },
        Check {
            name: "payloads",
            promise: "payloads belong to a job, and they and the data of events are JSON",
            statements: vec![orphans("payloads"), orphans("kept"), unreadable()],
        },
        Check {
            name: "logs",
            promise: "log lines belong to a job, can be read, and are numbered from 1 without gaps",
            statements: vec![orphans("logs"), lines(), unreadable_lines()],
        },
        Check {
            name: "callbacks",
            promise: "callbacks that are to be sent, or could not be, belong to a job that has ended",
            statements: vec![orphans("callbacks"), callbacks_too_early(), unreadable_headers()],
        },
        Check {
            name: "keys",
            promise: "keys belong to a space that there is, or to none",
            statements: vec![
                "SELECT NULL, NULL, printf('the key %s belongs to a space that there is not', name) FROM tokens t \
                 WHERE t.space IS NOT NULL AND NOT EXISTS (SELECT 1 FROM spaces s WHERE s.no = t.space)"
                    .to_owned(),
            ],
        },
    ]
}

/// Jobs of spaces that are not deleted, as `j` and `s`, but for shells.
fn jobs() -> String {
    format!("jobs j JOIN spaces s ON s.no = j.space AND s.deleted = 0 AND j.status < {SHELL}")
}

fn tags_of_others() -> String {
    format!(
        "SELECT s.id, j.id, printf('a job is listed under the tag %s and does not have it', t.tag) FROM job_tags t \
         LEFT JOIN jobs j ON j.no = t.job LEFT JOIN spaces s ON s.no = t.space \
         WHERE coalesce(s.deleted, 0) = 0 AND (j.no IS NULL OR j.space != t.space OR j.status = {SHELL} \
             OR NOT EXISTS (SELECT 1 FROM json_each(j.tags) g WHERE g.key || ':' || g.value = t.tag))"
    )
}

fn tags_not_listed() -> String {
    format!(
        "SELECT s.id, j.id, printf('it has the tag %s:%s and is not listed under it', g.key, g.value) \
         FROM {}, json_each(j.tags) g WHERE j.tags IS NOT NULL AND NOT EXISTS (SELECT 1 FROM job_tags t \
             WHERE t.space = j.space AND t.tag = g.key || ':' || g.value AND t.job = j.no)",
        jobs()
    )
}

fn keys_of_others() -> String {
    format!(
        "SELECT s.id, j.id, printf('the idempotency key %s stands for a job that was not made with it', i.key) \
         FROM idempotency i LEFT JOIN jobs j ON j.no = i.job LEFT JOIN spaces s ON s.no = i.space \
         WHERE coalesce(s.deleted, 0) = 0 AND (j.no IS NULL OR j.space != i.space OR j.status = {SHELL} \
             OR j.idempotency_key IS NOT i.key)"
    )
}

fn keys_not_remembered() -> String {
    format!(
        "SELECT s.id, j.id, printf('its idempotency key %s is not remembered', j.idempotency_key) FROM {} \
         WHERE j.idempotency_key IS NOT NULL AND j.created_at > ?1 - {} AND NOT EXISTS ( \
             SELECT 1 FROM idempotency i WHERE i.space = j.space AND i.key = j.idempotency_key AND i.job = j.no)",
        jobs(),
        IDEMPOTENCY_MS - MARGIN_MS,
    )
}

/// Rows beside no job, or beside a shell, which has forgotten all.
fn orphans(table: &str) -> String {
    format!(
        "SELECT s.id, j.id, 'a row of {table} belongs to no job, or to one that was erased' FROM {table} b \
         LEFT JOIN jobs j ON j.no = b.job LEFT JOIN spaces s ON s.no = j.space \
         WHERE coalesce(s.deleted, 0) = 0 AND (j.no IS NULL OR j.status = {SHELL})"
    )
}

fn callbacks_too_early() -> String {
    let (first, word) = (Status::Completed as u8, status_sql("j.status"));
    format!(
        "SELECT s.id, j.id, printf('it is %s, and there is a callback of its end', {word}) \
         FROM {} JOIN callbacks c ON c.job = j.no WHERE j.status < {first} OR c.space != j.space",
        jobs()
    )
}

fn unreadable_headers() -> String {
    format!(
        "SELECT s.id, j.id, 'the headers of its callback are no JSON' FROM {} \
         WHERE j.callback_headers IS NOT NULL AND NOT json_valid(j.callback_headers)",
        jobs()
    )
}

fn unreadable() -> String {
    let seq = seq_sql("e.key");
    format!(
        "SELECT s.id, j.id, 'its payload is no JSON' FROM payloads p JOIN jobs j ON j.no = p.job \
             JOIN spaces s ON s.no = j.space WHERE NOT json_valid(p.body) \
         UNION ALL SELECT s.id, j.id, printf('the data of event %d is no JSON', {seq}) FROM events e \
             JOIN jobs j ON j.no = e.job JOIN spaces s ON s.no = j.space \
             WHERE e.data IS NOT NULL AND NOT json_valid(e.data) \
         UNION ALL SELECT s.id, j.id, 'its kept progress or checkpoint is no JSON' FROM kept k \
             JOIN jobs j ON j.no = k.job JOIN spaces s ON s.no = j.space WHERE NOT json_valid(k.data)"
    )
}

fn lines() -> String {
    format!(
        "SELECT s.id, j.id, printf('its row says %d log lines; there are %d, up to line %d', j.log_lines, \
             coalesce(l.n, 0), coalesce(l.last, 0)) \
         FROM {} LEFT JOIN (SELECT job, count(*) AS n, max(line) AS last FROM logs \
             WHERE line > 0 GROUP BY job) l ON l.job = j.no \
         WHERE coalesce(l.n, 0) != j.log_lines OR coalesce(l.last, 0) != j.log_lines",
        jobs()
    )
}

/// The API has four levels.
fn unreadable_lines() -> String {
    format!(
        "SELECT s.id, j.id, printf('its log line %d cannot be read', l.line) FROM {} JOIN logs l ON l.job = j.no \
         WHERE l.level NOT BETWEEN 0 AND 3 OR NOT coalesce(json_valid(l.fields), 1)",
        jobs()
    )
}
