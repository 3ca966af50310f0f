//! What workers say about jobs: one call each, or many in one array.

use emit_core::LogLine;
use emit_core::command::Fence;
use emit_core::limits::{DELAY_SECONDS, LOG_LINE_BYTES, LOG_LINES};
use emit_core::{JobId, Millis, RawJson, Report, Scope, Scopes};
use utoipa::ToSchema;

use super::calls::nothing;
use crate::fields::{Errors, Fields, Rejection, has_nul};

/// Which report it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportKind {
    /// Accepted, now running.
    Ack,
    /// Given back.
    Release,
    /// Progress.
    Progress,
    /// Checkpoint.
    Checkpoint,
    /// Custom event.
    Event,
    /// Log lines.
    Logs,
    /// Still alive.
    Keepalive,
    /// Done.
    Complete,
    /// Not done.
    Fail,
}

impl ReportKind {
    /// All of them.
    pub const ALL: [ReportKind; 9] = [
        ReportKind::Ack,
        ReportKind::Release,
        ReportKind::Progress,
        ReportKind::Checkpoint,
        ReportKind::Event,
        ReportKind::Logs,
        ReportKind::Keepalive,
        ReportKind::Complete,
        ReportKind::Fail,
    ];

    /// The contract's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportKind::Ack => "ack",
            ReportKind::Release => "release",
            ReportKind::Progress => "progress",
            ReportKind::Checkpoint => "checkpoint",
            ReportKind::Event => "event",
            ReportKind::Logs => "logs",
            ReportKind::Keepalive => "keepalive",
            ReportKind::Complete => "complete",
            ReportKind::Fail => "fail",
        }
    }

    /// What a key needs for it.
    pub fn scope(self) -> Scope {
        match self {
            ReportKind::Ack | ReportKind::Release => Scope::Ack,
            ReportKind::Progress => Scope::Progress,
            ReportKind::Checkpoint | ReportKind::Event | ReportKind::Logs => Scope::Event,
            ReportKind::Keepalive => Scope::Keepalive,
            ReportKind::Complete => Scope::Complete,
            ReportKind::Fail => Scope::Fail,
        }
    }
}

/// Gives a job back.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ReleaseRequest {
    /// Available again after that long.
    #[schema(required = false, minimum = 0, maximum = 86_400, default = 0)]
    pub after_seconds: f64,
}

/// An attempt has failed.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct FailRequest {
    /// What went wrong.
    pub error: String,
    /// `false`: no further attempt.
    #[schema(required = false, default = true)]
    pub retryable: bool,
    /// Beats the back-off; never jittered.
    #[schema(required = false, minimum = 0, maximum = 86_400)]
    pub retry_after_seconds: f64,
}

/// Lines for a job's log.
#[derive(Debug, ToSchema)]
pub struct LogsRequest {
    /// At least one.
    #[schema(min_items = 1, max_items = 1_000)]
    pub lines: Vec<LogLineRequest>,
}

/// One line; message and fields together at most 8 KiB.
#[derive(Debug, ToSchema)]
pub struct LogLineRequest {
    /// `debug`, `info`, `warn` or `error`.
    #[schema(pattern = "^(debug|info|warn|error)$")]
    pub level: String,
    /// What it says.
    pub message: String,
    /// When; by default, now.
    #[schema(required = false, format = DateTime)]
    pub timestamp: Option<String>,
    /// Anything that belongs to it.
    #[schema(required = false, value_type = Option<Object>)]
    pub fields: Option<serde_json::Value>,
}

/// One report among many.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct ReportItem {
    /// Of which job.
    pub job_id: String,
    /// `ack`, `release`, `progress`, `checkpoint`, `event`, `logs`, `keepalive`, `complete` or `fail`.
    pub report: String,
    /// The delivery it comes from.
    pub delivery_id: Option<String>,
    /// The body that the single call would have.
    #[schema(required = false)]
    pub body: serde_json::Value,
}

/// Words of the levels, by their numbers.
pub(super) const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
const RELEASE_FIELDS: &[&str] = &["afterSeconds"];
const FAIL_FIELDS: &[&str] = &["error", "retryable", "retryAfterSeconds"];
const LOGS_FIELDS: &[&str] = &["lines"];
const LINE_FIELDS: &[&str] = &["level", "message", "timestamp", "fields"];
const ITEM_FIELDS: &[&str] = &["jobId", "report", "deliveryId", "body"];

