//! Who watches one job while the node lives.

use std::sync::Arc;

use emit_core::{EventType, JobId, Recorded};
use emit_store::Store;

use crate::realtime::Hub;
use crate::realtime::testing::Watcher;

pub(super) struct Follower {
    job: JobId,
    /// What it came too late for, or did not ask for.
    after: i64,
    watcher: Watcher,
    seen: Vec<Recorded>,
    is_over: bool,
}

impl Follower {
    /// `whole`: it asks for what has been.
    pub(super) fn open(hub: &Arc<Hub>, store: &Arc<dyn Store>, job: JobId, whole: bool) -> Option<Follower> {
        let watcher = Watcher::of_job(hub, store, job, whole)?;
        Some(Follower { job, after: watcher.seq(), watcher, seen: Vec::new(), is_over: false })
    }

    pub(super) async fn look(&mut self) {
        if !self.is_over {
            let (taken, is_over) = self.watcher.take().await;
            self.seen.extend(taken);
            self.is_over = is_over;
        }
    }

    /// It saw what happened to its job, in order and without a hole; `all`: until now, or until it was sent away. What
    /// it had not yet taken when its job was erased is gone, but for the erasing itself.
    pub(super) fn check(&self, events: &[Recorded], all: bool) {
        let of_job = |event: &&Recorded| event.job_id == self.job && event.seq > self.after;
        let stored: Vec<_> = events.iter().filter(of_job).collect();
        let numbers = |event: &Recorded| (event.seq, event.event.kind);
        let mut seen: Vec<_> = self.seen.iter().map(numbers).collect();
        if seen.last().is_some_and(|(_, kind)| *kind == EventType::Erased) {
            assert_eq!(seen.pop(), stored.last().map(|event| numbers(event)));
        }
        let happened: Vec<_> = stored.iter().take(seen.len()).map(|event| numbers(event)).collect();
        assert_eq!(seen, happened, "the stream of {}", self.job);
        assert!(
            !all || self.is_over || seen.len() == stored.len(),
            "{} missed {:?}",
            self.job,
            stored.last()
        );
    }
}
