//! The courier: tries callbacks that are due, and reports how each try went as a command like any other.
//!
//! What is due stands in the store and nowhere else; in memory is only what is under way. So a crash forgets nothing,
//! and at worst a try is made again, under the same id.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderMap;
use emit_core::callback::{Schedule, Tried};
use emit_core::json::write_string;
use emit_core::time::Rfc3339Millis;
use emit_core::{JobId, Millis, Refusal};
use emit_store::{CallbackLane, DueCallback, EndpointLane, FoundJob};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::bounds::{FAREWELL, LANES, LOOK, TRIES, TRIES_PER_LANE};
use super::client::{Answer, Client, headers};
use super::hide::hidden;
use super::lanes::Lanes;
use super::outlet::Outlet;
use super::sign::sign;
use crate::clock::Clock;
use crate::engine::{Engine, Health};
use crate::metrics::Sent;
use crate::reads::Reads;

/// What a try needs besides its job.
#[derive(Clone)]
pub(super) struct Means {
    pub(super) client: Client,
    pub(super) engine: Engine,
    pub(super) reads: Reads,
    pub(super) clock: Arc<Clock>,
    pub(super) schedule: Arc<Schedule>,
}

pub(super) struct Courier {
    means: Means,
    outlet: Arc<Outlet>,
    lanes: Lanes,
    under_way: HashSet<JobId>,
    tries: JoinSet<Back>,
    /// The last lane that a look visited before no more could set out: the next look goes on behind it.
    cursor: EndpointLane,
}

/// A try that is over and written down.
struct Back {
    lane: EndpointLane,
    job: JobId,
    well: bool,
}

impl Courier {
    pub(super) fn new(means: Means, outlet: Arc<Outlet>) -> Courier {
        Courier {
            means,
            outlet,
            lanes: Lanes::default(),
            under_way: HashSet::new(),
            tries: JoinSet::new(),
            cursor: EndpointLane::default(),
        }
    }

    /// Runs until the server drains; then waits a little for what is under way.
    pub(super) async fn run(mut self, mut draining: watch::Receiver<bool>) {
        loop {
            let look_again = self.set_out_all().await;
            let outlet = self.outlet.clone();
            tokio::select! {
                () = outlet.callbacks.notified() => {}
                Some(back) = self.tries.join_next() => self.note(back.ok()),
                () = tokio::time::sleep(look_again) => {}
                _ = draining.wait_for(|draining| *draining) => break,
            }
            while let Some(back) = self.tries.try_join_next() {
                self.note(back.ok());
            }
        }
        let _ =
            tokio::time::timeout(FAREWELL, async { while self.tries.join_next().await.is_some() {} }).await;
    }

    fn note(&mut self, back: Option<Back>) {
        // A try that panicked stays under way until a restart: it might panic again and again.
        let Some(back) = back else { return };
        self.under_way.remove(&back.job);
        self.lanes.came_back(&back.lane, back.well, Instant::now());
    }

    /// Goes once through all lanes; answers how long nothing else will be due.
    async fn set_out_all(&mut self) -> Duration {
        // What a store that fails could not write down would be sent again and again.
        if self.means.engine.health() != Health::Fine {
            return LOOK;
        }
        let mut wait = LOOK;
        // From where the last look ended to the last lane, then from the first.
        let mut legs = if self.cursor == EndpointLane::default() { 1 } else { 2 };
        let mut from = self.cursor.clone();
        while legs > 0 && self.tries.len() < TRIES {
            let now = self.means.clock.now();
            let after = std::mem::take(&mut from);
            let found = self.means.reads.read(move |reader| {
                let lanes = reader.callback_lanes(now, &after, LANES, TRIES_PER_LANE)?;
                Ok((lanes, reader.next_callback(now)?))
            });
            let Ok((found, next)) = found.await else { break };
            if let Some(next) = next {
                wait = wait.min(Duration::from_millis((next - now).max(1) as u64));
            }
            if found.len() < LANES {
                legs -= 1;
            } else if let Some(last) = found.last() {
                from = last.lane.clone();
            }
            for found in found {
                let lane = found.lane.clone();
                wait = wait.min(self.set_out_lane(found));
                if self.tries.len() >= TRIES {
                    self.cursor = lane;
                    return wait;
                }
            }
        }
        if legs == 0 {
            self.cursor = EndpointLane::default();
        }
        wait
    }

