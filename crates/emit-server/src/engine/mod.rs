//! The engine: everything that changes a job goes through here, as commands, and comes out as commits.
//!
//! Requests push work on the bounded queue of a lane; its thread takes what is there and commits it together (group
//! commit): the slower the disk, the larger the batches. No HTTP and no socket may come in here; what a job may do is
//! decided in `emit-core`.
//!
//! - **I1** No answer and no publication before the commit is durable. A refused command leaves no trace.
//! - **I2** Per space, commit order is sequence order, without gaps: the store numbers inside the transaction.
//! - **I3** A commit that fails answers its batch, publishes nothing, and memory is read again from the store.

mod admin;
mod answers;
mod batch;
mod bulk;
mod create;
mod homes;
mod lane;
mod pace;
mod polls;
#[cfg(test)]
mod simulation;
mod single;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use emit_core::callback::Tried;
use emit_core::command::Fence;
use emit_core::{
    Command, DeliveryId, Edit, JobId, Millis, NewJob, RawJson, Refusal, Report, SpaceId, SpaceNo, TokenId,
};
use emit_store::{LogLine, Matching, Space, Token, Writer, lane_of};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::oneshot;

pub use answers::{Bulk, Created, Done, NewSpace};
use homes::Homes;
use lane::{Flags, Lane};
use work::{PollCall, Reply, Work};

use crate::clock::Clock;
use crate::keyring::Keyring;
use crate::metrics::ENGINE;
use crate::neighbours::Outbox;
use crate::outbound::Outlet;
use crate::realtime::Hub;

/// Work that may wait for the engine: enough for some batches, too little to fill memory.
const QUEUE: usize = 8_192;

/// Who asks: what a key is bound to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller {
    /// Only jobs of this space.
    pub space: Option<SpaceNo>,
    /// The same space by its id, which says whose lane takes the work.
    pub home: Option<SpaceId>,
    /// Only this job.
    pub job: Option<JobId>,
}

/// One report of a worker.
#[derive(Debug, Clone)]
pub struct ReportCall {
    /// Of which job.
    pub job: JobId,
    /// From which delivery.
    pub fence: Option<Fence>,
    /// What it says.
    pub report: Report,
    /// The lines, with `Report::Logs`.
    pub logs: Vec<LogLine>,
}

/// What a poll asks for.
#[derive(Debug, Clone, Default)]
pub struct PollQuery {
    /// Only jobs of these names; empty: any.
    pub names: Vec<Arc<str>>,
    /// At most that many.
    pub count: usize,
    /// Ack in the same step.
    pub auto_ack: bool,
    /// Who takes them.
    pub worker: Option<Arc<str>>,
}

/// A change to a space's settings.
pub type SpaceEdit = Box<dyn FnOnce(&mut Space) + Send>;

/// How the engine fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Health {
    /// The last commit went well.
    Fine = 0,
    /// The last batch failed; the next may go well.
    Failing = 1,
    /// A sync failed: no writes until a restart.
    Stopped = 2,
}

/// The way in: cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// One queue a lane. Each space has its lane, so that the events of a space come from one thread and lanes never
    /// wait for each other; an embedded store has one lane for all.
    queues: Arc<[SyncSender<Work>]>,
    /// How each lane fares.
    health: Arc<[Arc<AtomicU8>]>,
    homes: Arc<Homes>,
    draining: Arc<AtomicBool>,
}

/// What the lanes of an engine share, with each other and with others.
#[derive(Clone)]
pub struct Shared {
    /// Time.
    pub clock: Arc<Clock>,
    /// Where committed events go.
    pub hub: Arc<Hub>,
    /// Keys, to be forgotten when they are revoked.
    pub keyring: Arc<Keyring>,
    /// Where it goes what is sent outside.
    pub outlet: Arc<Outlet>,
    /// What other nodes are told.
    pub outbox: Arc<Outbox>,
}

