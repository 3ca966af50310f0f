//! Plays a history on the implementation: turns plain questions into commands and keeps what a store would keep.

use std::fmt::Write;
use std::sync::Arc;

use emit_core::apply::create;
use emit_core::callback::{Callback, CallbackChange, Tried};
use emit_core::command::Fence as CoreFence;
use emit_core::ids::Id;
use emit_core::retry::{Backoff, Strategy};
use emit_core::{Circumstances, Command, Edit, Event, Job, NewJob, Refusal, Report, Spec, Transition, apply};
use serde_json::Value;

use crate::ask::{self, Ask, Birth, Fence, Passes, Step};
use crate::model::{Given, Outcome, Seen, Told};

/// When every history begins: an arbitrary moment.
pub(crate) const BIRTH_MS: i64 = 1_740_000_000_000;

/// A job of the implementation, and what the store would keep beside it.
pub(crate) struct Player {
    pub(crate) job: Job,
    pub(crate) now: i64,
    pub(crate) erased: bool,
    max_deliveries: Option<u32>,
    /// Tries of the present end's callback so far, and when the next one is due.
    callback: Option<(u32, Option<i64>)>,
    /// End, round and number of the try that was due when the end was last asked to be told anew.
    late: Option<(i64, u32, u32)>,
    /// The data of the events, by sequence number from 1.
    data: Vec<Option<Value>>,
    payload: Value,
    /// All deliveries there ever were.
    deliveries: Vec<u128>,
    /// What has happened, for whoever reads a counterexample.
    pub(crate) trace: String,
}

/// One question as it was put to the implementation.
pub(crate) struct Put {
    pub(crate) before: Job,
    pub(crate) command: Command,
    pub(crate) circumstances: Circumstances,
    pub(crate) answer: Result<Transition, Refusal>,
    /// The fence as resolved: not sent, unreadable, or an id.
    pub(crate) fence: Option<Option<u128>>,
    pub(crate) delivery: u128,
    pub(crate) worker: String,
}

impl Put {
    /// The same question as the model hears it.
    pub(crate) fn given(&self) -> Given<'_> {
        Given {
            now: self.circumstances.now,
            chance: self.circumstances.chance,
            fence: self.fence,
            delivery: self.delivery,
            worker: &self.worker,
        }
    }

    /// The answer in the model's words.
    pub(crate) fn outcome(&self) -> Outcome {
        match &self.answer {
            Ok(transition) => Outcome::Accepted(told(&transition.events)),
            Err(Refusal::WrongState(status)) => Outcome::Refused("wrong_state", status.as_str()),
            Err(Refusal::StaleDelivery(status)) => Outcome::Refused("stale_delivery", status.as_str()),
            Err(Refusal::NoCallback(status)) => Outcome::Refused("no_callback", status.as_str()),
            Err(Refusal::NotYetAvailable(status)) => Outcome::Refused("not_available", status.as_str()),
            Err(_) => Outcome::Refused("a refusal that is not the domain's", "?"),
        }
    }
}

impl Player {
    pub(crate) fn create(birth: &Birth) -> (Player, Vec<Told>) {
        let now = BIRTH_MS;
        let made = create(Id::from_parts(now, 1), 1, &new_job(birth, now), now);
        let told = told(&made.events);
        let mut player = Player {
            job: made.job.clone(),
            now,
            erased: false,
            max_deliveries: birth.max_deliveries,
            callback: None,
            late: None,
            data: Vec::new(),
            payload: Value::Null,
            deliveries: Vec::new(),
            trace: format!("{birth:?}\n"),
        };
        player.keep(&made);
        (player, told)
    }

