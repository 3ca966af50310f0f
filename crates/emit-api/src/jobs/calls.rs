//! Bodies of the other calls about jobs: poll, kill, bulk, edit, a job's browser token.

use std::sync::Arc;

use emit_core::Matching;
use emit_core::limits::{
    ARRAY_ITEMS, JOB_TOKEN_SECONDS, MAX_RETRIES, POLL_COUNT, POLL_NAMES, PRIORITY, WAIT_SECONDS,
};
use emit_core::time::SECOND;
use emit_core::{Edit, Millis, RawJson, Status};
use utoipa::ToSchema;

use super::create::scheduled_for;
use crate::fields::{Errors, Fields, Rejection, name_fault, plain_text};

/// Asks for jobs. Of several filters the first of `types`, `type`, `names`, `name` counts.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct PollRequest {
    /// At most that many.
    #[schema(required = false, minimum = 1, maximum = 50, default = 1)]
    pub count: i64,
    /// Only jobs of these names.
    #[schema(required = false, min_items = 1, max_items = 100)]
    pub types: Vec<String>,
    /// Only jobs of this name.
    #[schema(required = false, min_length = 1, max_length = 200, rename = "type")]
    pub kind: String,
    /// Only jobs of these names.
    #[schema(required = false, min_items = 1, max_items = 100)]
    pub names: Vec<String>,
    /// Only jobs of this name.
    #[schema(required = false, min_length = 1, max_length = 200)]
    pub name: String,
    /// How long to wait for the first job.
    #[schema(required = false, minimum = 0, maximum = 30, default = 0)]
    pub wait_seconds: f64,
    /// Ack in the same step.
    #[schema(required = false, default = false)]
    pub auto_ack: bool,
}

const POLL_FIELDS: &[&str] = &["count", "types", "type", "names", "name", "waitSeconds", "autoAck"];

/// What a poll asks for.
#[derive(Debug, Default, PartialEq)]
pub struct PollCall {
    /// Names; empty: any.
    pub names: Vec<Arc<str>>,
    /// At most that many.
    pub count: usize,
    /// Ack in the same step.
    pub auto_ack: bool,
    /// How long to wait.
    pub wait_ms: Millis,
}

/// Reads a poll. An empty body asks for one job of any name, now.
pub fn poll(body: Option<&str>) -> Result<PollCall, Rejection> {
    let mut errors = Errors::default();
    let call = errors.open(body.unwrap_or("{}"), "", POLL_FIELDS).map(|mut fields| {
        fields.null_is_absent(&["types", "type", "names", "name"]);
        let filters = [
            name_list(&mut fields, "types"),
            one_name(&mut fields, "type"),
            name_list(&mut fields, "names"),
            one_name(&mut fields, "name"),
        ];
        PollCall {
            names: filters.into_iter().flatten().next().unwrap_or_default(),
            count: fields.whole("count", 1, POLL_COUNT as i64).unwrap_or(1) as usize,
            auto_ack: fields.flag("autoAck").unwrap_or(false),
            wait_ms: fields.seconds_ms("waitSeconds", WAIT_SECONDS).unwrap_or(0),
        }
    });
    errors.finish(call.unwrap_or_default())
}

fn one_name(fields: &mut Fields<'_, '_>, field: &str) -> Option<Vec<Arc<str>>> {
    fields.name(field).map(|name| vec![name.into()])
}

fn name_list(fields: &mut Fields<'_, '_>, field: &str) -> Option<Vec<Arc<str>>> {
    let mut names = Vec::new();
    // An empty list is refused: did it mean every job or none?
    for (index, item) in fields.items(field, 1, POLL_NAMES)?.into_iter().enumerate() {
        let name = plain_text(item).and_then(|name| name_fault(&name).map_or(Ok(name), Err));
        match name {
            Ok(name) => names.push(name.into()),
            Err(fault) => fields.wrong_within(field, &index.to_string(), fault),
        }
    }
    Some(names)
}

