//! What clients were told, and what must therefore be true of the store.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emit_core::{DeliveryId, EventType, Job, JobId, RawJson, Recorded, Refusal, SpaceNo, Status};
use emit_store::{ListQuery, Reader, Space};

/// Something a 2xx has promised.
#[derive(Debug)]
struct Promise {
    space: SpaceNo,
    seq: i64,
    job: JobId,
    kind: EventType,
    data: Option<RawJson>,
}

#[derive(Default)]
struct Entries {
    promises: Vec<Promise>,
    /// Bodies of refused requests: kept nowhere.
    refused: HashSet<RawJson>,
    deliveries: HashSet<DeliveryId>,
    jobs: Vec<JobId>,
    bodies: u64,
    /// By the hash of their secrets: whether they are good, where that is known.
    keys: Vec<([u8; 32], Option<bool>)>,
    /// Polls that wait, since which turn, where, and for which names.
    polls: HashMap<u64, (u64, SpaceNo, Vec<Arc<str>>)>,
}

/// Shared by all clients of one world, over all its crashes.
#[derive(Default)]
pub(super) struct Journal(Mutex<Entries>);

impl Journal {
    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A body that no other call sends.
    pub(super) fn body(&self) -> RawJson {
        let mut entries = self.entries();
        entries.bodies += 1;
        format!("{{\"body\":{}}}", entries.bodies).as_str().into()
    }

    pub(super) fn promise(
        &self,
        space: SpaceNo,
        seq: i64,
        job: JobId,
        kind: EventType,
        data: Option<RawJson>,
    ) {
        self.entries().promises.push(Promise { space, seq, job, kind, data });
    }

    pub(super) fn made(&self, job: JobId) {
        self.entries().jobs.push(job);
    }

    /// One of the latest jobs.
    pub(super) fn some_job(&self, pick: usize) -> Option<JobId> {
        let entries = self.entries();
        let latest = entries.jobs.len().min(30);
        (latest > 0).then(|| entries.jobs[entries.jobs.len() - 1 - pick % latest])
    }

    pub(super) fn key_made(&self, hash: [u8; 32]) {
        self.entries().keys.push((hash, Some(true)));
    }

    /// From now on it may be good or not.
    pub(super) fn key_is_going(&self, hash: [u8; 32]) {
        self.note_key(hash, None);
    }

    pub(super) fn key_is_gone(&self, hash: [u8; 32]) {
        self.note_key(hash, Some(false));
    }

    fn note_key(&self, hash: [u8; 32], is_good: Option<bool>) {
        self.entries()
            .keys
            .iter_mut()
            .filter(|(known, _)| *known == hash)
            .for_each(|(_, known)| *known = is_good);
    }

    /// One of the latest keys.
    pub(super) fn some_key(&self, pick: usize) -> Option<([u8; 32], Option<bool>)> {
        let entries = self.entries();
        let latest = entries.keys.len().min(4);
        (latest > 0).then(|| entries.keys[entries.keys.len() - 1 - pick % latest])
    }

    /// Only one refusal leaves open whether it happened.
    pub(super) fn refused(&self, body: RawJson, why: &Refusal) {
        if *why != Refusal::OutcomeUnknown {
            self.entries().refused.insert(body);
        }
    }

    /// A delivery goes to one worker.
    pub(super) fn delivered(&self, delivery: DeliveryId) {
        assert!(self.entries().deliveries.insert(delivery), "{delivery} was handed out twice");
    }

    pub(super) fn waits(&self, turn: u64, space: SpaceNo, names: Vec<Arc<str>>) -> u64 {
        let mut entries = self.entries();
        entries.bodies += 1;
        let id = entries.bodies;
        entries.polls.insert(id, (turn, space, names));
        id
    }

    pub(super) fn waits_no_more(&self, id: u64) {
        self.entries().polls.remove(&id);
    }

    /// No poll waits while there is something for it: asked after a turn that went well.
    pub(super) fn nobody_is_forgotten(&self, reader: &mut dyn Reader, spaces: &[Space], turn: u64, now: i64) {
        let entries = self.entries();
        for space in spaces {
            let mut waiting =
                entries.polls.values().filter(|(since, no, _)| *since < turn && *no == space.no);
            let Some((since, ..)) = waiting.next() else { continue };
            let space = reader.space(space.id).unwrap().unwrap();
            if space.paused {
                continue;
            }
            for (job, _) in all_jobs(reader, &space, &[Status::Pending]) {
                let is_there = job.available && job.expires_at.is_none_or(|at| at > now);
                let wanted = entries.polls.values().any(|(since, no, names)| {
                    *since < turn && *no == space.no && (names.is_empty() || names.contains(&job.spec.name))
                });
                assert!(!(is_there && wanted), "{} is there, and a poll waits since turn {since}", job.id);
            }
        }
    }