/// Reads a report's checked body (`None`: empty), which stands at `path`.
pub fn report(
    kind: ReportKind,
    body: Option<&str>,
    path: &str,
    now: Millis,
) -> Result<(Report, Vec<LogLine>), Rejection> {
    let mut lines = Vec::new();
    let report = match kind {
        ReportKind::Ack => nothing(body, path).map(|()| Report::Ack)?,
        ReportKind::Keepalive => nothing(body, path).map(|()| Report::Keepalive)?,
        ReportKind::Release => Report::Release { after_ms: release(body, path)? },
        ReportKind::Progress => Report::Progress(object(body, path)?),
        ReportKind::Checkpoint => Report::Checkpoint(object(body, path)?),
        ReportKind::Event => Report::Custom(object(body, path)?),
        ReportKind::Logs => {
            lines = logs(body.unwrap_or("null"), path, now)?;
            Report::Logs { lines: lines.len() as i64 }
        }
        ReportKind::Complete => Report::Complete(body.unwrap_or("null").into()),
        ReportKind::Fail => fail(body.unwrap_or("null"), path)?,
    };
    Ok((report, lines))
}

/// Any object, forwarded as sent.
fn object(body: Option<&str>, path: &str) -> Result<RawJson, Rejection> {
    let mut errors = Errors::default();
    let text = body.unwrap_or("null");
    if emit_core::json::kind(text) != emit_core::json::Kind::Object {
        errors.push(path.to_owned(), "must be an object");
    }
    errors.finish(text.into())
}

fn release(body: Option<&str>, path: &str) -> Result<Millis, Rejection> {
    let Some(text) = body else { return Ok(0) };
    let mut errors = Errors::default();
    let after = errors
        .open(text, path, RELEASE_FIELDS)
        .and_then(|mut fields| fields.seconds_ms("afterSeconds", DELAY_SECONDS));
    errors.finish(after.unwrap_or(0))
}

fn fail(text: &str, path: &str) -> Result<Report, Rejection> {
    let mut errors = Errors::default();
    let read = errors.open(text, path, FAIL_FIELDS).map(|mut fields| {
        fields.require(&["error"]);
        let fine = fields.text("error").is_some();
        Report::Fail {
            // As sent: it goes into the event's data.
            error: fields.raw("error").filter(|_| fine).unwrap_or("null").into(),
            retryable: fields.flag("retryable").unwrap_or(true),
            retry_after_ms: fields.seconds_ms("retryAfterSeconds", DELAY_SECONDS),
        }
    });
    errors.finish(read)?.ok_or_else(Rejection::no_object)
}

fn logs(text: &str, path: &str, now: Millis) -> Result<Vec<LogLine>, Rejection> {
    let mut errors = Errors::default();
    let mut lines = Vec::new();
    if let Some(mut fields) = errors.open(text, path, LOGS_FIELDS) {
        fields.require(&["lines"]);
        for (index, item) in fields.items("lines", 1, LOG_LINES).unwrap_or_default().into_iter().enumerate() {
            lines.extend(
                fields.item("lines", index, item, LINE_FIELDS).map(|mut line| log_line(&mut line, now)),
            );
        }
    }
    errors.finish(lines)
}

fn log_line(fields: &mut Fields<'_, '_>, now: Millis) -> LogLine {
    fields.require(&["level", "message"]);
    // As lines are shown, so that one that was read can be sent.
    fields.null_is_absent(&["timestamp", "fields"]);
    let level = fields.text("level");
    let number = level.as_ref().and_then(|level| LEVELS.iter().position(|known| known == level));
    if level.is_some() && number.is_none() {
        fields.wrong("level", "must be debug, info, warn or error");
    }
    let message = fields.text("message").unwrap_or_default().into_owned();
    let more = fields.object_text("fields");
    if more.is_some_and(has_nul) {
        fields.wrong("fields", "must not contain U+0000");
    }
    if message.len() + more.map_or(0, str::len) > LOG_LINE_BYTES {
        fields.wrong("message", format!("message and fields must be at most {LOG_LINE_BYTES} bytes"));
    }
    LogLine {
        line: 0,
        level: number.unwrap_or(0) as u8,
        message,
        at: fields.time("timestamp").unwrap_or(now),
        fields: more.map(Into::into),
    }
}