    fn set_out_lane(&mut self, found: CallbackLane) -> Duration {
        let now = Instant::now();
        let CallbackLane { lane, due } = found;
        let waiting: Vec<DueCallback> =
            due.into_iter().filter(|due| !self.under_way.contains(&due.job)).collect();
        if waiting.is_empty() {
            return LOOK;
        }
        let room = self.lanes.room(&lane, now).min(TRIES.saturating_sub(self.tries.len()));
        for due in waiting.into_iter().take(room) {
            self.lanes.set_out(&lane);
            self.under_way.insert(due.job);
            self.tries.spawn(try_one(self.means.clone(), lane.clone(), due));
        }
        self.lanes.rests_until(&lane, now).map_or(LOOK, |until| until - now)
    }
}

async fn try_one(means: Means, lane: EndpointLane, due: DueCallback) -> Back {
    let job = due.job;
    let well = match means.reads.read(move |reader| reader.job(job)).await {
        Ok(Some(found)) => tell(&means, &found, (due.round, due.tries + 1)).await,
        // Its space was deleted, and its rows are going; or the store cannot be read. A rest does no harm.
        Ok(None) | Err(_) => false,
    };
    Back { lane, job, well }
}

/// Sends it and writes down how that went.
async fn tell(means: &Means, found: &FoundJob, (round, number): (u32, u32)) -> bool {
    let job = &found.job;
    let (Some(callback), Some(end_seq)) = (&job.spec.callback, job.result_seq) else { return true };
    let begin = Instant::now();
    let outcome = match envelope(found, end_seq, means.clock.now()) {
        Some((headers, body)) => {
            let answer =
                means.client.post(Sent::Callback, (job.space, &callback.url), headers.clone(), body).await;
            answer.map(|answer| Answer { text: hidden(answer.text, &headers, &callback.url), ..answer })
        }
        None => Err("the request cannot be signed".to_owned()),
    };
    let duration_ms = begin.elapsed().as_millis() as Millis;
    let mut tried = Tried {
        end_seq,
        round,
        number,
        status_code: None,
        duration_ms,
        answer: None,
        error: None,
        retry_after_ms: None,
        schedule: means.schedule.clone(),
    };
    match outcome {
        Ok(answer) => {
            tried.status_code = Some(answer.status_code);
            tried.retry_after_ms = answer.retry_after_ms;
            let is_redirect = matches!(answer.status_code, 301 | 302 | 303 | 307 | 308);
            tried.error = is_redirect.then(|| "redirects are not followed".to_owned());
            tried.answer = Some(answer.text).filter(|text| !text.is_empty());
        }
        Err(why) => tried.error = Some(why),
    }
    let well = tried.succeeded();
    write_down(means, job.id, tried).await;
    well
}

/// The try is not over before it is written down: until then the store would have it made again.
async fn write_down(means: &Means, job: JobId, tried: Tried) {
    loop {
        match means.engine.callback_tried(job, tried.clone()).await {
            Err(Refusal::Overloaded | Refusal::StoreUnavailable) => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            // Written, or the job is gone, or the server is going: at worst it is sent once more.
            _ => return,
        }
    }
}

/// The headers and the body of the callback of that end.
fn envelope(found: &FoundJob, end_seq: i64, now: Millis) -> Option<(HeaderMap, String)> {
    let job = &found.job;
    let body = body(found);
    // The same for all tries of one end, and another one for each end.
    let id = format!("{}_{end_seq}", job.id);
    let mut headers = headers(job.spec.callback.as_ref()?.headers.as_deref());
    sign(&mut headers, found.space.outbound.secrets(now), &id, &body)?;
    Some((headers, body))
}

fn body(found: &FoundJob) -> String {
    let job = &found.job;
    let mut out = format!("{{\"jobId\":\"{}\",\"spaceId\":\"{}\",\"name\":", job.id, found.space.id);
    write_string(&mut out, &job.spec.name);
    out.push_str(&format!(
        ",\"status\":\"{}\",\"attemptNumber\":{},\"result\":{},\"timestamp\":\"{}\"}}",
        job.status.as_str(),
        job.attempt_number,
        found.contents.result.as_deref().unwrap_or("null"),
        Rfc3339Millis(job.completed_at.unwrap_or(job.updated_at)),
    ));
    out
}
