//! Commands for one job: reports, and what operators do to it.

use std::sync::Arc;

use emit_core::callback::Tried;
use emit_core::command::Fence;
use emit_core::{Command, DeliveryId, JobId, Refusal, Report};
use emit_store::{Contents, StoreError};

use super::batch::{Batch, Outcome, Stop, done};
use super::work::Reply;
use super::{Caller, Done, Engine, Polled, ReportCall};

pub(super) fn report(
    batch: &mut Batch<'_>,
    caller: Caller,
    call: ReportCall,
    reply: Reply<Done>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let (outcome, space) = take_report(batch, caller, call)?;
        Ok(Box::new(move |written| Ok(done(outcome, space, Contents::default())(written))))
    })
}

/// Many reports, each of which stands alone.
pub(super) fn reports(
    batch: &mut Batch<'_>,
    caller: Caller,
    calls: Vec<ReportCall>,
    reply: Reply<Vec<Result<Done, Refusal>>>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let mut taken = Vec::with_capacity(calls.len());
        for call in calls {
            taken.push(match take_report(batch, caller, call) {
                Ok(taken) => Ok(taken),
                Err(Stop::Refused(refusal)) => Err(refusal),
                Err(failed) => return Err(failed),
            });
        }
        Ok(Box::new(move |written| {
            Ok(taken
                .into_iter()
                .map(|item| item.map(|(outcome, space)| done(outcome, space, Contents::default())(written)))
                .collect())
        }))
    })
}

fn take_report(
    batch: &mut Batch<'_>,
    caller: Caller,
    call: ReportCall,
) -> Result<(Outcome, emit_core::SpaceId), Stop> {
    let job = batch.job(caller, call.job)?;
    let space = batch.space_of(&job)?;
    let command = Command::Report { fence: call.fence, report: call.report };
    Ok((batch.apply(&job, &command, call.logs, space.max_deliveries)?, space.id))
}

/// Kill, requeue, edit, erase.
pub(super) fn single(
    batch: &mut Batch<'_>,
    caller: Caller,
    id: JobId,
    command: Command,
    reply: Reply<Done>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let job = batch.job(caller, id)?;
        let space = batch.space_of(&job)?;
        let outcome = batch.apply(&job, &command, Vec::new(), space.max_deliveries)?;
        let after = batch.written_job(&outcome)?;
        let contents = batch.contents_of(&after)?;
        Ok(Box::new(move |written| Ok(done(outcome, space.id, contents)(written))))
    })
}

/// One pending job by its id.
pub(super) fn claim(
    batch: &mut Batch<'_>,
    caller: Caller,
    id: JobId,
    worker: Option<Arc<str>>,
    engine: Engine,
    reply: Reply<Polled>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let job = batch.job(caller, id)?;
        let space = batch.space_of(&job)?;
        if space.paused {
            return Err(Refusal::SpacePaused(job.status).into());
        }
        let command = Command::Deliver { delivery: batch.fresh_id(), worker, auto_ack: false };
        let outcome = batch.apply(&job, &command, Vec::new(), space.max_deliveries)?;
        let after = batch.written_job(&outcome)?;
        let contents = batch.contents_of(&after)?;
        Ok(Box::new(move |written| {
            Ok(Polled { jobs: vec![done(outcome, space.id, contents)(written)], engine })
        }))
    })
}

/// How a try to tell a job's end went. Nobody waits for the job: its contents are not read.
pub(super) fn callback_tried(
    batch: &mut Batch<'_>,
    id: JobId,
    tried: Box<Tried>,
    reply: Reply<()>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let job = batch.job(Caller::default(), id)?;
        batch.apply(&job, &Command::CallbackTried(tried), Vec::new(), None)?;
        Ok(Box::new(|_| Ok(())))
    })
}

/// Jobs whose poll was never written out: back at once, if they are still where the poll left them.
pub(super) fn give_back(batch: &mut Batch<'_>, unseen: Vec<(JobId, DeliveryId)>) -> Result<(), StoreError> {
    for (id, delivery) in unseen {
        let job = match batch.job(Caller::default(), id) {
            Ok(job) => job,
            Err(Stop::Refused(_)) => continue,
            Err(Stop::Failed(error)) => return Err(error),
        };
        let command = Command::Report {
            fence: Some(Fence::Delivery(delivery)),
            report: Report::Release { after_ms: 0 },
        };
        // Refused: somebody has released or ended it since.
        let _ = batch.apply(&job, &command, Vec::new(), None);
    }
    Ok(())
}
