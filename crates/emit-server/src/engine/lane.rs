//! The loop: take what is there, commit it together, answer, publish.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use emit_core::{Command, JobId, Millis, Recorded, Refusal};
use emit_store::{Change, StoreError, Writer};
use rand::rngs::StdRng;

use super::batch::{Batch, Effect, refusal_of};
use super::pace::Pace;
use super::polls::Waiting;
use super::work::Work;
use super::{Health, Polled, Shared, admin, bulk, create, single};
use crate::metrics::{ENGINE, LaneTold};
use crate::traces;

/// Jobs touched by one batch: bounds how long one commit may take.
const BATCH_WEIGHT: usize = 2_000;
/// Jobs that time changes in one batch: catching up after a downtime is paced.
const DUE: usize = 500;

/// What the lane and its handles tell each other outside the queue.
pub(super) struct Flags {
    /// The lane says how it fares: a [`Health`].
    pub(super) health: Arc<AtomicU8>,
    /// The handles say that the server is on its way out. No work of the queue: it must get through to a lane whose
    /// store refuses everything.
    pub(super) draining: Arc<AtomicBool>,
}

pub(super) struct Lane {
    writer: Box<dyn Writer>,
    shared: Shared,
    flags: Flags,
    rng: StdRng,
    waiting: Waiting,
    /// The last batch failed: whoever waits may have missed a job that is available again.
    owes_everybody: bool,
    next_housekeeping: Millis,
    pace: Pace,
    /// After a failure: when timers may be tried again.
    timers_rest_until: Millis,
    /// What the metrics know of it.
    told: LaneTold,
}

impl Lane {
    pub(super) fn new(writer: Box<dyn Writer>, shared: Shared, flags: Flags, rng: StdRng) -> Lane {
        let next_housekeeping = shared.clock.now();
        Lane {
            writer,
            shared,
            flags,
            rng,
            waiting: Waiting::default(),
            owes_everybody: false,
            next_housekeeping,
            pace: Pace::default(),
            timers_rest_until: 0,
            told: LaneTold::default(),
        }
    }

