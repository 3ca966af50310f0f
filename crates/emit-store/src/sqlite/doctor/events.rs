//! Whether each job's history is one that can have happened, and its row is where the history ends.

use emit_core::EventType as T;
use emit_core::Status::{self as S, Completed, Dead, Delivered, Killed, Pending, Running, Scheduled};

use super::{Check, seq_sql, status_sql, type_sql};
use crate::sqlite::contents;
use crate::sqlite::rows::SHELL;

/// What may happen, from which statuses to which: the table of the jobs' life. None before `created`.
const TRANSITIONS: &[(T, &[S], &[S])] = &[
    (T::Enqueued, &[Scheduled], &[Pending]),
    (T::Delivered, &[Pending], &[Delivered]),
    (T::Acked, &[Delivered], &[Running]),
    (T::DeliveryTimeout, &[Delivered], &[Pending]),
    (T::Released, &[Delivered, Running], &[Pending]),
    (T::Progress, &[Running], &[Running]),
    (T::Checkpoint, &[Running], &[Running]),
    (T::Custom, &[Running], &[Running]),
    (T::Completed, &[Running], &[Completed]),
    (T::Retried, &[Running], &[Pending]),
    (T::Dead, &[Scheduled, Pending, Delivered, Running], &[Dead]),
    (T::Updated, &[Scheduled, Pending], &[Scheduled, Pending]),
    (T::Killed, &[Scheduled, Pending, Delivered, Running], &[Killed]),
    (T::Requeued, &[Completed, Dead, Killed], &[Pending]),
];
/// These leave the status as it is.
const SIGNALS: &[T] = &[T::Erased, T::Log, T::CallbackSent, T::CallbackFailed];

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "histories",
            promise: "each job's events follow on each other as a job's life does",
            statements: vec![strangers(), links(), steps()],
        },
        Check {
            name: "states",
            promise: "each job's row is where its events end",
            statements: [last_events(), last_statuses(), rows(), attempts()]
                .into_iter()
                .chain(latest())
                .chain(later())
                .collect(),
        },
    ]
}

/// Events, the spaces that are not deleted, and the jobs, as `e`, `s` and `j`.
const EVENTS: &str =
    "events e JOIN spaces s ON s.no = e.key >> 40 AND s.deleted = 0 LEFT JOIN jobs j ON j.no = e.job";
/// Jobs of spaces that are not deleted, as `j` and `s`.
const JOBS: &str = "jobs j JOIN spaces s ON s.no = j.space AND s.deleted = 0";

fn strangers() -> String {
    let seq = seq_sql("e.key");
    format!(
        "SELECT s.id, j.id, printf('event %d belongs to no job of its space', {seq}) FROM {EVENTS} \
         WHERE j.no IS NULL OR j.space != s.no"
    )
}

/// Each event names the job's event before it.
fn links() -> String {
    let seq = seq_sql("e.key");
    format!(
        "SELECT s.id, j.id, printf('event %d follows on event %d, which is not an earlier one of the job', {seq}, e.prev) \
         FROM {EVENTS} LEFT JOIN events p ON p.key = (s.no << 40 | e.prev) \
         WHERE e.prev < 0 OR e.prev >= s.oldest_seq AND (p.key IS NULL OR p.job != e.job OR p.key >= e.key)"
    )
}

fn steps() -> String {
    let (seq, word) = (seq_sql("e.key"), type_sql("e.type"));
    let (before, after) = (status_sql("p.status"), status_sql("e.status"));
    format!(
        "WITH step (type, before, after) AS MATERIALIZED (VALUES {}) \
         SELECT s.id, j.id, printf('event %d (%s) leads from %s to %s, which it cannot', {seq}, {word}, \
             iif(e.prev = 0, 'nothing', iif(p.key IS NULL, 'what is no longer kept', {before})), {after}) \
         FROM {EVENTS} LEFT JOIN events p ON p.key = (s.no << 40 | e.prev) AND e.prev >= s.oldest_seq \
         WHERE NOT EXISTS (SELECT 1 FROM step WHERE step.type = e.type AND step.after = e.status \
             AND CASE WHEN e.prev = 0 THEN step.before IS NULL ELSE p.key IS NULL OR step.before = p.status END)",
        step_values(),
    )
}

fn step_values() -> String {
    let created = [Scheduled, Pending].map(|after| format!("({}, NULL, {})", T::Created as u8, after as u8));
    let moves = TRANSITIONS.iter().flat_map(|(kind, before, after)| {
        before.iter().flat_map(move |before| {
            after.iter().map(move |after| format!("({}, {}, {})", *kind as u8, *before as u8, *after as u8))
        })
    });
    let signals = SIGNALS.iter().flat_map(|kind| {
        S::ALL
            .iter()
            .map(move |status| format!("({}, {number}, {number})", *kind as u8, number = *status as u8))
    });
    created.into_iter().chain(moves).chain(signals).collect::<Vec<_>>().join(", ")
}