    /// Everything promised is there, nothing refused is, and rows, events and counts tell one story.
    pub(super) fn audit(&self, reader: &mut dyn Reader) -> usize {
        let entries = self.entries();
        let mut checked = 0;
        for space in reader.spaces(None, 100).unwrap() {
            let events = all_events(reader, &space);
            check_numbers(&space, &events);
            let mut bodies = HashSet::new();
            for event in &events {
                let Some(data) = event.event.data.as_ref().filter(|data| data.starts_with("{\"body\":"))
                else {
                    continue;
                };
                assert!(bodies.insert(data.clone()), "{data} was written twice");
                assert!(!entries.refused.contains(data), "{data} was refused and is there");
            }
            for promise in entries.promises.iter().filter(|promise| promise.space == space.no) {
                // What retention has dropped nobody can ask for.
                let Ok(index) = usize::try_from(promise.seq - space.oldest_seq) else { continue };
                let event = events.get(index).unwrap_or_else(|| panic!("lost: {promise:?}"));
                assert_eq!((event.job_id, event.event.kind), (promise.job, promise.kind), "{promise:?}");
                let erased = event.event.data.as_deref() == Some("null");
                assert!(erased || promise.data.is_none() || promise.data == event.event.data, "{promise:?}");
            }
            self.check_rows(&entries, reader, &space, &events);
            checked += events.len();
        }
        checked
    }

    fn check_rows(&self, entries: &Entries, reader: &mut dyn Reader, space: &Space, events: &[Recorded]) {
        let mut last: HashMap<JobId, &Recorded> = HashMap::new();
        for event in events {
            let before = last.insert(event.job_id, event);
            let follows = before.map_or(event.prev < space.oldest_seq, |before| event.prev == before.seq);
            assert!(follows, "{event:?}");
        }
        let (mut counts, mut keys) = ([0; 7], HashSet::new());
        for (job, payload) in all_jobs(reader, space, &[]) {
            let key = job.spec.idempotency_key.clone();
            assert!(key.is_none_or(|key| keys.insert(key)), "two jobs under one idempotency key: {job:?}");
            match last.remove(&job.id) {
                Some(event) => assert_eq!((job.seq, job.status), (event.seq, event.event.status), "{job:?}"),
                None => {
                    assert!(job.seq < space.oldest_seq && !job.status.is_terminal(), "{job:?} has no event")
                }
            }
            assert!(payload.is_none_or(|payload| !entries.refused.contains(&payload)), "refused: {job:?}");
            counts[job.status as usize] += 1;
        }
        for event in last.values() {
            assert_eq!(event.event.kind, EventType::Erased, "the job of {event:?} is gone");
        }
        assert_eq!(counts, space.counts);
    }
}

fn check_numbers(space: &Space, events: &[Recorded]) {
    assert_eq!(events.len() as i64, space.seq + 1 - space.oldest_seq, "as many events as numbers");
    for (index, event) in events.iter().enumerate() {
        assert_eq!(event.seq, index as i64 + space.oldest_seq);
        assert!(index == 0 || events[index - 1].at <= event.at, "the time falls at {}", event.seq);
    }
}

pub(super) fn all_events(reader: &mut dyn Reader, space: &Space) -> Vec<Recorded> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(0, |last| last.seq);
        let page = reader.space_events(space.no, after, 1_000, usize::MAX).unwrap().unwrap();
        events.extend(page.events);
        if !page.more {
            return events;
        }
    }
}

/// All jobs of a space in these statuses, with their payloads.
pub(super) fn all_jobs(
    reader: &mut dyn Reader,
    space: &Space,
    statuses: &[Status],
) -> Vec<(Job, Option<RawJson>)> {
    let mut jobs = Vec::new();
    let statuses = statuses.to_vec();
    let mut query = ListQuery { statuses, limit: 1_000, payloads: true, ..ListQuery::default() };
    loop {
        let page = reader.jobs(space.id, &query, usize::MAX).unwrap().unwrap();
        query.before = page.jobs.last().map(|(job, _)| job.no);
        jobs.extend(page.jobs.into_iter().map(|(job, contents)| (job, contents.payload)));
        if !page.more {
            return jobs;
        }
    }
}