/// One item of an array of reports, ready for the engine.
#[derive(Debug)]
pub struct Item {
    /// Which report.
    pub kind: ReportKind,
    /// Of which job; `None`: of no job there could be.
    pub job: Option<JobId>,
    /// From which delivery.
    pub fence: Option<Fence>,
    /// What it says.
    pub report: Report,
    /// Its log lines.
    pub logs: Vec<LogLine>,
}

/// Why an item is not taken. Its neighbours are.
#[derive(Debug, PartialEq)]
pub enum ItemRefusal {
    /// The key may not say this.
    MissingScope(Scope),
    /// It is malformed.
    Rejected(Rejection),
}

/// Reads item number `index`. As with single calls, the scope is looked at before the body.
pub fn item(text: &str, index: usize, scopes: Scopes, now: Millis) -> Result<Item, ItemRefusal> {
    use ItemRefusal::{MissingScope, Rejected};
    let path = format!("/{index}");
    let mut errors = Errors::default();
    let mut found = None;
    if let Some(mut fields) = errors.open(text, path.as_str(), ITEM_FIELDS) {
        fields.require(&["jobId", "report"]);
        fields.null_is_absent(&["deliveryId", "body"]);
        let word = fields.text("report");
        let kind =
            word.as_ref().and_then(|word| ReportKind::ALL.into_iter().find(|kind| kind.as_str() == word));
        if let Some(kind) = kind.filter(|kind| !scopes.allow(kind.scope())) {
            return Err(MissingScope(kind.scope()));
        }
        if word.is_some() && kind.is_none() {
            fields.wrong("report", "is no report there is");
        }
        let job = fields.text("jobId").and_then(|text| text.parse().ok());
        let fence = fields.text("deliveryId").map(|text| fence(&text));
        found = kind.map(|kind| (kind, job, fence, fields.raw("body")));
    }
    let found = errors.finish(found).and_then(|found| found.ok_or_else(Rejection::no_object));
    let (kind, job, fence, body) = found.map_err(Rejected)?;
    let (report, logs) = report(kind, body, &format!("{path}/body"), now).map_err(Rejected)?;
    Ok(Item { kind, job, fence, report, logs })
}

