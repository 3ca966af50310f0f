//! What a transaction will write: kept in memory until the commit, and seen by everything the transaction reads.
//!
//! Numbers are not known before the lock of the space's row, which is taken last. Until then they are negative:
//! −3 is the third number after the space's counter, whatever that will be. A new job's `no` is its first event's.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use emit_core::callback::CallbackChange;
use emit_core::{Job, JobId, JobNo, Millis, RawJson, Recorded, SpaceNo};

use super::event_key;
use super::spaces::Tally;
use crate::{Change, Contents, Remembered};

/// What becomes of one job.
#[derive(Debug)]
pub(super) struct Entry {
    /// As the last change leaves it.
    pub(super) job: Job,
    /// It has no row yet.
    pub(super) is_new: bool,
    /// Every change so far was a report that leaves the job where it stands.
    pub(super) only_touched: bool,
    /// Its content is to be forgotten.
    pub(super) erase: bool,
    pub(super) payload: Option<RawJson>,
    pub(super) fingerprint: Option<[u8; 32]>,
    pub(super) callback: CallbackChange,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    entries: HashMap<JobId, Entry>,
    /// In the order in which they were first changed.
    order: Vec<JobId>,
    pub(super) tallies: BTreeMap<SpaceNo, Tally>,
    /// What events carry that contents are made of.
    data: HashMap<(SpaceNo, i64), (Millis, RawJson)>,
    keys: HashMap<(SpaceNo, Arc<str>), Remembered>,
}

/// A space's counter and newest time before this transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Base {
    pub(super) seq: i64,
    pub(super) last_at: Millis,
}

impl Pending {
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    pub(super) fn get(&self, id: JobId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// All that is changed, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> + Clone {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    pub(super) fn remembered(&self, space: SpaceNo, key: &Arc<str>) -> Option<&Remembered> {
        self.keys.get(&(space, key.clone()))
    }

    /// Gives the change's events their relative numbers, and takes note of the rest.
    pub(super) fn take(&mut self, now: Millis, change: &mut Change) {
        let no = change.job.space;
        let is_new = change.before.is_none();
        let tally = self.tallies.entry(no).or_default();
        if is_new {
            change.job.no = -(tally.events + 1);
        }
        change.recorded.clear();
        for event in &change.events {
            tally.events += 1;
            let prev = change.job.seq;
            let seq = -tally.events;
            change.job.note(event.kind, seq);
            if let Some(data) = &event.data {
                self.data.insert((no, seq), (now, data.clone()));
            }
            change.recorded.push(Recorded {
                space: no,
                seq,
                prev,
                at: now,
                job: change.job.no,
                job_id: change.job.id,
                job_name: change.job.spec.name.clone(),
                event: event.clone(),
            });
        }
        let after = (!change.erase).then_some(change.job.status);
        if change.before != after {
            if let Some(before) = change.before {
                tally.counts[before as usize] -= 1;
            }
            if let Some(after) = after {
                tally.counts[after as usize] += 1;
            }
        }
        if let (Some(key), Some(fingerprint)) = (&change.job.spec.idempotency_key, change.fingerprint) {
            self.keys.insert((no, key.clone()), Remembered { fingerprint, job: change.job.id });
        }
        self.enter(change, is_new);
    }

    fn enter(&mut self, change: &Change, is_new: bool) {
        let only_touched = change.only_touches();
        let entry = self.entries.entry(change.job.id).or_insert_with(|| {
            self.order.push(change.job.id);
            Entry {
                job: change.job.clone(),
                is_new,
                only_touched: true,
                erase: false,
                payload: None,
                fingerprint: None,
                callback: CallbackChange::Keep,
            }
        });
        entry.job.clone_from(&change.job);
        entry.only_touched &= only_touched;
        entry.erase |= change.erase;
        if change.callback != CallbackChange::Keep {
            entry.callback.clone_from(&change.callback);
        }
        if change.payload.is_some() {
            entry.payload.clone_from(&change.payload);
        }
        entry.fingerprint = entry.fingerprint.or(change.fingerprint);
    }

    /// Lays what is pending over what was read.
    pub(super) fn complete(&self, job: &Job, contents: &mut Contents) {
        if let Some(payload) = self.entries.get(&job.id).and_then(|entry| entry.payload.as_ref()) {
            contents.payload = Some(payload.clone());
        }
        if job.progress_seq.is_none() {
            (contents.progress_at, contents.progress) = (None, None);
        }
        if job.result_seq.is_none() {
            contents.result = None;
        }
        let data = |seq: Option<i64>| {
            seq.filter(|seq| *seq < 0).and_then(|seq| self.data.get(&(job.space, seq))).cloned()
        };
        if let Some((at, progress)) = data(job.progress_seq) {
            contents.progress_at = Some(at);
            contents.progress = Some(progress);
        }
        if let Some((_, checkpoint)) = data(job.checkpoint_seq) {
            contents.checkpoint = Some(checkpoint);
        }
        if let Some((_, result)) = data(job.result_seq) {
            contents.result = Some(result);
        }
    }
}

/// Puts the real numbers in the place of the relative ones.
pub(super) fn settle(change: &mut Change, base: Base) {
    let absolute = |number: i64| if number < 0 { base.seq - number } else { number };
    let space = change.job.space;
    let job_no = |no: JobNo| if no < 0 { event_key(space, base.seq - no) } else { no };
    let job = &mut change.job;
    job.no = job_no(job.no);
    job.seq = absolute(job.seq);
    for number in [&mut job.progress_seq, &mut job.checkpoint_seq, &mut job.result_seq] {
        *number = number.map(absolute);
    }
    for event in &mut change.recorded {
        event.seq = absolute(event.seq);
        event.prev = absolute(event.prev);
        event.job = job_no(event.job);
        event.at = event.at.max(base.last_at);
    }
}
