//! The pace of a space, from its newest events.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use emit_api::insight::{Bucket, NameStats, Percentiles, Stats, WorkerSeen};
use emit_core::time::Rfc3339Millis;
use emit_core::{EventType, JobNo, Millis, Recorded, Status};
use emit_store::{ListQuery, Reader, Space};

use super::{EVENTS_MAX, PAGE, ROWS_MAX, SPAN_MS};

/// Parts of the span: as many as a sparkline shows.
const BUCKETS: usize = 60;
/// Rates over less than that would be guesses.
const SPAN_MIN_MS: Millis = 60_000;
/// Bytes of event data of one read: data is not looked at, but comes along.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// Jobs by which workers are known.
const WORKER_JOBS: usize = 200;

/// Reads a space's newest events and jobs and sums them up.
pub(super) fn stats(reader: &mut dyn Reader, space: &Space, now: Millis) -> emit_store::Result<Stats> {
    let events = newest(reader, space)?;
    let oldest = reader.oldest_available(space.no)?;
    let taken = vec![Status::Delivered, Status::Running, Status::Completed, Status::Dead];
    let query = ListQuery { statuses: taken, limit: WORKER_JOBS, ..ListQuery::default() };
    let jobs = reader.jobs(space.id, &query, PAGE_BYTES)?.map(|page| page.jobs).unwrap_or_default();
    let jobs = jobs.iter().filter_map(|(job, _)| {
        Some((
            job.worker_id.clone()?,
            job.updated_at,
            matches!(job.status, Status::Delivered | Status::Running),
        ))
    });
    let recent = &events[events.partition_point(|event| event.at < now - SPAN_MS)..];
    let begin = recent.first().map_or(now, |event| event.at);
    // Where older ones were seen the span is whole; else it is as long as there is something to tell of.
    let older = recent.len() < events.len() || recent.is_empty();
    let from = if older { now - SPAN_MS } else { begin.min(now - SPAN_MIN_MS) };
    let mut sums = Sums::new(from, now.max(from + 1));
    recent.iter().for_each(|event| sums.add(event));
    Ok(Stats {
        from: Rfc3339Millis(from),
        to: Rfc3339Millis(now),
        events: recent.len(),
        names: sums.names(),
        buckets: sums.buckets,
        workers: workers(jobs),
        oldest_pending_at: oldest.map(Rfc3339Millis),
    })
}

/// The newest events, ascending.
fn newest(reader: &mut dyn Reader, space: &Space) -> emit_store::Result<Vec<Recorded>> {
    let mut after = (space.seq - EVENTS_MAX as i64).max(space.oldest_seq - 1);
    let mut events = Vec::new();
    while events.len() < EVENTS_MAX {
        let Some(page) = reader.space_events(space.no, after, PAGE, PAGE_BYTES)? else { break };
        let Some(last) = page.events.last() else { break };
        after = last.seq;
        events.extend(page.events);
        if !page.more {
            break;
        }
    }
    Ok(events)
}

fn workers(jobs: impl Iterator<Item = (Arc<str>, Millis, bool)>) -> Vec<WorkerSeen> {
    let mut seen: BTreeMap<Arc<str>, WorkerSeen> = BTreeMap::new();
    for (worker, at, held) in jobs {
        let known = seen.entry(worker.clone()).or_insert_with(|| WorkerSeen {
            worker_id: worker.to_string(),
            seen_at: Rfc3339Millis(at),
            running: 0,
            jobs: 0,
        });
        known.seen_at = Rfc3339Millis(known.seen_at.0.max(at));
        known.running += usize::from(held);
        known.jobs += 1;
    }
    let mut seen: Vec<WorkerSeen> = seen.into_values().collect();
    seen.sort_by_key(|worker| -worker.seen_at.0);
    seen
}

/// What one name has come to.
#[derive(Default)]
struct Sum {
    total: Bucket,
    run_ms: Vec<Millis>,
    wait_ms: Vec<Millis>,
}

struct Sums {
    from: Millis,
    to: Millis,
    buckets: Vec<Bucket>,
    by_name: HashMap<Arc<str>, Sum>,
    /// Since when a job waits, and since when it runs, where that was seen.
    waiting: HashMap<JobNo, Millis>,
    running: HashMap<JobNo, Millis>,
}

impl Sums {
    fn new(from: Millis, to: Millis) -> Sums {
        let buckets = vec![Bucket::default(); BUCKETS];
        Sums { from, to, buckets, by_name: HashMap::new(), waiting: HashMap::new(), running: HashMap::new() }
    }