/// Jobs handed to a worker. Dropped before `written`, it gives them back: the worker never saw them.
pub struct Polled {
    /// The jobs.
    pub jobs: Vec<Done>,
    engine: Engine,
}

impl Polled {
    /// The answer has left: from here on the delivery timeout watches over the jobs.
    pub fn written(mut self) {
        self.jobs.clear();
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        let Some(space) = self.jobs.first().map(|done| done.space) else { return };
        let unseen: Vec<(JobId, DeliveryId)> = self
            .jobs
            .iter()
            .filter_map(|done| done.job.delivery_id.map(|delivery| (done.job.id, delivery)))
            .collect();
        // With a full queue the delivery timeout does the same, later.
        let _ = self.engine.push(Work::GiveBack { space, unseen });
    }
}

impl Engine {
    /// Starts a lane on each of a store's writers, with a thread of its own. The threads end when the last handle
    /// is gone.
    pub fn start(
        writers: Vec<Box<dyn Writer>>,
        shared: &Shared,
    ) -> std::io::Result<(Engine, Vec<JoinHandle<()>>)> {
        let rng = StdRng::from_rng(&mut rand::rng());
        let (engine, lanes) = Engine::assemble(writers, shared, rng);
        let threads = lanes.into_iter().enumerate().map(|(number, (lane, incoming))| {
            std::thread::Builder::new().name(format!("lane {number}")).spawn(move || lane.run(incoming))
        });
        Ok((engine, threads.collect::<std::io::Result<_>>()?))
    }

    /// The parts, before anything drives the lanes.
    fn assemble(
        writers: Vec<Box<dyn Writer>>,
        shared: &Shared,
        mut rng: StdRng,
    ) -> (Engine, Vec<(Lane, Receiver<Work>)>) {
        let draining = Arc::new(AtomicBool::new(false));
        let (mut queues, mut all_health, mut lanes) = (Vec::new(), Vec::new(), Vec::new());
        for writer in writers {
            let (queue, incoming) = sync_channel(QUEUE);
            let health = Arc::new(AtomicU8::new(Health::Fine as u8));
            let flags = Flags { health: health.clone(), draining: draining.clone() };
            let rng = StdRng::from_rng(&mut rng);
            lanes.push((Lane::new(writer, shared.clone(), flags, rng), incoming));
            queues.push(queue);
            all_health.push(health);
        }
        let engine =
            Engine { queues: queues.into(), health: all_health.into(), homes: Arc::default(), draining };
        (engine, lanes)
    }

    /// How the engine fares: as its worst lane does.
    pub fn health(&self) -> Health {
        match self.health.iter().map(|lane| lane.load(Ordering::Relaxed)).max() {
            None | Some(0) => Health::Fine,
            Some(1) => Health::Failing,
            Some(_) => Health::Stopped,
        }
    }

    async fn ask<T>(&self, work: impl FnOnce(Reply<T>) -> Work) -> Result<T, Refusal> {
        let (reply, answer) = oneshot::channel();
        self.push(work(reply))?;
        answer.await.unwrap_or(Err(Refusal::OutcomeUnknown))
    }

    fn push(&self, work: Work) -> Result<(), Refusal> {
        let lane = match self.queues.len() {
            1 => 0,
            lanes => work.home(&self.homes).map_or(0, |home| lane_of(home, lanes)),
        };
        self.push_on(lane, work)
    }

