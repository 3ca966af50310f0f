//! One batch: what its commands made of which jobs, and who is to be told after the commit.

use std::collections::{HashMap, HashSet};

use emit_core::apply::create;
use emit_core::callback::CallbackChange;
use emit_core::ids::Id;
use emit_core::{
    Circumstances, Command, Job, JobId, Millis, NewJob, Refusal, SpaceId, SpaceNo, TokenId, Transition, apply,
};
use emit_store::{Change, Contents, LogLine, Space, StoreError, Writer};
use rand::RngExt;
use rand::rngs::StdRng;

use super::work::Reply;
use super::{Caller, Done};

/// Why a command did not come through: an expected no, or the store's.
pub(super) enum Stop {
    /// Only this command ends.
    Refused(Refusal),
    /// The whole batch ends.
    Failed(StoreError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Failed(error)
    }
}

/// The job after a command: as it is, or as change number so-and-so of the batch leaves it.
#[derive(Clone)]
pub(super) enum Outcome {
    Unchanged(Box<Job>),
    Changed(usize),
}

/// Called after the commit with all changes of the batch, or with the reason why there was none.
type Answer = Box<dyn FnOnce(Result<&[Change], Refusal>) + Send>;

/// What has to be done right after the commit, before anyone is answered.
pub(super) enum Effect {
    TokenRevoked(TokenId),
    TokenExpires(TokenId, Millis),
    SettingsChanged(Box<Space>),
    SpaceDeleted(SpaceNo),
}

pub(super) struct Batch<'a> {
    pub(super) writer: &'a mut dyn Writer,
    pub(super) now: Millis,
    rng: &'a mut StdRng,
    /// Jobs loaded and not changed since.
    jobs: HashMap<JobId, Option<Job>>,
    /// Changes not yet handed to the store, and whose they are.
    unwritten: Vec<Change>,
    unwritten_jobs: HashSet<JobId>,
    /// Changes the store has written and numbered.
    pub(super) written: Vec<Change>,
    answers: Vec<Answer>,
    pub(super) effects: Vec<Effect>,
    /// Spaces in which jobs have become available.
    pub(super) woken: HashSet<SpaceNo>,
}

