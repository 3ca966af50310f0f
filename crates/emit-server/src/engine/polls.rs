//! Polls: served in the transaction that makes jobs available, so that create to start costs one commit, one
//! waiter is served per job, and a thousand idle workers do not stampede.

use std::collections::{HashMap, VecDeque};

use emit_core::{Command, Job, Refusal, SpaceNo, limits};
use emit_store::{Contents, Space, StoreError};

use super::Polled;
use super::batch::{Batch, Outcome, done};
use super::work::PollCall;

/// Polls looked at to tell the store how many jobs will be asked for: enough to save it most round trips.
const LOOK_AHEAD: usize = 64;

/// The polls that wait, the longest first, by space.
#[derive(Default)]
pub(super) struct Waiting {
    polls: HashMap<SpaceNo, VecDeque<PollCall>>,
}

impl Waiting {
    /// A poll joins the queue of its space; it is served with the others at the end of the batch.
    pub(super) fn join(&mut self, space: SpaceNo, call: PollCall) {
        self.polls.entry(space).or_default().push_back(call);
    }

    /// Serves what can be served in a space, in order; the others wait on, if they may. After a failure those not
    /// yet served are still here.
    pub(super) fn serve(&mut self, batch: &mut Batch<'_>, no: SpaceNo) -> Result<(), StoreError> {
        let Some(mut calls) = self.polls.remove(&no) else { return Ok(()) };
        let mut still = VecDeque::new();
        let served = serve_in_order(batch, no, &mut calls, &mut still);
        still.append(&mut calls);
        if !still.is_empty() {
            self.polls.insert(no, still);
        }
        served
    }

    /// After a failed batch: who does not wait is answered with the reason.
    pub(super) fn refuse_impatient(&mut self, why: &Refusal) {
        for calls in self.polls.values_mut() {
            let (patient, impatient): (VecDeque<PollCall>, VecDeque<PollCall>) =
                calls.drain(..).partition(|call| call.waits);
            *calls = patient;
            for call in impatient {
                let _ = call.reply.send(Err(why.clone()));
            }
        }
        self.polls.retain(|_, calls| !calls.is_empty());
    }

    /// Forgets polls whose caller has gone; how many are left.
    pub(super) fn forget_gone(&mut self) -> usize {
        self.polls.retain(|_, calls| {
            calls.retain(|call| !call.reply.is_closed());
            !calls.is_empty()
        });
        self.polls.values().map(VecDeque::len).sum()
    }

    /// Everybody is answered with nothing.
    pub(super) fn dismiss(&mut self) {
        for call in self.polls.drain().flat_map(|(_, calls)| calls) {
            let _ = call.reply.send(Ok(Polled { jobs: Vec::new(), engine: call.engine }));
        }
    }

    /// The spaces where somebody waits.
    pub(super) fn spaces(&self) -> Vec<SpaceNo> {
        self.polls.keys().copied().collect()
    }
}

fn serve_in_order(
    batch: &mut Batch<'_>,
    no: SpaceNo,
    calls: &mut VecDeque<PollCall>,
    still: &mut VecDeque<PollCall>,
) -> Result<(), StoreError> {
    batch.write()?;
    let Some(space) = batch.writer.space_numbered(no)? else {
        for call in calls.drain(..) {
            batch.answer(call.reply, |_| Err(Refusal::SpaceNotFound));
        }
        return Ok(());
    };
    // Once a poll for any name got nothing, nothing is there for those after it either.
    let mut empty = space.paused;
    while let Some(call) = calls.front() {
        let is_gone = call.reply.is_closed();
        let taken = if is_gone || empty { Vec::new() } else { take(batch, &space, call, likely(calls))? };
        empty |= !is_gone && taken.is_empty() && call.query.names.is_empty();
        let Some(call) = calls.pop_front() else { break };
        if is_gone {
            continue;
        }
        if taken.is_empty() && call.waits {
            still.push_back(call);
        } else {
            answer(batch, &space, call, taken);
        }
    }
    Ok(())
}

/// How many jobs the first of these polls and those behind it want of the same names.
fn likely(calls: &VecDeque<PollCall>) -> usize {
    let Some(first) = calls.front() else { return 0 };
    let same = calls.iter().take(LOOK_AHEAD).filter(|call| call.query.names == first.query.names);
    same.map(|call| call.query.count).sum()
}

type Taken = Vec<(Outcome, Contents)>;

fn answer(batch: &mut Batch<'_>, space: &Space, call: PollCall, taken: Taken) {
    let id = space.id;
    let engine = call.engine;
    batch.answer(call.reply, move |written| {
        let jobs =
            taken.into_iter().map(|(outcome, contents)| done(outcome, id, contents)(written)).collect();
        Ok(Polled { jobs, engine })
    });
}

/// Delivers up to `count` jobs to one poll, at most about 8 MiB of them.
fn take(batch: &mut Batch<'_>, space: &Space, call: &PollCall, likely: usize) -> Result<Taken, StoreError> {
    let mut taken: Taken = Vec::new();
    let mut bytes_left = limits::ANSWER_BYTES;
    loop {
        let wanted = call.query.count - taken.len();
        if wanted == 0 {
            return Ok(taken);
        }
        let candidates = batch.writer.claimable(space.no, &call.query.names, wanted, likely)?;
        let all_seen = candidates.len() < wanted;
        let contents = batch.writer.contents(&candidates, bytes_left)?;
        let all_read = contents.len() == candidates.len();
        let mut expired = 0;
        for (job, contents) in candidates.iter().zip(contents) {
            if job.expires_at.is_some_and(|at| at <= batch.now) {
                let _ = batch.apply(job, &Command::Tick, Vec::new(), space.max_deliveries);
                expired += 1;
                continue;
            }
            let size = size(job, &contents);
            if !taken.is_empty() && size > bytes_left {
                batch.write()?;
                return Ok(taken);
            }
            bytes_left = bytes_left.saturating_sub(size);
            let command = Command::Deliver {
                delivery: batch.fresh_id(),
                worker: call.query.worker.clone(),
                auto_ack: call.query.auto_ack,
            };
            if let Ok(outcome) = batch.apply(job, &command, Vec::new(), space.max_deliveries) {
                taken.push((outcome, contents));
            }
        }
        // The next query, of this poll or the next one, must not find them again.
        batch.write()?;
        if all_read && (all_seen || expired == 0) {
            return Ok(taken);
        }
    }
}

/// About how long the job will be as JSON.
fn size(job: &Job, contents: &Contents) -> usize {
    1_500 + job.spec.name.len() * 2 + contents.bytes()
}
