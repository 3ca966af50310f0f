//! Which space a job belongs to, of those that polls and reports have lately brought before this node. A key of all
//! spaces does not say; and work on another lane than the space's waits there for whoever numbers the space's events.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use emit_core::{JobId, SpaceId};

/// Jobs of a generation, of which there are two: together some 6 MB.
const GENERATION: usize = 50_000;

/// The spaces of the jobs seen last. Forgetting one costs time only.
#[derive(Default)]
pub(super) struct Homes(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: HashMap<JobId, SpaceId>,
    old: HashMap<JobId, SpaceId>,
}

impl Homes {
    /// The job's space, if it is known.
    pub(super) fn of(&self, job: JobId) -> Option<SpaceId> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.young.get(&job).or_else(|| known.old.get(&job)).copied()
    }

    /// Remembers the spaces of these jobs.
    pub(super) fn learn(&self, seen: impl IntoIterator<Item = (JobId, SpaceId)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (job, space) in seen {
            if known.young.len() == GENERATION {
                known.old = std::mem::take(&mut known.young);
            }
            known.young.insert(job, space);
        }
    }
}

#[cfg(test)]
mod tests {
    use emit_core::Report;
    use emit_core::ids::Id;

    use super::super::work::Work;
    use super::super::{Caller, ReportCall};
    use super::*;

    #[test]
    fn a_report_by_a_key_of_all_spaces_goes_to_its_jobs_space() {
        let homes = Homes::default();
        let report = |job| {
            let call = ReportCall { job, fence: None, report: Report::Keepalive, logs: Vec::new() };
            Work::Report { caller: Caller::default(), call, reply: tokio::sync::oneshot::channel().0 }
        };
        homes.learn([(Id(1), Id(7))]);
        assert_eq!(report(Id(1)).home(&homes), Some(Id(7)));
        assert_eq!(report(Id(2)).home(&homes), Some(Id(2)), "of a job nobody knows of: its own");
    }

    #[test]
    fn the_jobs_seen_last_are_known_and_memory_is_bounded() {
        let homes = Homes::default();
        let seen = 10 * GENERATION as u128;
        homes.learn((0..seen).map(|job| (Id(job), Id(job + seen))));

        let recent = seen - GENERATION as u128;
        assert!((recent..seen).all(|job| homes.of(Id(job)) == Some(Id(job + seen))));
        assert_eq!((0..seen).filter(|job| homes.of(Id(*job)).is_some()).count(), 2 * GENERATION);
    }
}