    /// From every caller: who comes next with such a job, a callback's courier for one, may not know its space.
    fn learn_homes<'a>(&self, seen: impl IntoIterator<Item = &'a Done>) {
        if self.queues.len() > 1 {
            self.homes.learn(seen.into_iter().map(|done| (done.job.id, done.space)));
        }
    }

    fn push_on(&self, lane: usize, work: Work) -> Result<(), Refusal> {
        let queue = self.queues.get(lane).ok_or(Refusal::Draining)?;
        queue.try_send(work).map(|()| ENGINE.queued()).map_err(|refused| match refused {
            TrySendError::Full(_) => Refusal::Overloaded,
            TrySendError::Disconnected(_) => Refusal::Draining,
        })
    }

    /// How many lanes there are.
    pub(crate) fn lanes(&self) -> usize {
        self.queues.len()
    }

    /// Elsewhere jobs of that space have become available, or have perhaps: whoever waits there is served.
    pub(crate) fn nudge(&self, space: SpaceNo) {
        self.on_all(|| Work::Nudge { space: Some(space) });
    }

    /// The same for all spaces.
    pub(crate) fn nudge_all(&self) {
        self.on_all(|| Work::Nudge { space: None });
    }

    fn on_all(&self, work: impl Fn() -> Work) {
        for lane in 0..self.queues.len() {
            // A full queue wakes the lane as well.
            let _ = self.push_on(lane, work());
        }
    }

    /// Creates jobs: all or none.
    pub async fn create(&self, space: SpaceId, jobs: Vec<NewJob>) -> Result<Vec<Created>, Refusal> {
        self.ask(|reply| Work::Create { space, jobs, reply }).await
    }

    /// Hands out jobs, waiting up to `wait` for the first.
    pub async fn poll(&self, space: SpaceId, query: PollQuery, wait: Duration) -> Result<Polled, Refusal> {
        self.jobs_within(space, query, wait).await.inspect(|polled| self.learn_homes(&polled.jobs))
    }

    async fn jobs_within(&self, space: SpaceId, query: PollQuery, wait: Duration) -> Result<Polled, Refusal> {
        let (reply, mut answer) = oneshot::channel();
        let call = PollCall { query, reply, waits: !wait.is_zero(), engine: self.clone() };
        self.push(Work::Poll { space, call })?;
        if wait.is_zero() {
            return answer.await.unwrap_or(Err(Refusal::OutcomeUnknown));
        }
        match tokio::time::timeout(wait, &mut answer).await {
            Ok(answered) => answered.unwrap_or(Err(Refusal::OutcomeUnknown)),
            Err(_) => {
                // From here on the engine claims nothing for us; what it had claimed already is taken.
                answer.close();
                answer.try_recv().unwrap_or_else(|_| Ok(Polled { jobs: Vec::new(), engine: self.clone() }))
            }
        }
    }

    /// Hands out one pending job by its id.
    pub async fn claim(
        &self,
        caller: Caller,
        job: JobId,
        worker: Option<Arc<str>>,
    ) -> Result<Polled, Refusal> {
        let engine = self.clone();
        let polled = self.ask(|reply| Work::Claim { caller, job, worker, engine, reply }).await;
        polled.inspect(|polled| self.learn_homes(&polled.jobs))
    }

    /// Takes a worker's report.
    pub async fn report(&self, caller: Caller, call: ReportCall) -> Result<Done, Refusal> {
        let done = self.ask(|reply| Work::Report { caller, call, reply }).await;
        done.inspect(|done| self.learn_homes([done]))
    }

    /// Takes many reports, each of which stands alone.
    pub async fn reports(&self, caller: Caller, calls: Vec<ReportCall>) -> Vec<Result<Done, Refusal>> {
        let count = calls.len();
        match self.ask(|reply| Work::Reports { caller, calls, reply }).await {
            Ok(answers) => {
                self.learn_homes(answers.iter().flatten());
                answers
            }
            Err(refusal) => vec![Err(refusal); count],
        }
    }

    /// Ends a job from outside.
    pub async fn kill(&self, caller: Caller, job: JobId, data: RawJson) -> Result<Done, Refusal> {
        self.single(caller, job, Command::Kill { data }).await
    }

    /// Gives an ended job a new life.
    pub async fn requeue(&self, caller: Caller, job: JobId) -> Result<Done, Refusal> {
        self.single(caller, job, Command::Requeue).await
    }

    /// Changes a waiting job.
    pub async fn edit(&self, caller: Caller, job: JobId, edit: Edit) -> Result<Done, Refusal> {
        self.single(caller, job, Command::Edit(edit)).await
    }

    /// Forgets an ended job.
    pub async fn erase(&self, caller: Caller, job: JobId) -> Result<(), Refusal> {
        self.single(caller, job, Command::Erase).await.map(|_| ())
    }

    /// Tells the end of a job anew.
    pub async fn resend_callback(&self, caller: Caller, job: JobId) -> Result<Done, Refusal> {
        self.single(caller, job, Command::ResendCallback).await
    }

    /// Takes how a try to tell a job's end went.
    pub async fn callback_tried(&self, job: JobId, tried: Tried) -> Result<(), Refusal> {
        self.ask(|reply| Work::CallbackTried { job, tried: Box::new(tried), reply }).await
    }

    async fn single(&self, caller: Caller, job: JobId, command: Command) -> Result<Done, Refusal> {
        self.ask(|reply| Work::Single { caller, job, command, reply }).await
    }

    /// Kills the oldest jobs that match.
    pub async fn bulk_kill(
        &self,
        space: SpaceId,
        which: Matching,
        limit: usize,
        dry_run: bool,
    ) -> Result<Bulk, Refusal> {
        let command = Command::Kill { data: "{\"reason\": null}".into() };
        self.ask(|reply| Work::Bulk { space, which, limit, dry_run, command, reply }).await
    }

    /// Requeues the oldest jobs that match.
    pub async fn bulk_requeue(
        &self,
        space: SpaceId,
        which: Matching,
        limit: usize,
        dry_run: bool,
    ) -> Result<Bulk, Refusal> {
        self.ask(|reply| Work::Bulk { space, which, limit, dry_run, command: Command::Requeue, reply }).await
    }

    /// Makes a space and its public token.
    pub async fn create_space(&self, space: Space, public: Token) -> Result<NewSpace, Refusal> {
        self.ask(|reply| Work::CreateSpace { space, public, reply }).await
    }

    /// Changes a space's settings.
    pub async fn update_space(&self, id: SpaceId, edit: SpaceEdit) -> Result<Space, Refusal> {
        self.ask(|reply| Work::UpdateSpace { id, edit, reply }).await
    }

    /// Deletes a space; one with jobs only by force.
    pub async fn delete_space(&self, id: SpaceId, force: bool) -> Result<(), Refusal> {
        self.ask(|reply| Work::DeleteSpace { id, force, reply }).await
    }

    /// Writes a new key. Refuses one for a job that is not there.
    pub async fn create_token(&self, token: Token) -> Result<Token, Refusal> {
        self.ask(|reply| Work::CreateToken { token, reply }).await
    }

    /// Writes a new key for a job, which also says for which space.
    pub async fn mint_job_token(&self, caller: Caller, job: JobId, token: Token) -> Result<Token, Refusal> {
        self.ask(|reply| Work::MintJobToken { caller, job, token, reply }).await
    }

    /// Revokes a key.
    pub async fn delete_token(&self, space: Option<SpaceId>, id: TokenId) -> Result<(), Refusal> {
        self.ask(|reply| Work::DeleteToken { space, id, reply }).await
    }

    /// Replaces a key: `successor` brings id, hash and secret, everything else is the old one's, which works on for
    /// the grace period.
    pub async fn rotate_token(
        &self,
        space: Option<SpaceId>,
        id: TokenId,
        successor: Token,
        grace_ms: Millis,
    ) -> Result<Token, Refusal> {
        self.ask(|reply| Work::RotateToken { space, id, successor, grace_ms, reply }).await
    }

    /// Notes that keys were used; may be lost.
    pub fn touch_tokens(&self, used: Vec<(TokenId, Millis)>) {
        let _ = self.push(Work::TouchTokens { used });
    }

    /// From now on polls do not wait, and those that wait are answered.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        self.on_all(|| Work::Wake);
    }
}
