//! After the end: telling it to whom the job's creator named.

use crate::apply::Circumstances;
use crate::callback::{CallbackChange, Failure, Tried};
use crate::event::EventType;
use crate::job::Job;
use crate::refusal::Refusal;
use crate::time::Millis;
use crate::transition::Transition;

/// A try was made, whatever has become of the job since. Only while it still is at the end that was told, and nobody
/// has asked for another round, does the try decide about others.
pub(crate) fn tried(job: &Job, tried: &Tried, given: &Circumstances) -> Transition {
    let mut after = job.clone();
    after.updated_at = given.now;
    let mut transition = Transition::to(after);
    let decides = job.status.is_terminal()
        && job.result_seq == Some(tried.end_seq)
        && job.callback_round == tried.round;
    let next_try_at = tried.delay_ms(given.chance).filter(|_| decides).map(|delay| given.now + delay);
    if decides {
        transition.callback = after_try(tried, next_try_at, given.now);
    }
    let url = job.spec.callback.as_ref().map_or("", |callback| callback.shown_url());
    let kind = if tried.succeeded() { EventType::CallbackSent } else { EventType::CallbackFailed };
    transition.event(kind, Some(tried.data(url, next_try_at).into()))
}

fn after_try(tried: &Tried, next_try_at: Option<Millis>, now: Millis) -> CallbackChange {
    if tried.succeeded() {
        return CallbackChange::Forget;
    }
    let failure = Failure { at: now, status_code: tried.status_code, error: tried.error.clone() };
    match next_try_at {
        Some(at) => CallbackChange::Due { tries: tried.number, at, failure: Some(failure) },
        None => CallbackChange::GivenUp { tries: tried.number, failure },
    }
}

/// The end is told anew, with all its tries, whatever came of those before.
pub(crate) fn resend(job: &Job, now: Millis) -> Result<Transition, Refusal> {
    if job.spec.callback.is_none() {
        return Err(Refusal::NoCallback(job.status));
    }
    if !job.status.is_terminal() {
        return Err(Refusal::WrongState(job.status));
    }
    let mut after = job.clone();
    after.callback_round = after.callback_round.wrapping_add(1);
    let mut transition = Transition::to(after);
    transition.callback = CallbackChange::Due { tries: 0, at: now, failure: None };
    Ok(transition)
}
