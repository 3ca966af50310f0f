//! Whether spaces' numbers have no gaps, and their counts are true.

use emit_core::Status;

use super::{Check, seq_sql};

pub(super) fn checks() -> Vec<Check> {
    vec![
        Check {
            name: "numbers",
            promise: "each space's events are numbered without gaps, and their times never fall",
            statements: vec![
                gaps(),
                ends(),
                times(),
                newest_time(),
                homeless("events", "e.key >> 40", "event"),
            ],
        },
        Check {
            name: "counts",
            promise: "each space's counts are those of its jobs",
            statements: vec![counts(), homeless("jobs", "e.space", "job")],
        },
    ]
}

fn gaps() -> String {
    let (before, after) = (seq_sql("e.before"), seq_sql("e.key"));
    format!(
        "SELECT s.id, NULL, printf('the numbers from %d to %d are missing', {before} + 1, {after} - 1) \
         FROM (SELECT key, lag(key) OVER (ORDER BY key) AS before FROM events) e \
         JOIN spaces s ON s.no = e.key >> 40 AND s.deleted = 0 \
         WHERE e.before >> 40 = e.key >> 40 AND e.key != e.before + 1"
    )
}

/// Its row says where a space's numbers begin and end.
fn ends() -> String {
    let (first, last) = (seq_sql("r.first"), seq_sql("r.last"));
    format!(
        "SELECT s.id, NULL, printf('its row says that numbers %d to %d are kept; there are %s', s.oldest_seq, s.seq, \
             iif(r.first IS NULL, 'none', {first} || ' to ' || {last})) \
         FROM spaces s JOIN (SELECT no, \
             (SELECT min(key) FROM events WHERE key > no << 40 AND key < (no + 1) << 40) AS first, \
             (SELECT max(key) FROM events WHERE key > no << 40 AND key < (no + 1) << 40) AS last \
             FROM spaces WHERE deleted = 0) r ON r.no = s.no \
         WHERE iif(r.first IS NULL, s.oldest_seq != s.seq + 1, s.oldest_seq != {first} OR s.seq != {last})"
    )
}

fn times() -> String {
    let seq = seq_sql("e.key");
    format!(
        "SELECT s.id, NULL, printf('event %d is older than the one before it', {seq}) \
         FROM (SELECT key, at, lag(key) OVER w AS before, lag(at) OVER w AS at_before FROM events \
             WINDOW w AS (ORDER BY key)) e \
         JOIN spaces s ON s.no = e.key >> 40 AND s.deleted = 0 \
         WHERE e.before >> 40 = e.key >> 40 AND e.at < e.at_before"
    )
}

/// From which the time of the next event follows.
fn newest_time() -> String {
    "SELECT s.id, NULL, printf('its row says that event %d was at %d; it was at %d', s.seq, s.last_at, e.at) \
     FROM spaces s JOIN events e ON e.key = (s.no << 40 | s.seq) WHERE s.deleted = 0 AND e.at != s.last_at"
        .to_owned()
}

/// Rows of a space that there is not, not even as one whose rows are still going.
fn homeless(table: &str, space: &str, what: &str) -> String {
    format!(
        "SELECT NULL, NULL, printf('%d {what}s belong to a space that there is not', count(*)) FROM {table} e \
         WHERE NOT EXISTS (SELECT 1 FROM spaces s WHERE s.no = {space}) HAVING count(*) > 0"
    )
}

fn counts() -> String {
    let each = Status::ALL.map(|status| {
        let (word, number) = (status.as_str(), status as u8);
        format!(
            "SELECT s.id, NULL, printf('its row counts %d jobs as {word}; there are %d', s.{word}, n) FROM ( \
                 SELECT no, (SELECT count(*) FROM jobs j WHERE j.space = spaces.no AND j.status = {number}) AS n \
                 FROM spaces WHERE deleted = 0) c JOIN spaces s ON s.no = c.no WHERE s.{word} != n"
        )
    });
    each.join(" UNION ALL ")
}
