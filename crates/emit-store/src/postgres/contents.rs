//! What stands beside a job's row: payload, latest progress and checkpoint, result.
//!
//! Progress, checkpoint and result are the data of the events that brought them; the row only says which.

use emit_core::{Job, JobNo, Millis};

use super::rows;
use super::session::{Outcome, Param, Session, Step};
use super::{as_number, event_key};
use crate::Contents;

/// In `kept`: the latest progress.
pub(super) const PROGRESS: i16 = 0;
/// In `kept`: the latest checkpoint.
pub(super) const CHECKPOINT: i16 = 1;

/// Which parts are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub(super) payloads: bool,
    pub(super) results: bool,
}

/// Everything.
pub(super) const ALL: Parts = Parts { payloads: true, results: true };

/// What stands beside the first of these jobs, in one statement: of as many as hold about that many bytes, at least
/// of one.
pub(super) fn contents(
    session: &Session,
    jobs: &[Job],
    parts: Parts,
    bytes: usize,
) -> Outcome<Vec<Contents>> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let keys = |pick: fn(&Job) -> Option<i64>| -> Vec<Option<i64>> {
        jobs.iter().map(|job| pick(job).filter(|seq| *seq > 0).map(|seq| event_key(job.space, seq))).collect()
    };
    let numbers: Vec<JobNo> = jobs.iter().map(|job| job.no).collect();
    let payloads: Vec<Option<JobNo>> = numbers.iter().map(|no| parts.payloads.then_some(*no)).collect();
    let results = if parts.results { keys(|job| job.result_seq) } else { vec![None; jobs.len()] };
    let rows = session.query(
        "SELECT body, at, progress, checkpoint, result FROM (SELECT *, \
             sum(size) OVER (ORDER BY place ROWS UNBOUNDED PRECEDING) - size AS before FROM (SELECT *, \
             coalesce(octet_length(body), 0) + coalesce(octet_length(progress), 0) + \
             coalesce(octet_length(checkpoint), 0) + coalesce(octet_length(result), 0) AS size \
         FROM (SELECT u.place, b.body, coalesce(p.at, kp.at) AS at, coalesce(p.data, kp.data) AS progress, \
             coalesce(c.data, kc.data) AS checkpoint, r.data AS result \
         FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[]) \
             WITH ORDINALITY AS u (job, body, progress, checkpoint, result, place) \
         LEFT JOIN payloads b ON b.job = u.body \
         LEFT JOIN events p ON p.key = u.progress AND p.data IS NOT NULL \
         LEFT JOIN kept kp ON u.progress IS NOT NULL AND kp.job = u.job AND kp.kind = 0 \
         LEFT JOIN events c ON c.key = u.checkpoint AND c.data IS NOT NULL \
         LEFT JOIN kept kc ON u.checkpoint IS NOT NULL AND kc.job = u.job AND kc.kind = 1 \
         LEFT JOIN events r ON r.key = u.result \
         ) AS found) AS sized) AS counted WHERE before <= $6 ORDER BY place",
        &[
            &numbers,
            &payloads,
            &keys(|job| job.progress_seq),
            &keys(|job| job.checkpoint_seq),
            &results,
            &as_number(bytes),
        ],
    )?;
    rows.iter()
        .map(|row| {
            Ok(Contents {
                payload: rows::optional_text(row, 0)?,
                progress_at: row.try_get::<_, Option<Millis>>(1)?,
                progress: rows::optional_text(row, 2)?,
                checkpoint: rows::optional_text(row, 3)?,
                result: rows::optional_text(row, 4)?,
            })
        })
        .collect()
}

/// Forgets payload, logs, tags, what was kept, and the idempotency keys of these jobs.
pub(super) fn forget<'a>(jobs: &[JobNo]) -> Vec<Step<'a>> {
    let numbers = || -> Vec<Param<'a>> { vec![Box::new(jobs.to_vec())] };
    [
        "DELETE FROM payloads WHERE job = ANY($1)",
        "DELETE FROM logs WHERE job = ANY($1)",
        "DELETE FROM kept WHERE job = ANY($1)",
        "DELETE FROM callbacks WHERE job = ANY($1)",
        // The tags and the key are named by the job's row, so that no index on jobs is needed.
        "DELETE FROM job_tags t USING jobs j, LATERAL json_each_text(j.tags::json) AS tag \
         WHERE j.no = ANY($1) AND j.tags IS NOT NULL AND t.space = j.space \
         AND t.tag = tag.key || ':' || tag.value AND t.job = j.no",
        "DELETE FROM idempotency i USING jobs j WHERE j.no = ANY($1) AND i.space = j.space \
         AND i.key = j.idempotency_key AND i.job = j.no",
    ]
    .map(|sql| Step { sql, params: numbers() })
    .into()
}
