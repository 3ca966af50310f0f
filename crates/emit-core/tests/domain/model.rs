//! A naive model of the contract: its state table as data, its small print as plain code.
//!
//! Written from the contract alone and free of everything from `emit_core`: own words, own fields, own order of
//! thought. Where both disagree, one of them misreads the contract.

use std::sync::LazyLock;

use serde_json::{Value, json};

use crate::ask::{Ask, Birth, Called, Report};

/// The contract's state table, row by row: from, what happens, to (`=`: the same), event (`-`: none).
const TABLE: &str = "
    scheduled                   | its time comes                     | pending   | enqueued
    pending                     | a worker claims it                 | delivered | delivered
    delivered                   | ack                                | running   | acked
    delivered                   | no ack within the delivery timeout | pending   | delivery_timeout
    delivered                   | the last delivery timeout          | dead      | dead
    delivered running           | release                            | pending   | released
    running                     | progress                           | =         | progress
    running                     | checkpoint                         | =         | checkpoint
    running                     | custom event                       | =         | custom
    delivered running           | keepalive                          | =         | -
    running                     | complete                           | completed | completed
    running                     | an attempt fails, retries left     | pending   | retried
    running                     | an attempt fails for good          | dead      | dead
    scheduled pending           | its expiresAt passes               | dead      | dead
    scheduled pending           | edited, to start later             | scheduled | updated
    scheduled pending           | edited, to start now               | pending   | updated
    scheduled pending           | edited, its start untouched        | =         | updated
    scheduled pending           | edited, nothing to change          | =         | -
    scheduled pending delivered running | kill                       | killed    | killed
    completed dead killed       | requeue                            | pending   | requeued
    completed dead killed       | erase                              | gone      | erased
    scheduled pending delivered running completed dead killed | log  | =         | log
    scheduled pending delivered running completed dead killed | a callback, taken     | = | callback_sent
    scheduled pending delivered running completed dead killed | a callback, not taken | = | callback_failed
";

/// A row of the table, taken apart.
pub(crate) struct Row {
    from: Vec<&'static str>,
    pub(crate) what: &'static str,
    to: &'static str,
    pub(crate) event: &'static str,
}

pub(crate) static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = TABLE.lines().filter(|line| !line.trim().is_empty());
    rows.map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        Row { from: cells[0].split(' ').collect(), what: cells[1], to: cells[2], event: cells[3] }
    })
    .collect()
});

/// What was read from a request or a row, as the outside sees it: both sides of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) status: &'static str,
    pub(crate) attempt_number: u32,
    pub(crate) max_retries: u32,
    pub(crate) priority: i64,
    pub(crate) delivery_count: u32,
    pub(crate) delivery_id: Option<u128>,
    pub(crate) worker_id: Option<String>,
    pub(crate) scheduled_for: Option<i64>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) available_at: i64,
    pub(crate) delivered_at: Option<i64>,
    pub(crate) started_at: Option<i64>,
    pub(crate) completed_at: Option<i64>,
    pub(crate) timeout_at: Option<i64>,
    pub(crate) payload: Value,
    pub(crate) progress: Option<Value>,
    pub(crate) checkpoint: Option<Value>,
    pub(crate) result: Option<Value>,
    pub(crate) log_lines: i64,
    /// Not on the wire: tries of the present end's callback so far, and when the next one is due.
    pub(crate) callback: Option<(u32, Option<i64>)>,
    /// Not on the wire: when time alone will change the job.
    pub(crate) due_at: Option<i64>,
}

/// An event: type, status after it, data (`None`: no such field).
pub(crate) type Told = (&'static str, &'static str, Option<Value>);

/// What comes of asking.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Accepted(Vec<Told>),
    /// The code and the present status.
    Refused(&'static str, &'static str),
}

/// What the runner tells with each question.
pub(crate) struct Given<'a> {
    pub(crate) now: i64,
    pub(crate) chance: f64,
    /// The `x-emit-delivery` of a report: not sent, unreadable, or an id.
    pub(crate) fence: Option<Option<u128>>,
    /// The id that a claim would get, and its worker.
    pub(crate) delivery: u128,
    pub(crate) worker: &'a str,
}

