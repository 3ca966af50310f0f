//! Who uses the simulated node: creators, workers, and operators who meddle. Each keeps the journal.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use emit_core::command::Fence;
use emit_core::{Edit, EventType, Job, Millis, NewJob, RawJson, Refusal, Report, Status};
use emit_store::conformance::{plain, with};
use emit_store::{Matching, Space, Token};
use rand::RngExt;
use rand::rngs::StdRng;

use super::faults::Faults;
use super::journal::Journal;
use crate::clock::Clock;
use crate::engine::{Caller, Done, Engine, PollQuery, ReportCall};
use crate::fresh::{new_space, public_token};

/// One client of one life of the node.
pub(super) struct Client {
    pub(super) engine: Engine,
    pub(super) clock: Arc<Clock>,
    pub(super) journal: Arc<Journal>,
    pub(super) faults: Arc<Faults>,
    pub(super) spaces: Arc<[Space]>,
    pub(super) rng: StdRng,
    /// Time to go.
    pub(super) over: Arc<AtomicBool>,
    /// The lane's turn.
    pub(super) turn: Arc<AtomicU64>,
}

impl Client {
    /// Does one thing after another until it is time to go.
    pub(super) async fn run(mut self, part: usize) {
        while !self.over.load(Ordering::Relaxed) {
            match part % 4 {
                0 => self.create().await,
                1 | 2 => self.work().await,
                _ if self.rng.random_bool(0.2) => drop(self.administer().await),
                _ => self.meddle().await,
            }
            let pause = self.rng.random_range(0..60);
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    fn some_space(&mut self) -> Space {
        self.spaces[self.rng.random_range(0..self.spaces.len())].clone()
    }

    fn new_job(&mut self, payload: RawJson, now: Millis) -> NewJob {
        let rng = &mut self.rng;
        let (delivery, running) = (rng.random_range(500..3_000), rng.random_range(3_000..9_000));
        let key = rng.random_bool(0.2).then(|| format!("key {}", rng.random_range(0..20)).into());
        let name = ["one", "two"][rng.random_range(0..2)];
        let mut new = with(name, |spec| {
            spec.delivery_timeout_ms = delivery;
            spec.timeout_ms = running;
            spec.idempotency_key = key;
        });
        new.fingerprint = plain("").fingerprint;
        new.payload = Some(payload);
        new.priority = rng.random_range(0..3);
        new.max_retries = rng.random_range(0..3);
        new.scheduled_for = rng.random_bool(0.2).then(|| now + rng.random_range(0..2_000));
        new.expires_at = rng.random_bool(0.1).then(|| now + rng.random_range(1..4_000));
        new
    }

    async fn create(&mut self) {
        let space = self.some_space();
        let bodies: Vec<RawJson> = (0..self.rng.random_range(1..5)).map(|_| self.journal.body()).collect();
        let now = self.clock.now();
        let jobs: Vec<NewJob> = bodies.iter().map(|body| self.new_job(body.clone(), now)).collect();
        let keys: Vec<_> = jobs.iter().map(|job| job.spec.idempotency_key.clone()).collect();
        let engine = self.engine.clone();
        match self.faults.lines.call(async move { engine.create(space.id, jobs).await }).await {
            Some(Ok(made)) => {
                for (one, key) in made.iter().zip(keys) {
                    assert_eq!(one.done.job.spec.idempotency_key, key, "another job was answered");
                    assert!(key.is_some() || !one.replayed, "a replay without a key");
                }
                for one in made.iter().filter(|one| !one.replayed) {
                    self.journal.promise(
                        space.no,
                        one.done.job.seq,
                        one.done.job.id,
                        EventType::Created,
                        None,
                    );
                    self.journal.made(one.done.job.id);
                }
            }
            Some(Err(why)) => bodies.into_iter().for_each(|body| self.journal.refused(body, &why)),
            None => {}
        }
    }

    async fn work(&mut self) {
        let space = self.some_space();
        let names = if self.rng.random_bool(0.3) { vec!["one".into()] } else { vec![] };
        let auto_ack = self.rng.random_bool(0.3);
        let wait = Duration::from_millis([0, 500, 5_000, 30_000][self.rng.random_range(0..4)]);
        let query = PollQuery {
            names: names.clone(),
            count: self.rng.random_range(1..4),
            auto_ack,
            worker: Some("worker".into()),
        };
        let waiting = self.journal.waits(self.turn.load(Ordering::Relaxed), space.no, names);
        let engine = self.engine.clone();
        let answer = self.faults.lines.call(async move { engine.poll(space.id, query, wait).await }).await;
        self.journal.waits_no_more(waiting);
        let Some(Ok(polled)) = answer else { return };
        let kind = if auto_ack { EventType::Acked } else { EventType::Delivered };
        for done in &polled.jobs {
            self.journal.promise(space.no, done.job.seq, done.job.id, kind, None);
            done.job.delivery_id.into_iter().for_each(|delivery| self.journal.delivered(delivery));
        }
        let jobs: Vec<Job> = polled.jobs.iter().map(|done| done.job.clone()).collect();
        if self.rng.random_bool(0.1) {
            // The connection broke: the engine gets the jobs back.
            return;
        }
        polled.written();
        for job in jobs {
            self.attempt(&space, job).await;
        }
    }

    async fn attempt(&mut self, space: &Space, job: Job) {
        if job.status == Status::Delivered
            && !self.report(space, &job, Report::Ack, EventType::Acked, None).await
        {
            return;
        }
        for _ in 0..self.rng.random_range(0..3) {
            let body = self.journal.body();
            let (report, kind) = match self.rng.random_range(0..3) {
                0 => (Report::Progress(body.clone()), EventType::Progress),
                1 => (Report::Checkpoint(body.clone()), EventType::Checkpoint),
                _ => (Report::Custom(body.clone()), EventType::Custom),
            };
            self.report(space, &job, report, kind, Some(body)).await;
        }
        let body = self.journal.body();
        match self.rng.random_range(0..5) {
            // Falls asleep: its timeout comes.
            0 => {}
            1 => drop(
                self.report(space, &job, Report::Release { after_ms: 100 }, EventType::Released, None).await,
            ),
            2 => {
                let fail =
                    Report::Fail { error: "\"broken\"".into(), retryable: true, retry_after_ms: Some(50) };
                let last = job.attempt_number >= job.max_retries;
                let kind = if last { EventType::Dead } else { EventType::Retried };
                self.report(space, &job, fail, kind, None).await;
            }
            _ => {
                let complete = Report::Complete(body.clone());
                self.report(space, &job, complete, EventType::Completed, Some(body)).await;
            }
        }
    }

    async fn report(
        &mut self,
        space: &Space,
        job: &Job,
        report: Report,
        kind: EventType,
        body: Option<RawJson>,
    ) -> bool {
        let fence = job.delivery_id.map(Fence::Delivery);
        let call = ReportCall { job: job.id, fence, report, logs: Vec::new() };
        let (engine, caller) = (self.engine.clone(), Caller::default());
        let answer = if self.rng.random_bool(0.3) {
            let calls = vec![call];
            let batch = self.faults.lines.call(async move { engine.reports(caller, calls).await });
            batch.await.and_then(|mut answers| answers.pop())
        } else {
            self.faults.lines.call(async move { engine.report(caller, call).await }).await
        };
        self.note(space, kind, body, answer)
    }

    /// Takes an answer to the journal; whether it was a yes.
    fn note(
        &mut self,
        space: &Space,
        kind: EventType,
        body: Option<RawJson>,
        answer: Option<Result<Done, Refusal>>,
    ) -> bool {
        match (answer, body) {
            (Some(Ok(done)), body) => {
                self.journal.promise(space.no, done.job.seq, done.job.id, kind, body);
                return true;
            }
            (Some(Err(why)), Some(body)) => self.journal.refused(body, &why),
            _ => {}
        }
        false
    }

    async fn meddle(&mut self) {
        let engine = self.engine.clone();
        let space = self.some_space();
        if self.rng.random_bool(0.2) {
            let paused = self.rng.random_bool(0.3);
            let edit = Box::new(move |space: &mut Space| space.paused = paused);
            let _ = self.faults.lines.call(async move { engine.update_space(space.id, edit).await }).await;
            return;
        }
        if self.rng.random_bool(0.1) {
            let which = Matching { status: Status::Completed, name: None, created_before: None };
            let _ = self
                .faults
                .lines
                .call(async move { engine.bulk_requeue(space.id, which, 5, false).await })
                .await;
            return;
        }
        let Some(id) = self.journal.some_job(self.rng.random_range(0..1_000)) else { return };
        let caller = Caller { space: Some(space.no), home: None, job: None };
        let body = self.journal.body();
        let data = body.clone();
        let (kind, body, answer) = match self.rng.random_range(0..6) {
            0 => {
                let call = async move { engine.kill(caller, id, data).await };
                (EventType::Killed, Some(body), self.faults.lines.call(call).await)
            }
            1 | 2 => {
                let call = async move { engine.requeue(caller, id).await };
                (EventType::Requeued, None, self.faults.lines.call(call).await)
            }
            3 => {
                let call = async move { engine.erase(caller, id).await };
                let _ = self.faults.lines.call(call).await;
                return;
            }
            _ => {
                let edit = Edit {
                    priority: Some(self.rng.random_range(5..9)),
                    fields: vec!["priority"],
                    ..Edit::default()
                };
                let call = async move { engine.edit(caller, id, edit).await };
                (EventType::Updated, None, self.faults.lines.call(call).await)
            }
        };
        self.note(&space, kind, body, answer);
    }

    /// Makes a space and keys for it, and takes them away again; stops at the first no.
    async fn administer(&mut self) -> Option<()> {
        let (now, caller) = (self.clock.now(), Caller::default());
        let engine = self.engine.clone();
        let lines = &self.faults.lines;
        let journal = &self.journal;
        // Somebody uses the keys meanwhile.
        let pause = || tokio::time::sleep(Duration::from_millis(100));
        let (ask, public) = (engine.clone(), public_token(now));
        let public_hash = public.hash;
        let made = async move { ask.create_space(new_space("administered", now), public).await };
        let space = lines.call(made).await?.ok()?.space;
        journal.key_made(public_hash);
        let key = |space| Token { secret: None, space, ..public_token(now) };
        let (first, second) = (key(Some((space.no, space.id))), key(None));
        let (first_hash, second_hash) = (first.hash, second.hash);
        let (ask, token) = (engine.clone(), first.clone());
        lines.call(async move { ask.create_token(token).await }).await?.ok()?;
        journal.key_made(first_hash);
        pause().await;
        let ask = engine.clone();
        let grace = self.rng.random_range(0..2) * 1_000;
        journal.key_is_going(first_hash);
        let rotated = lines
            .call(async move { ask.rotate_token(Some(space.id), first.id, second, grace).await })
            .await?
            .ok()?;
        journal.key_made(second_hash);
        if grace == 0 {
            journal.key_is_gone(first_hash);
        }
        engine.touch_tokens(vec![(rotated.id, now)]);
        if let Some(job) = journal.some_job(0) {
            let ask = engine.clone();
            let token = key(None);
            let _ = lines.call(async move { ask.mint_job_token(caller, job, token).await }).await?;
        }
        pause().await;
        let ask = engine.clone();
        journal.key_is_going(second_hash);
        lines.call(async move { ask.delete_token(Some(space.id), rotated.id).await }).await?.ok()?;
        journal.key_is_gone(second_hash);
        pause().await;
        let ask = engine.clone();
        journal.key_is_going(public_hash);
        lines.call(async move { ask.delete_space(space.id, true).await }).await?.ok()?;
        [public_hash, first_hash].into_iter().for_each(|hash| journal.key_is_gone(hash));
        let gone = lines.call(async move { engine.create(space.id, vec![plain("late")]).await }).await?;
        assert!(gone.is_err(), "a job was made in a space that is gone");
        Some(())
    }
}
