//! Kill or requeue many, the oldest first.

use emit_core::{Command, SpaceId};
use emit_store::{Matching, StoreError};

use super::Bulk;
use super::batch::Batch;
use super::work::Reply;

pub(super) fn bulk(
    batch: &mut Batch<'_>,
    space: SpaceId,
    which: &Matching,
    limit: usize,
    dry_run: bool,
    command: &Command,
    reply: Reply<Bulk>,
) -> Result<(), StoreError> {
    batch.run(reply, |batch| {
        let space = batch.space(space)?;
        batch.write()?;
        let mut jobs = batch.writer.matching(space.no, which, limit + 1)?;
        let more = jobs.len() > limit;
        jobs.truncate(limit);
        let count = jobs.len();
        if !dry_run {
            for job in &jobs {
                batch.apply(job, command, Vec::new(), space.max_deliveries)?;
            }
        }
        Ok(Box::new(move |_| Ok(Bulk { count, more })))
    })
}