/// A job of the model.
pub(crate) struct Model {
    pub(crate) seen: Seen,
    pub(crate) gone: bool,
    birth: Birth,
    /// A delay runs: pending, but not to be claimed yet.
    delayed: bool,
    delivery_timeouts: u32,
    /// The number of the try that was due when the end was last asked to be told anew.
    late: Option<u32>,
    /// The kinds of reports accepted from the latest delivery.
    taken: Vec<&'static str>,
    /// The rows that were ever used, for the test that every row is.
    pub(crate) used: Vec<&'static str>,
}

impl Model {
    pub(crate) fn create(birth: &Birth, now: i64) -> (Model, Vec<Told>) {
        let scheduled_for = birth.scheduled_in.map(|ms| now + ms);
        let starts = scheduled_for.filter(|at| *at > now);
        let seen = Seen {
            status: if starts.is_some() { "scheduled" } else { "pending" },
            attempt_number: 0,
            max_retries: birth.max_retries,
            priority: birth.priority,
            delivery_count: 0,
            delivery_id: None,
            worker_id: None,
            scheduled_for,
            expires_at: birth.expires_in.map(|ms| now + ms),
            available_at: starts.unwrap_or(now),
            delivered_at: None,
            started_at: None,
            completed_at: None,
            timeout_at: None,
            payload: json!("first"),
            progress: None,
            checkpoint: None,
            result: None,
            log_lines: 0,
            callback: None,
            due_at: None,
        };
        let mut model = Model {
            seen,
            gone: false,
            birth: birth.clone(),
            delayed: false,
            delivery_timeouts: 0,
            late: None,
            taken: Vec::new(),
            used: Vec::new(),
        };
        model.seen.due_at = model.due_at();
        let told = vec![("created", model.seen.status, None)];
        (model, told)
    }

    /// One question, one answer.
    pub(crate) fn ask(&mut self, ask: &Ask, given: &Given) -> Outcome {
        let outcome = match ask {
            Ask::Claim { auto_ack } => self.claim(*auto_ack, given),
            Ask::Report(_, report) => self.report(report, given),
            Ask::Kill(reason) => {
                let data = json!({ "reason": reason });
                self.end_with("kill", data, given)
            }
            Ask::Requeue => self.requeue(given),
            Ask::Edit(edit) => self.edit(edit, given),
            Ask::Erase => {
                self.seen.callback = None;
                self.row("erase", None)
            }
            Ask::Called(called) => self.called(*called, given),
            Ask::Resend => self.resend(given),
            Ask::Sweep => self.sweep(given),
        };
        self.seen.due_at = self.due_at();
        outcome
    }

    /// Goes by the table: the row of that name for the present status, or 409.
    fn row(&mut self, what: &'static str, data: Option<Value>) -> Outcome {
        let found = ROWS.iter().find(|row| row.what == what && row.from.contains(&self.seen.status));
        let Some(row) = found else { return Outcome::Refused("wrong_state", self.seen.status) };
        self.used.push(what);
        match row.to {
            "=" => {}
            "gone" => self.gone = true,
            to => self.seen.status = to,
        }
        match row.event {
            "-" => Outcome::Accepted(vec![]),
            event => Outcome::Accepted(vec![(event, self.seen.status, data)]),
        }
    }

    fn claim(&mut self, auto_ack: bool, given: &Given) -> Outcome {
        // "A job past its `expiresAt` is never handed out."
        let expired = self.seen.expires_at.is_some_and(|at| at <= given.now);
        if self.seen.status == "pending" && expired {
            return Outcome::Refused("wrong_state", "pending");
        }
        if self.seen.status == "pending" && self.delayed {
            return Outcome::Refused("not_available", "pending");
        }
        let Outcome::Accepted(mut told) = self.row("a worker claims it", None) else {
            return Outcome::Refused("wrong_state", self.seen.status);
        };
        self.taken.clear();
        self.seen.delivery_id = Some(given.delivery);
        self.seen.delivery_count += 1;
        self.seen.worker_id = Some(given.worker.to_owned());
        self.seen.delivered_at = Some(given.now);
        self.seen.started_at = None;
        self.seen.timeout_at = Some(given.now + self.birth.delivery_timeout_s * 1_000);
        if auto_ack && let Outcome::Accepted(acked) = self.accepted_report(&Report::Ack, given) {
            told.extend(acked);
        }
        Outcome::Accepted(told)
    }