/// Ends a job from outside.
#[derive(Debug, ToSchema)]
pub struct KillRequest {
    /// Why.
    pub reason: Option<String>,
}

const KILL_FIELDS: &[&str] = &["reason"];

/// Reads a kill's body: it becomes the event's data as sent.
pub fn kill(body: Option<&str>) -> Result<RawJson, Rejection> {
    let Some(text) = body else { return Ok(r#"{"reason": null}"#.into()) };
    let mut errors = Errors::default();
    if let Some(mut fields) = errors.open(text, "", KILL_FIELDS) {
        fields.null_is_absent(&["reason"]);
        fields.text("reason");
    }
    errors.finish(text.into())
}

/// Checks a body that has no fields.
pub fn nothing(body: Option<&str>, path: &str) -> Result<(), Rejection> {
    let Some(text) = body else { return Ok(()) };
    let mut errors = Errors::default();
    let _ = errors.open(text, path, &[]);
    errors.finish(())
}

/// Kills or requeues many jobs, the oldest first.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct BulkRequest {
    /// A terminal one to requeue, any other to kill.
    pub status: String,
    /// Only jobs of this name.
    #[schema(required = false, min_length = 1, max_length = 200)]
    pub name: String,
    /// Only jobs created before.
    #[schema(required = false, format = DateTime)]
    pub created_before: String,
    /// At most that many.
    #[schema(required = false, minimum = 1, maximum = 1_000, default = 100)]
    pub limit: i64,
    /// Only count.
    #[schema(required = false, default = false)]
    pub dry_run: bool,
}

const BULK_FIELDS: &[&str] = &["status", "name", "createdBefore", "limit", "dryRun"];

/// What a bulk call asks for.
#[derive(Debug)]
pub struct BulkCall {
    /// Which jobs.
    pub which: Matching,
    /// At most that many.
    pub limit: usize,
    /// Only count.
    pub dry_run: bool,
}

/// Reads a bulk call. `terminal`: whether it is about ended jobs (requeue) or others (kill).
pub fn bulk(body: Option<&str>, terminal: bool) -> Result<BulkCall, Rejection> {
    let mut errors = Errors::default();
    let call = errors.open(body.unwrap_or("{}"), "", BULK_FIELDS).map(|mut fields| {
        fields.require(&["status"]);
        let word = fields.text("status");
        let status = word.as_ref().and_then(|word| Status::from_word(word));
        if word.is_some() && status.is_none_or(|status| status.is_terminal() != terminal) {
            let detail = if terminal {
                "must be completed, dead or killed"
            } else {
                "must be scheduled, pending, delivered or running"
            };
            fields.wrong("status", detail);
        }
        BulkCall {
            which: Matching {
                status: status.unwrap_or(Status::Pending),
                name: fields.name("name").map(Into::into),
                created_before: fields.time("createdBefore"),
            },
            limit: fields.whole("limit", 1, ARRAY_ITEMS as i64).unwrap_or(100) as usize,
            dry_run: fields.flag("dryRun").unwrap_or(false),
        }
    });
    errors.finish(call)?.ok_or_else(Rejection::no_object)
}

/// Changes a waiting job. What is left out stays.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct EditRequest {
    /// Higher first.
    #[schema(required = false, minimum = -100, maximum = 100)]
    pub priority: i64,
    /// `null`: now.
    #[schema(format = DateTime)]
    pub scheduled_for: Option<String>,
    /// Retries after the first attempt.
    #[schema(required = false, minimum = 0, maximum = 25)]
    pub max_retries: i64,
    /// Any JSON.
    #[schema(required = false)]
    pub payload: serde_json::Value,
    /// `null`: never.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

const EDIT_FIELDS: &[&str] = &["priority", "scheduledFor", "maxRetries", "payload", "expiresAt"];

/// Reads an edit.
pub fn edit(body: Option<&str>, now: Millis) -> Result<Edit, Rejection> {
    let mut errors = Errors::default();
    let edit = errors.open(body.unwrap_or("{}"), "", EDIT_FIELDS).map(|mut fields| {
        let given = EDIT_FIELDS.iter().copied().filter(|field| fields.raw(field).is_some()).collect();
        let null = |fields: &Fields<'_, '_>, name| fields.is_null(name).then_some(None);
        let (no_start, no_expiry) = (null(&fields, "scheduledFor"), null(&fields, "expiresAt"));
        fields.null_is_absent(&["scheduledFor", "expiresAt"]);
        Edit {
            priority: fields.whole("priority", -PRIORITY, PRIORITY),
            scheduled_for: no_start.or_else(|| scheduled_for(&mut fields, now).map(Some)),
            max_retries: fields.whole("maxRetries", 0, MAX_RETRIES).map(|retries| retries as u32),
            payload: fields.raw("payload").map(Into::into),
            expires_at: no_expiry.or_else(|| fields.time("expiresAt").map(Some)),
            fields: given,
        }
    });
    errors.finish(edit.unwrap_or_default())
}

/// Asks for a throw-away key that sees the progress of one job.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct MintRequest {
    /// How long it lives.
    #[schema(minimum = 1, maximum = 86_400)]
    pub expires_in_seconds: i64,
}

