//! Where to begin the walk to a page in the middle of a long history.
//!
//! An event names only the one before it of its job, which costs no index and one step an event. From the newest
//! event to the first page of a long history that is a long way, and whoever replays it goes it for every page. So
//! each walk leaves landmarks behind, and the next begins at the one above its page. They are hints: what retention
//! has dropped under one is walked to from the newest event again.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use emit_core::JobNo;

/// Events between two landmarks: half a page.
const STRIDE: usize = 500;
/// Jobs whose landmarks are kept, 8 bytes for each [`STRIDE`] of their events; beyond it all are forgotten.
const JOBS: usize = 1_000;

/// The landmarks of all jobs with long histories.
#[derive(Debug, Default)]
pub(crate) struct Landmarks(Mutex<HashMap<JobNo, BTreeSet<i64>>>);

/// One walk from a landmark, or from the newest event, down to a position.
pub(crate) struct Walk {
    /// The number to begin with.
    pub(crate) start: i64,
    /// Landmarks on the way, the next one last.
    known: Vec<i64>,
    steps: usize,
    found: Vec<i64>,
}

impl Walk {
    /// Another event was met.
    pub(crate) fn step(&mut self, seq: i64) {
        if self.known.pop_if(|next| *next >= seq).is_some() {
            self.steps = 0;
            return;
        }
        self.steps += 1;
        if self.steps == STRIDE {
            self.steps = 0;
            self.found.push(seq);
        }
    }
}

impl Landmarks {
    /// The shortest walk known to the first `limit` events after a position: it meets at least one of them, if
    /// there is one. `newest`: the job's last event.
    pub(crate) fn walk(&self, job: JobNo, after: i64, limit: usize, newest: i64) -> Walk {
        let mut walk = Walk { start: newest, known: Vec::new(), steps: 0, found: Vec::new() };
        if let Some(marks) = self.lock().get(&job) {
            let above = marks.range(after.saturating_add(1)..);
            let far_enough = limit.div_ceil(STRIDE);
            walk.start = above.clone().nth(far_enough).copied().unwrap_or(newest);
            walk.known = above.take_while(|seq| **seq < walk.start).copied().collect();
        }
        walk
    }

    /// Keeps what a walk has found.
    pub(crate) fn learn(&self, job: JobNo, walk: Walk) {
        if walk.found.is_empty() {
            return;
        }
        let mut marks = self.lock();
        if marks.len() >= JOBS && !marks.contains_key(&job) {
            marks.clear();
        }
        marks.entry(job).or_default().extend(walk.found);
    }

    /// Nothing known of this job holds any more.
    pub(crate) fn forget(&self, job: JobNo) {
        self.lock().remove(&job);
    }

    /// A panic while it was locked leaves hints: go on.
    fn lock(&self) -> MutexGuard<'_, HashMap<JobNo, BTreeSet<i64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps of a walk to `after` over a history whose events are all even numbers up to `newest`.
    fn walked(marks: &Landmarks, after: i64, newest: i64) -> usize {
        let mut walk = marks.walk(1, after, 1_000, newest);
        let met = (1..).map(|back| walk.start - 2 * (back - 1)).take_while(|seq| *seq > after);
        let met: Vec<i64> = met.collect();
        met.iter().for_each(|seq| walk.step(*seq));
        marks.learn(1, walk);
        met.len()
    }

    /// Replaying a history costs one walk over all of it and a short one for each page, wherever a page begins and
    /// however the history grows meanwhile.
    #[test]
    fn only_the_first_walk_is_long() {
        let marks = Landmarks::default();
        assert_eq!(walked(&marks, 0, 200_000), 100_000);
        for after in (0..200_000).step_by(7_001) {
            let steps = walked(&marks, after, 200_000 + after);
            assert!((1..=5 * STRIDE).contains(&steps), "{steps} to {after}");
        }
        assert!(marks.lock()[&1].len() < 1_000);
    }

    #[test]
    fn a_client_that_follows_the_end_leaves_few_landmarks() {
        let marks = Landmarks::default();
        for newest in (10_000..20_000).step_by(2) {
            assert!(walked(&marks, newest - 20, newest) <= 10);
            assert!(walked(&marks, newest - 3_000, newest) <= 2_500);
        }
        assert!(marks.lock()[&1].len() < 50, "{}", marks.lock()[&1].len());
    }
}