    fn report(&mut self, report: &Report, given: &Given) -> Outcome {
        // "The check for `stale_delivery` comes before the state's."
        if let Some(sent) = given.fence {
            if sent.is_none() || sent != self.seen.delivery_id {
                return Outcome::Refused("stale_delivery", self.seen.status);
            }
            // "Repeated with the deliveryId of the latest delivery answer 200 and change nothing", but "a worker
            // whose job was killed learns it".
            if self.taken.contains(&kind(report)) && self.seen.status != "killed" {
                return Outcome::Accepted(vec![]);
            }
        }
        self.accepted_report(report, given)
    }

    fn accepted_report(&mut self, report: &Report, given: &Given) -> Outcome {
        let outcome = match report {
            Report::Ack => self.row("ack", None),
            Report::Release { .. } => self.row("release", None),
            Report::Progress(n) => self.row("progress", Some(json!({ "n": n }))),
            Report::Checkpoint(n) => self.row("checkpoint", Some(json!({ "n": n }))),
            Report::Custom(n) => self.row("custom event", Some(json!({ "n": n }))),
            Report::Logs(lines) => {
                let (from, to) = (self.seen.log_lines + 1, self.seen.log_lines + lines);
                self.row("log", Some(json!({ "fromLine": from, "toLine": to })))
            }
            Report::Keepalive => self.row("keepalive", None),
            Report::Complete(n) => self.end_with("complete", json!(n), given),
            Report::Fail { error, retryable, retry_after_s } => {
                self.attempt_fails(json!(error.to_string()), *retryable, *retry_after_s, given)
            }
        };
        if !matches!(outcome, Outcome::Accepted(_)) {
            return outcome;
        }
        if matches!(kind(report), "ack" | "release" | "complete" | "fail") {
            self.taken.push(kind(report));
        }
        match report {
            Report::Ack => self.seen.started_at = Some(given.now),
            Report::Release { after_s } => self.wait_again(after_s * 1_000, given),
            Report::Progress(n) => self.seen.progress = Some(json!({ "n": n })),
            Report::Checkpoint(n) => self.seen.checkpoint = Some(json!({ "n": n })),
            Report::Logs(lines) => self.seen.log_lines += lines,
            _ => {}
        }
        // "Progress, checkpoint, custom event, keepalive and, while running, logs restart the running timeout";
        // "keepalive restarts the timeout of the present state".
        let timeout_s = match (self.seen.status, report) {
            ("running", _) => Some(self.birth.timeout_s),
            ("delivered", Report::Keepalive) => Some(self.birth.delivery_timeout_s),
            _ => None,
        };
        if let Some(timeout_s) = timeout_s {
            self.seen.timeout_at = Some(given.now + timeout_s * 1_000);
        }
        outcome
    }

    /// "An attempt fails": by its worker's word or its time.
    fn attempt_fails(
        &mut self,
        error: Value,
        retryable: bool,
        retry_after_s: Option<i64>,
        given: &Given,
    ) -> Outcome {
        // `attemptNumber` is the number of retries used.
        if !retryable || self.seen.attempt_number >= self.seen.max_retries {
            return self.end_with("an attempt fails for good", json!({ "error": error }), given);
        }
        let next = self.seen.attempt_number + 1;
        let outcome = self
            .row("an attempt fails, retries left", Some(json!({ "error": error, "attemptNumber": next })));
        if matches!(outcome, Outcome::Accepted(_)) {
            self.seen.attempt_number = next;
            self.delivery_timeouts = 0;
            let delay_ms = retry_after_s.map_or_else(|| self.backoff_ms(next, given.chance), |s| s * 1_000);
            self.wait_again(delay_ms, given);
        }
        outcome
    }

    /// "delay = min(delaySeconds·2^(n−1), maxDelaySeconds); jitter: uniform from 0 to it".
    fn backoff_ms(&self, n: u32, chance: f64) -> i64 {
        let backoff = self.birth.backoff;
        let delay_s = match backoff.strategy {
            "none" => return 0,
            "fixed" => backoff.delay_s,
            _ => backoff.delay_s * (1 << (n - 1)),
        };
        let delay_ms = delay_s.min(backoff.max_delay_s) * 1_000;
        if backoff.jitter { (delay_ms as f64 * chance).round() as i64 } else { delay_ms }
    }