const MINT_FIELDS: &[&str] = &["expiresInSeconds"];

/// Reads how long a job's browser token lives.
pub fn mint(body: Option<&str>) -> Result<Millis, Rejection> {
    let mut errors = Errors::default();
    let seconds = errors.open(body.unwrap_or("{}"), "", MINT_FIELDS).and_then(|mut fields| {
        fields.require(MINT_FIELDS);
        fields.whole("expiresInSeconds", 1, JOB_TOKEN_SECONDS)
    });
    errors.finish(seconds.unwrap_or(0) * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{properties, wrong};

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<PollRequest>(), POLL_FIELDS);
        assert_eq!(properties::<KillRequest>(), KILL_FIELDS);
        assert_eq!(properties::<BulkRequest>(), BULK_FIELDS);
        assert_eq!(properties::<EditRequest>(), EDIT_FIELDS);
        assert_eq!(properties::<MintRequest>(), MINT_FIELDS);
    }

    #[test]
    fn an_empty_poll_asks_for_one_job_now() {
        let default = PollCall { count: 1, ..PollCall::default() };
        assert_eq!(poll(None).unwrap(), default);
        assert_eq!(poll(Some("{}")).unwrap(), default);
    }

    #[test]
    fn of_several_filters_the_first_named_in_the_contract_counts() {
        let names =
            |text| poll(Some(text)).unwrap().names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(names(r#"{"name":"d","names":["c"],"type":"b","types":["a","a2"]}"#), ["a", "a2"]);
        assert_eq!(names(r#"{"name":"d","names":["c"],"type":"b"}"#), ["b"]);
        assert_eq!(names(r#"{"name":"d","names":["c"]}"#), ["c"]);
        assert_eq!(names(r#"{"name":"d"}"#), ["d"]);
    }

    #[test]
    fn a_polls_limits_hold_on_both_sides() {
        let list = |n: usize| format!("[{}]", vec!["\"x\""; n].join(","));
        for (field, fine, bad) in [
            ("count", vec!["1".to_owned(), "50".into()], vec!["0".to_owned(), "51".into(), "null".into()]),
            ("waitSeconds", vec!["0".into(), "0.5".into(), "30".into()], vec!["31".into(), "-1".into()]),
            ("names", vec![list(1), list(100)], vec![list(0), list(101), "\"x\"".into(), "[1]".into()]),
            ("types", vec![list(1)], vec!["[\"\"]".into()]),
            ("autoAck", vec!["true".into()], vec!["1".into()]),
            ("type", vec!["\"x\"".into()], vec!["[]".into(), "\"\"".into()]),
        ] {
            for value in fine {
                assert!(poll(Some(&format!("{{\"{field}\":{value}}}"))).is_ok(), "{field} {value}");
            }
            for value in bad {
                let paths = wrong(poll(Some(&format!("{{\"{field}\":{value}}}"))));
                assert!(paths.len() == 1 && paths[0].starts_with(&format!("/{field}")), "{field} {value}");
            }
        }
    }

    #[test]
    fn a_kill_forwards_its_body() {
        assert_eq!(&*kill(None).unwrap(), r#"{"reason": null}"#);
        for fine in ["{}", r#"{ "reason":"x" }"#, r#"{"reason":null}"#] {
            assert_eq!(&*kill(Some(fine)).unwrap(), fine);
        }
        assert_eq!(wrong(kill(Some("null"))), [""]);
        assert_eq!(wrong(kill(Some(r#"{"reason":1,"x":2}"#))), ["/x", "/reason"]);
        assert_eq!(wrong(kill(Some(r#"{"reason":"\u0000"}"#))), ["/reason"]);
    }

    #[test]
    fn bulk_calls_want_one_status_that_fits() {
        for (status, terminal) in
            [("dead", true), ("completed", true), ("pending", false), ("running", false)]
        {
            let body = format!(r#"{{"status":"{status}"}}"#);
            assert!(bulk(Some(&body), terminal).is_ok());
            assert_eq!(wrong(bulk(Some(&body), !terminal)), ["/status"]);
        }
        assert_eq!(wrong(bulk(None, true)), ["/status"]);
        assert!(bulk(Some(r#"{"status":"dead","limit":1000,"dryRun":true,"name":"x"}"#), true).is_ok());
        assert_eq!(wrong(bulk(Some(r#"{"status":"dead","limit":1001}"#), true)), ["/limit"]);
        assert_eq!(wrong(bulk(Some(r#"{"status":"dead","limit":0}"#), true)), ["/limit"]);
        assert_eq!(wrong(bulk(Some(r#"{"status":"dead","createdBefore":"now"}"#), true)), ["/createdBefore"]);
    }

    #[test]
    fn an_edit_tells_null_from_absent() {
        let nothing = edit(Some("{}"), 0).unwrap();
        assert!(nothing.fields.is_empty() && nothing.scheduled_for.is_none() && nothing.expires_at.is_none());
        let cleared = edit(Some(r#"{"expiresAt":null,"scheduledFor":null,"payload":null}"#), 0).unwrap();
        assert_eq!((cleared.scheduled_for, cleared.expires_at), (Some(None), Some(None)));
        assert_eq!(cleared.payload.as_deref(), Some("null"));
        assert_eq!(cleared.fields, ["scheduledFor", "payload", "expiresAt"]);
        let set =
            edit(Some(r#"{"expiresAt":"1970-01-01T00:00:01Z","priority":-100,"maxRetries":25}"#), 0).unwrap();
        assert_eq!(
            (set.expires_at, set.priority, set.max_retries),
            (Some(Some(1_000)), Some(-100), Some(25))
        );
        for bad in
            [r#"{"priority":101}"#, r#"{"priority":null}"#, r#"{"maxRetries":26}"#, r#"{"name":"x"}"#, "[]"]
        {
            assert!(edit(Some(bad), 0).is_err(), "{bad}");
        }
        assert_eq!(wrong(edit(Some(r#"{"scheduledFor":"2000-01-01T00:00:00Z"}"#), 0)), ["/scheduledFor"]);
    }

    #[test]
    fn a_browser_token_lives_a_second_to_a_day() {
        for (body, expected) in [
            (r#"{"expiresInSeconds":1}"#, Some(1_000)),
            (r#"{"expiresInSeconds":86400}"#, Some(86_400_000)),
            (r#"{"expiresInSeconds":86401}"#, None),
            (r#"{"expiresInSeconds":0}"#, None),
            (r#"{"expiresInSeconds":1.5}"#, None),
            ("{}", None),
        ] {
            assert_eq!(mint(Some(body)).ok(), expected, "{body}");
        }
    }
}
