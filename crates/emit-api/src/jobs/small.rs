//! Smaller answers about jobs.

use emit_core::Contents;
use emit_core::json::write_string;
use emit_core::time::{Rfc3339Millis, SECOND};
use emit_core::{JobId, Millis, Status};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Job, array};
use super::report::LEVELS;
use crate::problem::Problem;
use crate::write::Object;

/// What a poll answers.
#[derive(Debug, ToSchema)]
pub struct Poll {
    /// The jobs, the first to be worked on first.
    pub jobs: Vec<Job>,
}

/// Jobs by status.
#[derive(Debug, Serialize, ToSchema)]
pub struct Counts {
    /// Wait for their time.
    pub scheduled: i64,
    /// Wait for a worker.
    pub pending: i64,
    /// A worker has them and has not acked.
    pub delivered: i64,
    /// A worker has acked.
    pub running: i64,
    /// Ended well.
    pub completed: i64,
    /// Ended without success.
    pub dead: i64,
    /// Ended from outside.
    pub killed: i64,
}

impl Counts {
    /// The counts as a space keeps them.
    pub fn new(counts: &[i64; 7]) -> Counts {
        let of = |status: Status| counts[status as usize];
        Counts {
            scheduled: of(Status::Scheduled),
            pending: of(Status::Pending),
            delivered: of(Status::Delivered),
            running: of(Status::Running),
            completed: of(Status::Completed),
            dead: of(Status::Dead),
            killed: of(Status::Killed),
        }
    }
}

/// What a keepalive answers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Keepalive {
    /// When the present state times out.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub timeout_at: Option<Rfc3339Millis>,
    /// How long that is from now; never below 0.
    #[schema(minimum = 0)]
    pub seconds_left: f64,
}

impl Keepalive {
    /// What is left of the job's present state.
    pub fn new(job: &emit_core::Job, now: Millis) -> Keepalive {
        let left = job.timeout_at.map_or(0, |at| (at - now).max(0));
        Keepalive { timeout_at: job.timeout_at.map(Rfc3339Millis), seconds_left: left as f64 / SECOND as f64 }
    }
}

/// Which numbers log lines were given.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogRange {
    /// The first.
    pub from_line: i64,
    /// The last.
    pub to_line: i64,
}

impl LogRange {
    /// The last `count` lines of a job.
    pub fn last(job: &emit_core::Job, count: usize) -> LogRange {
        LogRange { from_line: job.log_lines - count as i64 + 1, to_line: job.log_lines }
    }
}

/// What a bulk call did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bulk {
    /// Jobs changed; in a dry run, that would be.
    pub count: usize,
    /// Others match beyond the limit.
    pub more: bool,
}

/// One line of a job's log.
#[derive(Debug, ToSchema)]
pub struct LogLine {
    /// Its number, from 1.
    pub line: i64,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What it says.
    pub message: String,
    /// When.
    #[schema(format = DateTime)]
    pub timestamp: String,
    /// What belongs to it.
    #[schema(required = true, value_type = Option<Object>)]
    pub fields: Option<serde_json::Value>,
}

/// The word of a log level's number.
fn level_word(level: u8) -> &'static str {
    LEVELS.get(usize::from(level)).copied().unwrap_or("debug")
}

/// The number of a log level's word.
pub fn level_number(word: &str) -> Option<u8> {
    LEVELS.iter().position(|known| *known == word).map(|at| at as u8)
}

/// Log lines as JSON.
pub fn log_lines(lines: &[emit_core::LogLine]) -> String {
    let mut out = String::new();
    array(&mut out, lines, |out, line| {
        let mut object = Object::open(out);
        object.whole("line", line.line);
        object.text("level", Some(level_word(line.level)));
        object.text("message", Some(&line.message));
        object.time("timestamp", line.at);
        object.raw("fields", line.fields.as_deref());
        object.close();
    });
    out
}

/// A job's latest progress, and nothing else of it: what the weak view may see.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct Progress {
    /// The job.
    pub job_id: String,
    /// Its name.
    pub job_name: String,
    /// Its status.
    pub status: String,
    /// The latest progress as sent; `null` before the first.
    #[schema(required = true, value_type = Option<Object>)]
    pub data: Option<serde_json::Value>,
    /// When it was reported.
    #[schema(required = true, format = DateTime)]
    pub timestamp: Option<String>,
    /// The number of its event.
    #[schema(required = true)]
    pub seq: Option<i64>,
}

/// A job's latest progress as JSON.
pub fn progress(job: &emit_core::Job, contents: &Contents) -> String {
    let mut out = String::new();
    let mut object = Object::open(&mut out);
    let seen = contents.progress.is_some();
    object.id("jobId", job.id);
    object.text("jobName", Some(&job.spec.name));
    object.text("status", Some(job.status.as_str()));
    object.raw("data", contents.progress.as_deref());
    object.time("timestamp", contents.progress_at.filter(|_| seen));
    object.whole("seq", job.progress_seq.filter(|_| seen));
    object.close();
    out
}

/// What became of one report among many.
#[derive(Debug, ToSchema)]
pub struct ReportAnswer<'a> {
    /// The HTTP status that the single call would have had.
    pub code: u16,
    /// The job, if it was taken; `null` with `result`.
    #[schema(required = false)]
    pub job: Option<Job>,
    /// What a keepalive or logs answer.
    #[schema(required = false)]
    pub result: serde_json::Value,
    /// Why it was not taken.
    #[schema(required = false)]
    pub problem: Problem<'a>,
}

/// `{jobId, token}`: what the demo page is told.
pub fn demo(job: JobId, public_token: &str) -> String {
    let mut out = format!("{{\"jobId\":\"{job}\",\"token\":");
    write_string(&mut out, public_token);
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_lines_are_written_as_the_contract_says() {
        let line = emit_core::LogLine {
            line: 3,
            level: 2,
            message: "a\"b".into(),
            at: 1_740_393_120_000,
            fields: Some(r#"{"k" : 1}"#.into()),
        };
        assert_eq!(
            log_lines(&[line]),
            r#"[{"line":3,"level":"warn","message":"a\"b","timestamp":"2025-02-24T10:32:00.000Z","fields":{"k" : 1}}]"#
        );
        assert_eq!(log_lines(&[]), "[]");
    }
}