    /// "Back in `pending`, `timeoutAt` is null and the other fields of the attempt keep the last attempt's values."
    fn wait_again(&mut self, delay_ms: i64, given: &Given) {
        self.seen.timeout_at = None;
        self.seen.available_at = given.now + delay_ms;
        self.delayed = delay_ms > 0;
    }

    /// By that row into an end: `completedAt` is "its end, of any kind", `result` what the event tells.
    fn end_with(&mut self, what: &'static str, data: Value, given: &Given) -> Outcome {
        let outcome = self.row(what, Some(data.clone()));
        if matches!(outcome, Outcome::Accepted(_)) {
            self.seen.result = Some(data);
            self.seen.completed_at = Some(given.now);
            self.seen.timeout_at = None;
            self.delayed = false;
            // "Tries after 0 s, …"
            self.seen.callback = self.birth.callback.then_some((0, Some(given.now)));
        }
        outcome
    }

    /// "Tries after 0 s, 5 s, 30 s, 2 min, 10 min, 1 h, 4 h, 12 h (± jitter); success is 2xx, 410 stops, redirects
    /// count as failures; each try is an event." Without a callback that is due, a try was of an earlier end; one that set
    /// out before a resend is an event and nothing else, since the resend tells the end "with all its tries".
    fn called(&mut self, called: Called, given: &Given) -> Outcome {
        let late = self.late.filter(|_| called.late);
        let due = self.seen.callback.filter(|(_, next)| next.is_some() && late.is_none());
        let tries = due.map(|(tries, _)| tries);
        let number = late.or(tries.map(|tries| tries + 1)).unwrap_or(1);
        let taken = called.status_code.is_some_and(|code| code / 100 == 2);
        let delays_s = [5, 30, 120, 600, 3_600, 14_400, 43_200];
        let delay_s = delays_s.get(number as usize - 1).filter(|_| !taken && called.status_code != Some(410));
        let next = delay_s.filter(|_| tries.is_some()).map(|seconds| {
            // A tenth of jitter either way; "`Retry-After` honoured".
            let delay_ms = (f64::from(*seconds) * 1_000.0 * (0.9 + 0.2 * given.chance)).round() as i64;
            given.now + delay_ms.max(called.retry_after_s.map_or(0, |seconds| seconds * 1_000))
        });
        if tries.is_some() {
            self.seen.callback = if taken { None } else { Some((number, next)) };
        }
        let data = json!({
            "url": if self.birth.callback { "https://example.com/hook" } else { "" },
            "statusCode": called.status_code,
            "try": number,
            "nextTryAt": next,
            "durationMs": 12,
            "answer": null,
            "error": if called.status_code.is_none() { json!("no answer") } else { json!(null) },
        });
        self.row(if taken { "a callback, taken" } else { "a callback, not taken" }, Some(data))
    }

    fn resend(&mut self, given: &Given) -> Outcome {
        let ended = matches!(self.seen.status, "completed" | "dead" | "killed");
        match (self.birth.callback, ended) {
            (false, _) => Outcome::Refused("no_callback", self.seen.status),
            (true, false) => Outcome::Refused("wrong_state", self.seen.status),
            (true, true) => {
                self.late = Some(self.seen.callback.map_or(1, |(tries, _)| tries + 1));
                self.seen.callback = Some((0, Some(given.now)));
                Outcome::Accepted(vec![])
            }
        }
    }

    /// "Requeue sets `attemptNumber` 0, clears `progress`, `result` and the times, keeps `checkpoint`", and
    /// "`deliveryCount` 0, clears `deliveryId`, `expiresAt` and `scheduledFor`". `workerId` is not named: it stays.
    fn requeue(&mut self, given: &Given) -> Outcome {
        let outcome = self.row("requeue", None);
        if matches!(outcome, Outcome::Accepted(_)) {
            self.wait_again(0, given);
            self.delivery_timeouts = 0;
            self.taken.clear();
            let seen = &mut self.seen;
            // "Requeue cancels tries still due."
            seen.callback = None;
            (seen.attempt_number, seen.delivery_count) = (0, 0);
            (seen.progress, seen.result) = (None, None);
            (seen.delivered_at, seen.started_at, seen.completed_at) = (None, None, None);
            (seen.delivery_id, seen.expires_at, seen.scheduled_for) = (None, None, None);
        }
        outcome
    }