    /// Runs until the last handle is gone.
    pub(super) fn run(mut self, incoming: Receiver<Work>) {
        loop {
            let first = match incoming.recv_timeout(self.patience()) {
                Ok(work) => Some(work),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.turn(first, &incoming);
        }
    }

    /// One turn: everything that is there, in one commit.
    pub(super) fn turn(&mut self, first: Option<Work>, incoming: &Receiver<Work>) {
        // Never linger: what queued up during the last commit is the batch.
        let mut batch: Vec<Work> = first.into_iter().collect();
        let mut weight = batch.iter().map(Work::weight).sum::<usize>();
        while weight < BATCH_WEIGHT
            && let Ok(work) = incoming.try_recv()
        {
            weight += work.weight();
            batch.push(work);
        }
        ENGINE.took(batch.len());
        if self.flags.draining.load(Ordering::Acquire) {
            self.waiting.dismiss();
            batch = batch.into_iter().filter_map(answer_poll_with_nothing).collect();
        }
        let is_asked = !batch.is_empty();
        let events = self.commit(batch);
        let now = self.shared.clock.now();
        if is_asked || events > 0 {
            self.pace.worked(now, events);
        }
        if now >= self.next_housekeeping {
            self.keep_house(now);
        }
    }

    /// How long to wait for work before time itself brings some.
    pub(super) fn patience(&mut self) -> Duration {
        let due = self.writer.next_due().ok().flatten().unwrap_or(Millis::MAX).max(self.timers_rest_until);
        let next = due.min(self.next_housekeeping);
        Duration::from_millis(next.saturating_sub(self.shared.clock.now()).max(0) as u64)
    }

    /// Answers how many events it wrote.
    fn commit(&mut self, works: Vec<Work>) -> usize {
        let now = self.shared.clock.now();
        if let Err(error) = self.writer.begin() {
            works.into_iter().for_each(|work| work.refuse(refusal_of(&error)));
            self.note_failure(&error, &refusal_of(&error), now);
            return 0;
        }
        let mut batch = Batch::new(&mut *self.writer, now, &mut self.rng);
        let prepared = prepare(&mut batch, works, &mut self.waiting, self.owes_everybody);
        let effects = std::mem::take(&mut batch.effects);
        let woken = std::mem::take(&mut batch.woken);
        let (answers, mut written) = batch.answers();
        let syncing = Instant::now();
        let outcome = match prepared {
            Ok(()) => self.writer.commit(&mut written).map_err(|error| (unknown_if_stopped(&error), error)),
            Err(error) => {
                self.writer.rollback();
                Err((refusal_of(&error), error))
            }
        };
        let took = syncing.elapsed();
        if let Err((refusal, error)) = outcome {
            if refusal == Refusal::OutcomeUnknown && !effects.is_empty() {
                // Keys may be revoked: the store knows.
                self.shared.keyring.forget_all();
                self.shared.keyring.look_again();
            }
            answers.into_iter().for_each(|answer| answer(Err(refusal.clone())));
            self.note_failure(&error, &refusal, now);
            return 0;
        }
        self.owes_everybody = false;
        // Only a commit that wrote something shows that writing works.
        if !written.is_empty() {
            self.flags.health.store(Health::Fine as u8, Ordering::Relaxed);
        }
        let events = written.iter().map(|change| change.events.len()).sum();
        ENGINE.committed(took, &written);
        traces::committed(&written);
        self.shared.outbox.committed(&written, &woken, !effects.is_empty());
        self.carry_out(effects);
        answers.into_iter().for_each(|answer| answer(Ok(&written)));
        self.publish(written);
        events
    }

    /// What nobody asked for and has to be done from time to time: retention, and a look whether writing works again.
    /// In a transaction of its own, so that it neither delays a batch nor holds rows that a batch waits for.
    fn keep_house(&mut self, now: Millis) {
        let probes = self.flags.health.load(Ordering::Relaxed) != Health::Fine as u8;
        let rows = self.pace.rows(now);
        let kept = self.writer.begin().and_then(|()| {
            let done = self
                .writer
                .retain(now, rows)
                .and_then(|more| if probes { self.writer.probe().map(|()| more) } else { Ok(more) });
            match done {
                Ok(more) => self.writer.commit(&mut []).map(|()| more),
                Err(error) => {
                    self.writer.rollback();
                    Err(error)
                }
            }
        });
        match kept {
            Ok(more) => {
                ENGINE.looked(&mut self.told, self.writer.figures(), self.waiting.forget_gone());
                self.next_housekeeping = self.pace.next(now, self.shared.clock.now(), rows, more);
                if probes {
                    self.flags.health.store(Health::Fine as u8, Ordering::Relaxed);
                }
            }
            Err(error) => self.note_failure(&error, &unknown_if_stopped(&error), now),
        }
    }

    fn carry_out(&self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::TokenRevoked(id) => {
                    self.shared.keyring.forget(id);
                    self.shared.hub.token_revoked(id);
                }
                Effect::TokenExpires(id, after_ms) => {
                    self.shared.keyring.forget(id);
                    self.shared.hub.token_expires(id, Duration::from_millis(after_ms.max(0) as u64));
                }
                Effect::SettingsChanged(space) => self.shared.outlet.settings_changed(&space),
                Effect::SpaceDeleted(no) => {
                    self.shared.outlet.space_deleted(no);
                    self.shared.keyring.forget_space(no);
                    self.shared.hub.space_deleted(no);
                }
            }
        }
    }

    fn publish(&self, written: Vec<Change>) {
        self.shared.outlet.committed(&written);
        let events: Vec<Recorded> = written.into_iter().flat_map(|change| change.recorded).collect();
        if !events.is_empty() {
            self.shared.hub.publish(&events);
        }
    }

    fn note_failure(&mut self, error: &StoreError, refusal: &Refusal, now: Millis) {
        ENGINE.failed(&mut self.told, self.writer.figures());
        let health = if matches!(error, StoreError::Stopped(_)) { Health::Stopped } else { Health::Failing };
        if self.flags.health.swap(health as u8, Ordering::Relaxed) != health as u8 {
            tracing::error!("a batch could not be committed: {error}");
        }
        self.waiting.refuse_impatient(refusal);
        self.owes_everybody = true;
        self.timers_rest_until = now + 1_000;
        self.next_housekeeping = now + 1_000;
    }
}

impl Drop for Lane {
    /// A lane that panicked will never write again: `/readyz` must say so.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.flags.health.store(Health::Stopped as u8, Ordering::Relaxed);
        }
    }
}