/// What a worker sent as its delivery.
pub fn fence(text: &str) -> Fence {
    text.parse().map_or(Fence::Unreadable, Fence::Delivery)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{properties, wrong};

    const NOW: Millis = 1_740_393_120_000;

    fn read(kind: ReportKind, body: &str) -> Result<(Report, Vec<LogLine>), Rejection> {
        report(kind, (!body.is_empty()).then_some(body), "", NOW)
    }

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<ReleaseRequest>(), RELEASE_FIELDS);
        assert_eq!(properties::<FailRequest>(), FAIL_FIELDS);
        assert_eq!(properties::<LogsRequest>(), LOGS_FIELDS);
        assert_eq!(properties::<LogLineRequest>(), LINE_FIELDS);
        assert_eq!(properties::<ReportItem>(), ITEM_FIELDS);
    }

    #[test]
    fn bodies_without_fields_may_be_empty_or_an_empty_object() {
        for kind in [ReportKind::Ack, ReportKind::Keepalive, ReportKind::Release] {
            assert!(read(kind, "").is_ok() && read(kind, "{}").is_ok());
            assert_eq!(wrong(read(kind, "[]")), [""]);
            assert_eq!(wrong(read(kind, r#"{"x":1}"#)), ["/x"]);
        }
    }

    #[test]
    fn a_release_may_wait_up_to_a_day() {
        let after = |text| match read(ReportKind::Release, text) {
            Ok((Report::Release { after_ms }, _)) => Some(after_ms),
            _ => None,
        };
        assert_eq!(after(r#"{"afterSeconds":1.5}"#), Some(1_500));
        assert_eq!(after(r#"{"afterSeconds":86400}"#), Some(86_400_000));
        assert_eq!(after(r#"{"afterSeconds":86400.1}"#), None);
    }

    #[test]
    fn free_bodies_are_objects_as_sent() {
        for kind in [ReportKind::Progress, ReportKind::Checkpoint, ReportKind::Event] {
            assert!(read(kind, r#"{"percent" : 5, "percent":6, "x":"\u0000"}"#).is_ok());
            for bad in ["", "null", "[]", "5", "\"x\""] {
                assert_eq!(wrong(read(kind, bad)), [""], "{bad}");
            }
        }
    }

    #[test]
    fn a_result_is_any_value_and_nothing_is_null() {
        let result = |text| match read(ReportKind::Complete, text) {
            Ok((Report::Complete(result), _)) => result.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(result(""), "null");
        assert_eq!(result("[1 ,2]"), "[1 ,2]");
    }

    #[test]
    fn a_failure_names_its_error() {
        let fine = read(ReportKind::Fail, r#"{"error":"a\u00fcb","retryAfterSeconds":0.5}"#).unwrap().0;
        assert!(matches!(fine, Report::Fail { error, retryable: true, retry_after_ms: Some(500) }
            if &*error == r#""a\u00fcb""#));
        for (body, path) in [
            ("", ""),
            ("{}", "/error"),
            (r#"{"error":1}"#, "/error"),
            (r#"{"error":"\u0000"}"#, "/error"),
            (r#"{"error":"x","retryable":"no"}"#, "/retryable"),
            (r#"{"error":"x","retryAfterSeconds":86401}"#, "/retryAfterSeconds"),
            (r#"{"error":"x","message":"y"}"#, "/message"),
        ] {
            assert_eq!(wrong(read(ReportKind::Fail, body)), [path], "{body}");
        }
    }

    #[test]
    fn log_lines_have_their_bounds() {
        let line = |message: &str| format!(r#"{{"level":"info","message":"{message}"}}"#);
        let lines = |n: usize| format!("{{\"lines\":[{}]}}", vec![line("x"); n].join(","));
        assert!(read(ReportKind::Logs, &lines(1_000)).is_ok());
        assert_eq!(wrong(read(ReportKind::Logs, &lines(1_001))), ["/lines"]);
        assert_eq!(wrong(read(ReportKind::Logs, &lines(0))), ["/lines"]);
        let sized = |n: usize| format!("{{\"lines\":[{}]}}", line(&"x".repeat(n)));
        assert!(read(ReportKind::Logs, &sized(8_192)).is_ok());
        assert_eq!(wrong(read(ReportKind::Logs, &sized(8_193))), ["/lines/0/message"]);
        let bad =
            r#"{"lines":[{"level":"fatal","message":"x"},{"message":"x","fields":{"a":["\u0000"]}},1]}"#;
        assert_eq!(
            wrong(read(ReportKind::Logs, bad)),
            ["/lines/0/level", "/lines/1/level", "/lines/1/fields", "/lines/2"]
        );
        let timed =
            r#"{"lines":[{"level":"warn","message":"x","timestamp":"2025-02-24T10:32:00Z","fields":{}}]}"#;
        assert_eq!(read(ReportKind::Logs, timed).unwrap().1[0].at, NOW);
    }

    #[test]
    fn items_stand_alone() {
        let all = Scopes::from_names(["jobs:write"]).unwrap();
        let id = "01JMVS5XE0000000000000000";
        let one = |text: &str| item(text, 3, all, NOW);
        assert!(
            one(&format!(r#"{{"jobId":"{id}0","report":"ack","deliveryId":null,"body":null}}"#))
                .unwrap()
                .job
                .is_some()
        );
        let other = one(r#"{"jobId":"nonsense","report":"complete","deliveryId":"x"}"#).unwrap();
        assert_eq!((other.job, other.fence), (None, Some(Fence::Unreadable)));
        let paths = |text| match one(text) {
            Err(ItemRefusal::Rejected(rejection)) => wrong(Err::<(), _>(rejection)),
            other => panic!("{other:?}"),
        };
        assert_eq!(paths("1"), ["/3"]);
        assert_eq!(paths(r#"{"report":"jump","x":1}"#), ["/3/x", "/3/jobId", "/3/report"]);
        assert_eq!(paths(r#"{"jobId":"a","report":"fail","body":{"error":1}}"#), ["/3/body/error"]);
        let few = Scopes::from_names(["jobs:ack"]).unwrap();
        let refused = item(r#"{"jobId":"a","report":"fail","body":1}"#, 0, few, NOW);
        assert_eq!(refused.unwrap_err(), ItemRefusal::MissingScope(Scope::Fail));
    }
}
