//! Wake-ups: `job.pending` for workers that have no process to poll with. Best effort: a burst of jobs becomes few
//! requests, and what fails is tried again with a growing delay, then dropped.

use std::sync::Arc;

use emit_core::json::write_string;
use emit_core::outbound::Push;
use emit_core::time::Rfc3339Millis;
use emit_core::{EventType, Job, JobId, Status};
use emit_store::{Change, ListQuery, Space};

use super::bounds::{FAILURES, PUSH_LOOKED_AT, PUSH_PACE};
use super::client::headers;
use super::office::Office;
use super::pile::{Pile, back_off};
use super::sign::sign;
use crate::keyring::fresh_id;
use crate::metrics::Sent;

/// The wake-ups of one space.
pub(super) struct Waker {
    space: Space,
    push: Push,
    pending: Pile<Pending>,
}

/// Jobs that have become pending since the last wake-up: the first, and how many.
#[derive(Debug, Default)]
struct Pending {
    first: Option<(JobId, Arc<str>)>,
    count: u64,
    /// The `webhook-id` under which just this was told and failed. With more to tell it is another message.
    id: Option<String>,
}

impl Pending {
    fn add(&mut self, job: JobId, name: Arc<str>, count: u64) {
        // The look at the start may see a job whose commit is only about to be told.
        if self.first.as_ref().is_some_and(|(first, _)| *first == job) {
            return;
        }
        self.first.get_or_insert((job, name));
        self.count += count;
        self.id = None;
    }
}

impl Waker {
    /// Whether both send the same to the same.
    pub(super) fn is_like(&self, other: &Waker) -> bool {
        let signs =
            |waker: &Waker| (waker.space.outbound.secret.clone(), waker.space.outbound.previous.clone());
        self.push == other.push && signs(self) == signs(other)
    }

    /// That of a space that has one and hands out jobs.
    pub(super) fn of(space: &Space) -> Option<Waker> {
        let push = space.outbound.push.clone().filter(|_| !space.paused)?;
        Some(Waker { space: space.clone(), push, pending: Pile::default() })
    }

    /// A job of the space was changed for the last time in its commit.
    pub(super) fn note(&self, change: &Change) {
        let job = &change.job;
        if became_pending(change) && self.push.wants(&job.spec.name) {
            self.pending.add(|pending| pending.add(job.id, job.spec.name.clone(), 1));
        }
    }

    /// Sends until it is aborted.
    pub(super) async fn run(self: Arc<Self>, office: Arc<Office>) {
        self.look_for_earlier(&office).await;
        let mut failures: u32 = 0;
        loop {
            let pending = self.pending.take().await;
            let Some((job, name)) = pending.first else { continue };
            let id = pending.id.unwrap_or_else(|| fresh_id(office.clock.now()).to_string());
            match self.send(&office, &id, (job, &name), pending.count).await {
                Ok(()) => {
                    failures = 0;
                    tokio::time::sleep(PUSH_PACE).await;
                }
                Err(why) => {
                    failures += 1;
                    if failures.is_multiple_of(FAILURES) {
                        tracing::warn!(space = %self.space.id, why, "workers cannot be woken by push");
                    } else {
                        self.pending.add(|waiting| {
                            waiting.first = Some((job, name));
                            waiting.id = (waiting.count == 0).then_some(id);
                            waiting.count += pending.count;
                        });
                    }
                    tokio::time::sleep(back_off(failures)).await;
                }
            }
        }
    }

    /// What became pending before the server started, the space was paused, or push was set.
    async fn look_for_earlier(&self, office: &Office) {
        let names: Vec<Option<Arc<str>>> = match &self.push.names[..] {
            [] => vec![None],
            names => names.iter().cloned().map(Some).collect(),
        };
        for name in names {
            let name = name.map(|name| (*name).to_owned());
            let query = ListQuery {
                statuses: vec![Status::Pending],
                name,
                limit: PUSH_LOOKED_AT,
                ..ListQuery::default()
            };
            let space = self.space.id;
            let found = office.reads.read(move |reader| reader.jobs(space, &query, usize::MAX)).await;
            let Ok(Some(page)) = found else { continue };
            // While a delay runs there is nothing to take; among many, one may be.
            let is_due = |job: &Job| job.available || page.more;
            if let Some((job, _)) = page.jobs.iter().find(|(job, _)| is_due(job)) {
                return self.pending.add(|pending| {
                    if pending.first.is_none() {
                        pending.add(job.id, job.spec.name.clone(), 1);
                    }
                });
            }
        }
    }

    async fn send(
        &self,
        office: &Office,
        id: &str,
        (job, name): (JobId, &str),
        count: u64,
    ) -> Result<(), String> {
        let now = office.clock.now();
        let mut body =
            format!("{{\"type\":\"job.pending\",\"spaceId\":\"{}\",\"jobId\":\"{job}\"", self.space.id);
        body.push_str(",\"jobName\":");
        write_string(&mut body, name);
        body.push_str(&format!(",\"count\":{count},\"timestamp\":\"{}\"}}", Rfc3339Millis(now)));
        let mut head = headers(self.push.headers.as_deref());
        let secrets = self.space.outbound.secrets(now);
        sign(&mut head, secrets, id, &body).ok_or("it cannot be signed")?;
        let answer = office.client.post(Sent::Push, (self.space.no, &self.push.url), head, body).await?;
        if answer.is_success() { Ok(()) } else { Err(format!("it answered {}", answer.status_code)) }
    }
}

/// Whether a worker could take the job now and could not before.
fn became_pending(change: &Change) -> bool {
    let has = |kinds: &[EventType]| change.events.iter().any(|event| kinds.contains(&event.kind));
    change.job.available
        // Without an event it is the end of a delay.
        && (change.events.is_empty()
            || has(&[
                EventType::Created,
                EventType::Enqueued,
                EventType::DeliveryTimeout,
                EventType::Released,
                EventType::Retried,
                EventType::Requeued,
                EventType::Updated,
            ]))
}