impl<'a> Batch<'a> {
    pub(super) fn new(writer: &'a mut dyn Writer, now: Millis, rng: &'a mut StdRng) -> Batch<'a> {
        Batch {
            writer,
            now,
            rng,
            jobs: HashMap::new(),
            unwritten: Vec::new(),
            unwritten_jobs: HashSet::new(),
            written: Vec::new(),
            answers: Vec::new(),
            effects: Vec::new(),
            woken: HashSet::new(),
        }
    }

    /// A fresh id of now: all its 80 random bits new.
    pub(super) fn fresh_id(&mut self) -> Id {
        Id::from_parts(self.now, self.rng.random())
    }

    /// Loads in one go what the batch will name.
    pub(super) fn preload(&mut self, ids: &[JobId]) -> Result<(), StoreError> {
        let found = self.writer.load(ids)?;
        self.jobs.extend(ids.iter().copied().zip(found));
        Ok(())
    }

    /// The job as it is at this point of the batch, if the caller may touch it.
    pub(super) fn job(&mut self, caller: Caller, id: JobId) -> Result<Job, Stop> {
        if self.unwritten_jobs.contains(&id) {
            self.write()?;
        }
        let found = match self.jobs.get(&id) {
            Some(found) => found.clone(),
            None => self.writer.load(&[id])?.pop().flatten(),
        };
        let job = found.ok_or(Refusal::JobNotFound)?;
        if caller.space.is_some_and(|space| space != job.space) {
            return Err(Refusal::WrongSpace.into());
        }
        if caller.job.is_some_and(|bound| bound != id) {
            return Err(Refusal::WrongJob.into());
        }
        Ok(job)
    }

    /// The space of that id.
    pub(super) fn space(&mut self, id: SpaceId) -> Result<Space, Stop> {
        Ok(self.writer.space(id)?.ok_or(Refusal::SpaceNotFound)?)
    }

    /// The space of a job.
    pub(super) fn space_of(&mut self, job: &Job) -> Result<Space, Stop> {
        Ok(self.writer.space_numbered(job.space)?.ok_or(Refusal::JobNotFound)?)
    }

    /// Applies a command to a job as it is now.
    pub(super) fn apply(
        &mut self,
        job: &Job,
        command: &Command,
        logs: Vec<LogLine>,
        max_deliveries: Option<u32>,
    ) -> Result<Outcome, Refusal> {
        let given = Circumstances { now: self.now, chance: self.rng.random(), max_deliveries };
        let transition = apply(job, command, &given)?;
        if transition.events.is_empty()
            && transition.job == *job
            && transition.payload.is_none()
            && transition.callback == CallbackChange::Keep
        {
            return Ok(Outcome::Unchanged(Box::new(transition.job)));
        }
        Ok(self.push(Some(job), transition, None, logs))
    }

    /// Brings a new job into being.
    pub(super) fn create(&mut self, space: SpaceNo, new: &NewJob) -> Outcome {
        let id = self.fresh_id();
        let transition = create(id, space, new, self.now);
        self.push(None, transition, Some(new.fingerprint), Vec::new())
    }

    fn push(
        &mut self,
        before: Option<&Job>,
        transition: Transition,
        fingerprint: Option<[u8; 32]>,
        logs: Vec<LogLine>,
    ) -> Outcome {
        let Transition { job, events, payload, erase, callback } = transition;
        if job.available {
            self.woken.insert(job.space);
        }
        self.unwritten_jobs.insert(job.id);
        self.unwritten.push(Change {
            before: before.map(|job| job.status),
            due_before: before.and_then(Job::due_at),
            job,
            events,
            payload,
            fingerprint,
            logs,
            erase,
            callback,
            recorded: Vec::new(),
        });
        Outcome::Changed(self.written.len() + self.unwritten.len() - 1)
    }

    /// Hands the changes so far to the store, so that its queries see them.
    pub(super) fn write(&mut self) -> Result<(), StoreError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.writer.write(self.now, &mut self.unwritten)?;
        for id in self.unwritten_jobs.drain() {
            self.jobs.remove(&id);
        }
        self.written.append(&mut self.unwritten);
        Ok(())
    }

    /// Everything loaded may have become unreadable.
    pub(super) fn forget_jobs(&mut self) {
        self.jobs.clear();
    }

    /// The job an outcome left behind. Writes first.
    pub(super) fn written_job(&mut self, outcome: &Outcome) -> Result<Job, Stop> {
        self.write()?;
        match outcome {
            Outcome::Unchanged(job) => Ok((**job).clone()),
            Outcome::Changed(index) => Ok(self.written[*index].job.clone()),
        }
    }

    /// What stands beside this job.
    pub(super) fn contents_of(&mut self, job: &Job) -> Result<Contents, StoreError> {
        Ok(self.writer.contents(std::slice::from_ref(job), usize::MAX)?.pop().unwrap_or_default())
    }

    /// Remembers an answer for after the commit.
    pub(super) fn answer<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        make: impl FnOnce(&[Change]) -> Result<T, Refusal> + Send + 'static,
    ) {
        self.answers.push(Box::new(move |outcome| {
            // A closed channel is a caller that has gone; what was done stays done.
            let _ = reply.send(outcome.and_then(make));
        }));
    }

    /// Runs one command and answers its refusal, if it is one, after the commit too: what it was refused for may
    /// have been written by a neighbour in this very batch.
    pub(super) fn run<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        command: impl FnOnce(&mut Self) -> Result<Box<dyn FnOnce(&[Change]) -> Result<T, Refusal> + Send>, Stop>,
    ) -> Result<(), StoreError> {
        match command(self) {
            Ok(make) => self.answer(reply, make),
            Err(Stop::Refused(refusal)) => self.answer(reply, move |_| Err(refusal)),
            Err(Stop::Failed(error)) => {
                let _ = reply.send(Err(refusal_of(&error)));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Everybody is told how it went.
    pub(super) fn answers(self) -> (Vec<Answer>, Vec<Change>) {
        (self.answers, self.written)
    }
}

/// What those who wait are told of a store's failure before the commit.
pub(super) fn refusal_of(error: &StoreError) -> Refusal {
    match error {
        StoreError::Full(_) | StoreError::Unavailable(_) => Refusal::StoreUnavailable,
        StoreError::Unknown(_) => Refusal::OutcomeUnknown,
        StoreError::Stopped(_) => Refusal::StoreStopped,
    }
}

/// The answer of a command that touched one job.
pub(super) fn done(outcome: Outcome, space: SpaceId, contents: Contents) -> impl FnOnce(&[Change]) -> Done {
    move |written| {
        let job = match outcome {
            Outcome::Unchanged(job) => *job,
            Outcome::Changed(index) => written[index].job.clone(),
        };
        Done { job, space, contents }
    }
}