    fn add(&mut self, event: &Recorded) {
        use EventType as E;
        let sum = self.by_name.entry(event.job_name.clone()).or_default();
        let part = (event.at - self.from).max(0) * BUCKETS as i64 / (self.to - self.from);
        let bucket = &mut self.buckets[(part as usize).min(BUCKETS - 1)];
        for counts in [bucket, &mut sum.total] {
            match event.event.kind {
                E::Created => counts.created += 1,
                E::Completed => counts.completed += 1,
                E::Retried => counts.retried += 1,
                E::Dead => counts.dead += 1,
                E::Killed => counts.killed += 1,
                _ => {}
            }
        }
        if matches!(event.event.kind, E::Completed | E::Retried | E::Dead)
            && let Some(since) = self.running.remove(&event.job)
        {
            sum.run_ms.push(event.at - since);
        }
        match event.event.kind {
            E::Delivered => sum.wait_ms.extend(self.waiting.remove(&event.job).map(|since| event.at - since)),
            E::Acked => _ = self.running.insert(event.job, event.at),
            E::Created | E::Enqueued | E::Retried | E::Released | E::Requeued | E::DeliveryTimeout
                if event.event.status == Status::Pending =>
            {
                self.waiting.insert(event.job, event.at);
            }
            _ => {}
        }
    }

    fn names(&mut self) -> Vec<NameStats> {
        let mut names: Vec<NameStats> = self
            .by_name
            .drain()
            .map(|(name, mut sum)| NameStats {
                name: name.to_string(),
                run_seconds: percentiles(&mut sum.run_ms),
                wait_seconds: percentiles(&mut sum.wait_ms),
                total: sum.total,
            })
            .collect();
        let busy = |sum: &Bucket| sum.created + sum.completed + sum.retried + sum.dead + sum.killed;
        names.sort_by(|a, b| busy(&b.total).cmp(&busy(&a.total)).then_with(|| a.name.cmp(&b.name)));
        names.truncate(ROWS_MAX);
        names
    }
}

fn percentiles(ms: &mut [Millis]) -> Option<Percentiles> {
    ms.sort_unstable();
    let last = ms.len().checked_sub(1)?;
    let at = |percent: usize| ms[last * percent / 100] as f64 / 1_000.0;
    Some(Percentiles { p50: at(50), p95: at(95), p99: at(99), count: ms.len() })
}

#[cfg(test)]
mod tests {
    use emit_core::Event;
    use emit_core::ids::Id;

    use super::*;

    fn event(job: JobNo, at: Millis, kind: EventType, status: Status) -> Recorded {
        let event = Event { kind, status, data: None };
        Recorded { space: 1, seq: at, prev: 0, at, job, job_id: Id(1), job_name: "a".into(), event }
    }

    #[test]
    fn durations_are_between_a_jobs_own_events() {
        let mut sums = Sums::new(0, 60_000);
        for (job, at, kind, status) in [
            (1, 0, EventType::Created, Status::Pending),
            (2, 500, EventType::Created, Status::Pending),
            (1, 1_000, EventType::Delivered, Status::Delivered),
            (1, 2_000, EventType::Acked, Status::Running),
            (2, 2_500, EventType::Delivered, Status::Delivered),
            (1, 5_000, EventType::Retried, Status::Pending),
            (1, 59_999, EventType::Dead, Status::Dead),
        ] {
            sums.add(&event(job, at, kind, status));
        }
        assert_eq!((sums.buckets[0].created, sums.buckets[5].retried, sums.buckets[59].dead), (2, 1, 1));
        let names = sums.names();
        let (run, wait) = (names[0].run_seconds.as_ref().unwrap(), names[0].wait_seconds.as_ref().unwrap());
        assert_eq!((run.p50, run.count), (3.0, 1));
        assert_eq!((wait.p50, wait.p99, wait.count), (1.0, 1.0, 2));
    }

    #[test]
    fn workers_are_told_apart_the_latest_first() {
        let jobs = [("a", 1, true), ("b", 5, false), ("a", 3, false)];
        let seen = workers(jobs.into_iter().map(|(name, at, held)| (name.into(), at, held)));
        let shown: Vec<_> =
            seen.iter().map(|w| (w.worker_id.as_str(), w.seen_at.0, w.running, w.jobs)).collect();
        assert_eq!(shown, [("b", 5, 0, 1), ("a", 3, 1, 2)]);
    }
}