    fn edit(&mut self, edit: &crate::ask::Edit, given: &Given) -> Outcome {
        let mut fields = Vec::new();
        let sent = [
            ("priority", edit.priority.is_some()),
            ("scheduledFor", edit.scheduled_in.is_some()),
            ("maxRetries", edit.max_retries.is_some()),
            ("payload", edit.payload.is_some()),
            ("expiresAt", edit.expires_in.is_some()),
        ];
        fields.extend(sent.iter().filter(|(_, sent)| *sent).map(|(name, _)| *name));
        // "In the past: due at once"; `null`: now.
        let what = match edit.scheduled_in {
            _ if fields.is_empty() => "edited, nothing to change",
            None => "edited, its start untouched",
            Some(Some(ms)) if ms > 0 => "edited, to start later",
            Some(_) => "edited, to start now",
        };
        let outcome = self.row(what, Some(json!({ "fields": fields })));
        if !matches!(outcome, Outcome::Accepted(_)) {
            return outcome;
        }
        let seen = &mut self.seen;
        if let Some(start) = edit.scheduled_in {
            seen.scheduled_for = start.map(|ms| given.now + ms);
            seen.available_at = given.now + start.unwrap_or(0).max(0);
            self.delayed = false;
        }
        if let Some(end) = edit.expires_in {
            seen.expires_at = end.map(|ms| given.now + ms);
        }
        seen.priority = edit.priority.unwrap_or(seen.priority);
        seen.max_retries = edit.max_retries.unwrap_or(seen.max_retries);
        seen.payload = edit.payload.map_or(seen.payload.clone(), |n| json!({ "n": n }));
        outcome
    }

    /// What time alone brings, one row at a time.
    fn sweep(&mut self, given: &Given) -> Outcome {
        let passed = |at: Option<i64>| at.is_some_and(|at| at <= given.now);
        let waits = matches!(self.seen.status, "scheduled" | "pending");
        if waits && passed(self.seen.expires_at) {
            return self.end_with("its expiresAt passes", json!({ "error": "expired" }), given);
        }
        match self.seen.status {
            "scheduled" if passed(Some(self.seen.available_at)) => self.row("its time comes", None),
            "pending" if self.delayed && passed(Some(self.seen.available_at)) => {
                self.delayed = false;
                Outcome::Accepted(vec![])
            }
            "delivered" if passed(self.seen.timeout_at) => {
                // "`maxDeliveries` counts the delivery timeouts of the present attempt."
                self.delivery_timeouts += 1;
                if self.birth.max_deliveries.is_some_and(|max| self.delivery_timeouts >= max) {
                    let data = json!({ "error": "delivery timeout" });
                    return self.end_with("the last delivery timeout", data, given);
                }
                let outcome = self.row("no ack within the delivery timeout", None);
                self.wait_again(0, given);
                outcome
            }
            "running" if passed(self.seen.timeout_at) => {
                self.attempt_fails(json!("execution timeout"), true, None, given)
            }
            _ => Outcome::Accepted(vec![]),
        }
    }

    fn due_at(&self) -> Option<i64> {
        let starts = (self.seen.status == "scheduled" || self.delayed).then_some(self.seen.available_at);
        match self.seen.status {
            "scheduled" | "pending" => starts.into_iter().chain(self.seen.expires_at).min(),
            _ => self.seen.timeout_at,
        }
    }
}

fn kind(report: &Report) -> &'static str {
    match report {
        Report::Ack => "ack",
        Report::Release { .. } => "release",
        Report::Progress(_) => "progress",
        Report::Checkpoint(_) => "checkpoint",
        Report::Custom(_) => "custom event",
        Report::Logs(_) => "log",
        Report::Keepalive => "keepalive",
        Report::Complete(_) => "complete",
        Report::Fail { .. } => "fail",
    }
}