/// On the way out polls get nothing; all other work is done.
fn answer_poll_with_nothing(work: Work) -> Option<Work> {
    let Work::Poll { call, .. } = work else { return Some(work) };
    let _ = call.reply.send(Ok(Polled { jobs: Vec::new(), engine: call.engine }));
    None
}

/// A commit that stopped the store may be on disk all the same.
fn unknown_if_stopped(error: &StoreError) -> Refusal {
    match error {
        StoreError::Stopped(_) => Refusal::OutcomeUnknown,
        other => refusal_of(other),
    }
}

/// Everything of a batch but its commit.
fn prepare(
    batch: &mut Batch<'_>,
    works: Vec<Work>,
    waiting: &mut Waiting,
    owes_everybody: bool,
) -> Result<(), StoreError> {
    let mut named: Vec<JobId> = Vec::new();
    works.iter().for_each(|work| work.names_jobs(&mut named));
    batch.preload(&named)?;
    tick(batch)?;
    let mut polled = Vec::new();
    let mut works = works.into_iter();
    while let Some(work) = works.next() {
        if let Err(error) = execute(batch, work, waiting, &mut polled) {
            works.for_each(|work| work.refuse(refusal_of(&error)));
            return Err(error);
        }
    }
    let mut spaces: Vec<_> = waiting
        .spaces()
        .into_iter()
        .filter(|space| owes_everybody || batch.woken.contains(space) || polled.contains(space))
        .collect();
    spaces.sort_unstable();
    for space in spaces {
        waiting.serve(batch, space)?;
    }
    batch.write()
}

/// What time alone has brought.
fn tick(batch: &mut Batch<'_>) -> Result<(), StoreError> {
    for job in batch.writer.due(batch.now, DUE)? {
        let max_deliveries = batch.writer.space_numbered(job.space)?.and_then(|space| space.max_deliveries);
        // A tick is never refused.
        let _ = batch.apply(&job, &Command::Tick, Vec::new(), max_deliveries);
    }
    Ok(())
}

fn execute(
    batch: &mut Batch<'_>,
    work: Work,
    waiting: &mut Waiting,
    polled: &mut Vec<i64>,
) -> Result<(), StoreError> {
    match work {
        Work::Create { space, jobs, reply } => create::create(batch, space, jobs, reply),
        Work::Poll { space, call } => {
            match batch.writer.space(space)? {
                Some(space) => {
                    if !polled.contains(&space.no) {
                        polled.push(space.no);
                    }
                    waiting.join(space.no, call);
                }
                None => batch.answer(call.reply, |_| Err(Refusal::SpaceNotFound)),
            }
            Ok(())
        }
        Work::Claim { caller, job, worker, engine, reply } => {
            single::claim(batch, caller, job, worker, engine, reply)
        }
        Work::Report { caller, call, reply } => single::report(batch, caller, call, reply),
        Work::Reports { caller, calls, reply } => single::reports(batch, caller, calls, reply),
        Work::Single { caller, job, command, reply } => single::single(batch, caller, job, command, reply),
        Work::Bulk { space, which, limit, dry_run, command, reply } => {
            bulk::bulk(batch, space, &which, limit, dry_run, &command, reply)
        }
        Work::CallbackTried { job, tried, reply } => single::callback_tried(batch, job, tried, reply),
        Work::GiveBack { unseen, .. } => single::give_back(batch, unseen),
        Work::CreateSpace { space, public, reply } => admin::create_space(batch, &space, public, reply),
        Work::UpdateSpace { id, edit, reply } => admin::update_space(batch, id, edit, reply),
        Work::DeleteSpace { id, force, reply } => admin::delete_space(batch, id, force, reply),
        Work::CreateToken { token, reply } => admin::create_token(batch, token, reply),
        Work::MintJobToken { caller, job, token, reply } => {
            admin::mint_job_token(batch, caller, job, token, reply)
        }
        Work::DeleteToken { space, id, reply } => admin::delete_token(batch, space, id, reply),
        Work::RotateToken { space, id, successor, grace_ms, reply } => {
            admin::rotate_token(batch, space, id, successor, grace_ms, reply)
        }
        Work::TouchTokens { used } => batch.writer.touch_tokens(&used),
        Work::Nudge { space } => {
            match space {
                Some(space) => polled.push(space),
                None => polled.extend(waiting.spaces()),
            }
            Ok(())
        }
        Work::Wake => Ok(()),
    }
}
