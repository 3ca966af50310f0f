//! Creating jobs: all of an array or none, idempotency, `maxPending`.

use std::collections::HashMap;
use std::sync::Arc;

use emit_core::{NewJob, Refusal, SpaceId, limits};
use emit_store::{Contents, Remembered, Space};

use super::batch::{Batch, Outcome, Stop, done};
use super::work::Reply;
use super::{Caller, Created};

/// What becomes of one item.
enum Item {
    New,
    /// The same key and body earlier in this array.
    SameAs(usize),
    /// A job that was there before.
    Known(Box<emit_core::Job>),
}

pub(super) fn create(
    batch: &mut Batch<'_>,
    space: SpaceId,
    jobs: Vec<NewJob>,
    reply: Reply<Vec<Created>>,
) -> Result<(), emit_store::StoreError> {
    batch.run(reply, |batch| {
        let space = batch.space(space)?;
        let items = sort_out(batch, &space, &jobs)?;
        make_room(batch, &space, items.iter().filter(|item| matches!(item, Item::New)).count())?;
        let mut made: Vec<(Outcome, Contents, bool)> = Vec::with_capacity(jobs.len());
        for (item, new) in items.into_iter().zip(&jobs) {
            made.push(match item {
                Item::New => {
                    let contents = Contents { payload: new.payload.clone(), ..Contents::default() };
                    (batch.create(space.no, new), contents, false)
                }
                Item::SameAs(first) => {
                    let (outcome, contents, _) = made[first].clone();
                    (outcome, contents, true)
                }
                Item::Known(job) => {
                    let contents = batch.contents_of(&job)?;
                    (Outcome::Unchanged(job), contents, true)
                }
            });
        }
        Ok(Box::new(move |written| {
            Ok(made
                .into_iter()
                .map(|(outcome, contents, replayed)| Created {
                    done: done(outcome, space.id, contents)(written),
                    replayed,
                })
                .collect())
        }))
    })
}

/// Decides for every item whether it is new, before any is made.
fn sort_out(batch: &mut Batch<'_>, space: &Space, jobs: &[NewJob]) -> Result<Vec<Item>, Stop> {
    let known = remembered(batch, space, jobs)?;
    let mut first_with: HashMap<Arc<str>, usize> = HashMap::new();
    let mut items = Vec::with_capacity(jobs.len());
    for (index, new) in jobs.iter().enumerate() {
        let Some(key) = &new.spec.idempotency_key else {
            items.push(Item::New);
            continue;
        };
        let mismatch = Refusal::IdempotencyMismatch { item: index };
        if let Some(&first) = first_with.get(key) {
            if jobs[first].fingerprint != new.fingerprint {
                return Err(mismatch.into());
            }
            items.push(Item::SameAs(first));
            continue;
        }
        first_with.insert(key.clone(), index);
        items.push(match known.get(key) {
            Some(known) if known.fingerprint != new.fingerprint => return Err(mismatch.into()),
            Some(known) => Item::Known(Box::new(batch.job(Caller::default(), known.job)?)),
            None => Item::New,
        });
    }
    Ok(items)
}

/// What the keys of these jobs stand for already.
fn remembered(
    batch: &mut Batch<'_>,
    space: &Space,
    jobs: &[NewJob],
) -> Result<HashMap<Arc<str>, Remembered>, Stop> {
    let keys: Vec<Arc<str>> = jobs.iter().filter_map(|new| new.spec.idempotency_key.clone()).collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    // A neighbour in this batch may just have used one.
    batch.write()?;
    let known = batch.writer.remembered(space.no, &keys, batch.now - limits::IDEMPOTENCY_MS)?;
    Ok(keys.into_iter().zip(known).filter_map(|(key, known)| Some((key, known?))).collect())
}

/// `maxPending` counts what waits; what does not fit whole is refused.
fn make_room(batch: &mut Batch<'_>, space: &Space, new: usize) -> Result<(), Stop> {
    let Some(max) = space.max_pending else { return Ok(()) };
    batch.write()?;
    let waiting = batch.space(space.id)?.waiting();
    if new > 0 && waiting + new as i64 > max {
        return Err(Refusal::QueueFull.into());
    }
    Ok(())
}