fn last_events() -> String {
    let last = seq_sql("e.last");
    format!(
        "SELECT s.id, j.id, printf('its row says that event %d is its last; it is %s', j.seq, \
             iif(e.last IS NULL, 'not there', {last})) \
         FROM {JOBS} LEFT JOIN (SELECT job, max(key) AS last FROM events GROUP BY job) e ON e.job = j.no \
         WHERE iif(j.seq >= s.oldest_seq, e.last IS NOT (s.no << 40 | j.seq), e.last IS NOT NULL)"
    )
}

fn last_statuses() -> String {
    let (row, event) = (status_sql("j.status"), status_sql("e.status"));
    format!(
        "SELECT s.id, j.id, printf('its row says %s, its last event %s', {row}, {event}) \
         FROM {JOBS} JOIN events e ON e.key = (s.no << 40 | j.seq) WHERE j.status < {SHELL} AND e.status != j.status"
    )
}

/// What a row says beside its status must fit that status.
fn rows() -> String {
    let (pending, held) = (Pending as u8, format!("{}, {}", Delivered as u8, Running as u8));
    let over = format!("BETWEEN {} AND {}", Completed as u8, Killed as u8);
    let word = status_sql("j.status");
    let each = [
        ("can be claimed", format!("j.available = 1 AND j.status != {pending}")),
        ("has no delivery", format!("j.status IN ({held}) AND j.delivery_id IS NULL")),
        ("has no timeout", format!("j.status IN ({held}) AND j.timeout_at IS NULL")),
        ("has no result", format!("j.status {over} AND j.result_seq IS NULL")),
        ("has not ended", format!("j.status {over} AND j.completed_at IS NULL")),
    ];
    let each = each.map(|(what, wrong)| {
        format!("SELECT s.id, j.id, printf('it is %s and {what}', {word}) FROM {JOBS} WHERE {wrong}")
    });
    each.join(" UNION ALL ")
}

/// The latest progress, checkpoint and result stand in the events that the row names, or are kept beside them.
fn latest() -> impl Iterator<Item = String> {
    let kept = |kind: i64| format!("EXISTS (SELECT 1 FROM kept k WHERE k.job = j.no AND k.kind = {kind})");
    let number = |kind: T| (kind as u8).to_string();
    let ends = [T::Completed, T::Dead, T::Killed].map(number).join(", ");
    let each = [
        ("progress", "progress_seq", number(T::Progress), kept(contents::PROGRESS)),
        ("checkpoint", "checkpoint_seq", number(T::Checkpoint), kept(contents::CHECKPOINT)),
        ("result", "result_seq", ends, "0".to_owned()),
    ];
    each.into_iter().map(|(what, column, kinds, kept)| {
        format!(
            "SELECT s.id, j.id, printf('its latest {what} is said to be event %d, which does not hold it', j.{column}) \
             FROM {JOBS} LEFT JOIN events e ON e.key = (s.no << 40 | j.{column}) \
             WHERE j.status < {SHELL} AND j.{column} IS NOT NULL AND iif(j.{column} >= s.oldest_seq, \
                 e.key IS NULL OR e.job != j.no OR e.type NOT IN ({kinds}) OR e.data IS NULL, NOT {kept})"
        )
    })
}

/// None came later than the one that the row names: the next attempt goes on from it. A requeue forgets progress.
fn later() -> [String; 2] {
    let of = |what: &str, kind: T, from: &str| {
        let (number, seq) = (kind as u8, seq_sql("e.key"));
        format!(
            "SELECT s.id, j.id, printf('event %d is a later {what} than its row knows', {seq}) FROM {JOBS} \
             JOIN (SELECT job, max(key) AS key FROM events WHERE type = {number} GROUP BY job) e ON e.job = j.no \
             LEFT JOIN (SELECT job, max(key) AS key FROM events WHERE type = {from} GROUP BY job) r ON r.job = j.no \
             WHERE j.status < {SHELL} AND {seq} > coalesce(j.{what}_seq, 0) AND e.key > coalesce(r.key, 0)"
        )
    };
    let requeued = (T::Requeued as u8).to_string();
    [of("progress", T::Progress, &requeued), of("checkpoint", T::Checkpoint, "NULL")]
}

/// Which attempt it is says the latest event that begins one.
fn attempts() -> String {
    let (retried, others) =
        (T::Retried as u8, [T::Created, T::Requeued].map(|kind| (kind as u8).to_string()));
    format!(
        "SELECT s.id, j.id, printf('its row says that it is at attempt %d, its events %d', j.attempt_number, e.number) \
         FROM {JOBS} JOIN (SELECT job, max(key), CASE WHEN type != {retried} THEN 0 \
             WHEN json_valid(data) THEN data ->> '$.attemptNumber' END AS number \
             FROM events WHERE type IN ({retried}, {}) GROUP BY job) e ON e.job = j.no \
         WHERE j.status < {SHELL} AND j.attempt_number != e.number",
        others.join(", ")
    )
}