    /// Lets time pass, then asks.
    pub(crate) fn put(&mut self, step: &Step) -> Put {
        let passed = match step.passes {
            Passes::Ms(ms) => ms,
            Passes::UntilDue(more) => self.job.due_at().unwrap_or(self.now) + more - self.now,
        };
        self.now += passed.max(0);
        let delivery = 1_000 + self.deliveries.len() as u128;
        let worker = format!("worker-{}", self.deliveries.len());
        let fence = match &step.ask {
            Ask::Report(fence, _) => self.resolve(*fence),
            _ => None,
        };
        let circumstances =
            Circumstances { now: self.now, chance: step.chance, max_deliveries: self.max_deliveries };
        let command = match &step.ask {
            Ask::Called(called) => Command::CallbackTried(Box::new(self.tried(*called))),
            ask => command(ask, fence, delivery, &worker, self.now),
        };
        let before = self.job.clone();
        let answer = apply(&before, &command, &circumstances);
        let _ = write!(self.trace, "at {:>8} ms {:?}", self.now - BIRTH_MS, step.ask);
        match &answer {
            Ok(transition) => {
                let events: Vec<_> = transition.events.iter().map(|event| event.kind.as_str()).collect();
                let to = transition.job.status.as_str();
                let _ = writeln!(self.trace, ": {} -> {to}, events {events:?}", before.status.as_str());
                if transition.job.delivery_id != before.delivery_id
                    && let Some(id) = transition.job.delivery_id
                {
                    self.deliveries.push(id.0);
                }
                if matches!(command, Command::ResendCallback) {
                    let number = self.callback.map_or(1, |(tries, _)| tries + 1);
                    self.late = Some((before.result_seq.unwrap_or_default(), before.callback_round, number));
                }
                self.keep(transition);
            }
            Err(refusal) => {
                let _ = writeln!(self.trace, ": {refusal:?}");
            }
        }
        Put { before, command, circumstances, answer, fence, delivery, worker }
    }

    /// What an `x-emit-delivery` of that kind holds at this moment.
    fn resolve(&self, fence: Fence) -> Option<Option<u128>> {
        match fence {
            Fence::None => None,
            Fence::Unreadable => Some(None),
            // Before the first delivery: one that never was.
            Fence::Present => Some(Some(self.job.delivery_id.map_or(7, |id| id.0))),
            Fence::Earlier => {
                let present = self.job.delivery_id.map(|id| id.0);
                Some(Some(self.deliveries.iter().rev().copied().find(|id| Some(*id) != present).unwrap_or(7)))
            }
        }
    }

    /// The next try of the callback that is due, one of an earlier round, or one of an earlier end.
    fn tried(&self, called: ask::Called) -> Tried {
        let tries = self.callback.filter(|(_, next)| next.is_some()).map(|(tries, _)| tries);
        let due =
            tries.map(|tries| (self.job.result_seq.unwrap_or_default(), self.job.callback_round, tries + 1));
        let (end_seq, round, number) = self.late.filter(|_| called.late).or(due).unwrap_or((0, 0, 1));
        Tried {
            end_seq,
            round,
            number,
            status_code: called.status_code,
            duration_ms: 12,
            answer: None,
            error: called.status_code.is_none().then(|| "no answer".to_owned()),
            retry_after_ms: called.retry_after_s.map(|seconds| seconds * 1_000),
            schedule: Arc::default(),
        }
    }

    /// Numbers the events and keeps row and payload, as a store does.
    fn keep(&mut self, transition: &Transition) {
        self.job = transition.job.clone();
        self.erased |= transition.erase;
        match &transition.callback {
            CallbackChange::Keep => {}
            CallbackChange::Due { tries, at, .. } => self.callback = Some((*tries, Some(*at))),
            CallbackChange::GivenUp { tries, .. } => self.callback = Some((*tries, None)),
            CallbackChange::Forget => self.callback = None,
        }
        if let Some(payload) = &transition.payload {
            self.payload = parse(payload);
        }
        for event in &transition.events {
            self.data.push(event.data.as_deref().map(parse));
            self.job.note(event.kind, self.data.len() as i64);
        }
    }

    fn data_of(&self, seq: Option<i64>) -> Option<Value> {
        seq.and_then(|seq| self.data[seq as usize - 1].clone())
    }

    /// The job in the model's words.
    pub(crate) fn seen(&self) -> Seen {
        let job = &self.job;
        Seen {
            status: job.status.as_str(),
            attempt_number: job.attempt_number,
            max_retries: job.max_retries,
            priority: job.priority,
            delivery_count: job.delivery_count,
            delivery_id: job.delivery_id.map(|id| id.0),
            worker_id: job.worker_id.as_deref().map(str::to_owned),
            scheduled_for: job.scheduled_for,
            expires_at: job.expires_at,
            available_at: job.available_at,
            delivered_at: job.delivered_at,
            started_at: job.started_at,
            completed_at: job.completed_at,
            timeout_at: job.timeout_at,
            payload: self.payload.clone(),
            progress: self.data_of(job.progress_seq),
            checkpoint: self.data_of(job.checkpoint_seq),
            result: self.data_of(job.result_seq),
            log_lines: job.log_lines,
            callback: self.callback,
            due_at: job.due_at(),
        }
    }
}

