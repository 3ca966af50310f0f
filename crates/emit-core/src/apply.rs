//! The state table: one exhaustive match, each arm a function in the file of a phase of the job's life.

use crate::command::{Command, NewJob, Report};
use crate::ids::{JobId, SpaceNo};
use crate::job::Job;
use crate::lifecycle::{callback, claim, create, finish, kill, report, tick};
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

/// What a decision depends on besides the job: given as values, so that the domain has no clock and no dice.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances {
    /// The present time.
    pub now: Millis,
    /// Uniform in 0..1, for jitter.
    pub chance: f64,
    /// The space's `maxDeliveries`.
    pub max_deliveries: Option<u32>,
}

/// What the command makes of the job, or why not. A repeat of a report already taken changes nothing: a
/// transition to the same job without events.
pub fn apply(job: &Job, command: &Command, given: &Circumstances) -> Result<Transition, Refusal> {
    match command {
        Command::Deliver { delivery, worker, auto_ack } => {
            claim::deliver(job, *delivery, worker.clone(), *auto_ack, given.now)
        }
        Command::Report { fence, report } => {
            if let Some(same) = report::fence(job, *fence, report)? {
                return Ok(same);
            }
            match report {
                Report::Ack => report::ack(job, given.now),
                Report::Release { after_ms } => report::release(job, *after_ms, given.now),
                Report::Progress(data) => report::progress(job, data, given.now),
                Report::Checkpoint(data) => report::checkpoint(job, data, given.now),
                Report::Custom(data) => report::custom(job, data, given.now),
                Report::Logs { lines } => report::logs(job, *lines, given.now),
                Report::Keepalive => report::keepalive(job, given.now),
                Report::Complete(result) => finish::complete(job, result, given.now),
                Report::Fail { error, retryable, retry_after_ms } => {
                    finish::fail(job, error, *retryable, *retry_after_ms, given)
                }
            }
        }
        Command::Kill { data } => kill::kill(job, data, given.now),
        Command::Requeue => kill::requeue(job, given.now),
        Command::Edit(edit) => create::edit(job, edit, given.now),
        Command::Erase => kill::erase(job, given.now),
        Command::CallbackTried(tried) => Ok(callback::tried(job, tried, given)),
        Command::ResendCallback => callback::resend(job, given.now),
        Command::Tick => Ok(tick::tick(job, given)),
    }
}

/// The first row of the table: a job comes into being.
pub fn create(id: JobId, space: SpaceNo, new: &NewJob, now: Millis) -> Transition {
    create::create(id, space, new, now)
}