fn told(events: &[Event]) -> Vec<Told> {
    let tell = |event: &Event| {
        let mut data = event.data.as_deref().map(parse);
        // The model knows times as numbers.
        if let Some(Value::String(at)) = data.as_ref().and_then(|data| data.get("nextTryAt")).cloned()
            && let Some(data) = &mut data
        {
            data["nextTryAt"] = emit_core::time::parse(&at).into();
        }
        (event.kind.as_str(), event.status.as_str(), data)
    };
    events.iter().map(tell).collect()
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("event data is no JSON ({error}): {text}"))
}

fn new_job(birth: &Birth, now: i64) -> NewJob {
    let strategy = match birth.backoff.strategy {
        "none" => Strategy::None,
        "fixed" => Strategy::Fixed,
        _ => Strategy::Exponential,
    };
    NewJob {
        spec: Arc::new(Spec {
            name: "job".into(),
            timeout_ms: birth.timeout_s * 1_000,
            delivery_timeout_ms: birth.delivery_timeout_s * 1_000,
            backoff: Backoff {
                strategy,
                delay_seconds: birth.backoff.delay_s as f64,
                max_delay_seconds: birth.backoff.max_delay_s as f64,
                jitter: birth.backoff.jitter,
            },
            tags: None,
            idempotency_key: None,
            traceparent: None,
            callback: birth
                .callback
                .then(|| Callback { url: "https://example.com/hook?secret".into(), headers: None }),
        }),
        payload: Some("\"first\"".into()),
        max_retries: birth.max_retries,
        priority: birth.priority,
        scheduled_for: birth.scheduled_in.map(|ms| now + ms),
        expires_at: birth.expires_in.map(|ms| now + ms),
        fingerprint: [0; 32],
    }
}

fn command(ask: &Ask, fence: Option<Option<u128>>, delivery: u128, worker: &str, now: i64) -> Command {
    match ask {
        Ask::Claim { auto_ack } => {
            Command::Deliver { delivery: Id(delivery), worker: Some(worker.into()), auto_ack: *auto_ack }
        }
        Ask::Report(_, report) => Command::Report {
            fence: fence.map(|sent| sent.map_or(CoreFence::Unreadable, |id| CoreFence::Delivery(Id(id)))),
            report: core_report(report),
        },
        Ask::Kill(reason) => Command::Kill { data: format!("{{\"reason\":{reason}}}").into() },
        Ask::Requeue => Command::Requeue,
        Ask::Edit(edit) => Command::Edit(core_edit(edit, now)),
        Ask::Erase => Command::Erase,
        // What is asked and what is told need the player's memory: see `tried`.
        Ask::Called(_) | Ask::Sweep => Command::Tick,
        Ask::Resend => Command::ResendCallback,
    }
}

fn core_report(report: &ask::Report) -> Report {
    let data = |n: &u32| Arc::from(format!("{{\"n\":{n}}}"));
    match report {
        ask::Report::Ack => Report::Ack,
        ask::Report::Release { after_s } => Report::Release { after_ms: after_s * 1_000 },
        ask::Report::Progress(n) => Report::Progress(data(n)),
        ask::Report::Checkpoint(n) => Report::Checkpoint(data(n)),
        ask::Report::Custom(n) => Report::Custom(data(n)),
        ask::Report::Logs(lines) => Report::Logs { lines: *lines },
        ask::Report::Keepalive => Report::Keepalive,
        ask::Report::Complete(n) => Report::Complete(n.to_string().into()),
        ask::Report::Fail { error, retryable, retry_after_s } => Report::Fail {
            error: format!("\"{error}\"").into(),
            retryable: *retryable,
            retry_after_ms: retry_after_s.map(|s| s * 1_000),
        },
    }
}

fn core_edit(edit: &ask::Edit, now: i64) -> Edit {
    let sent = [
        ("priority", edit.priority.is_some()),
        ("scheduledFor", edit.scheduled_in.is_some()),
        ("maxRetries", edit.max_retries.is_some()),
        ("payload", edit.payload.is_some()),
        ("expiresAt", edit.expires_in.is_some()),
    ];
    Edit {
        priority: edit.priority,
        scheduled_for: edit.scheduled_in.map(|start| start.map(|ms| now + ms)),
        max_retries: edit.max_retries,
        payload: edit.payload.map(|n| format!("{{\"n\":{n}}}").into()),
        expires_at: edit.expires_in.map(|end| end.map(|ms| now + ms)),
        fields: sent.into_iter().filter(|(_, sent)| *sent).map(|(name, _)| name).collect(),
    }
}
