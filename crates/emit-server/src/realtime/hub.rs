//! The hub: committed events in, wake-ups out. The engine publishes, watchers take at their own pace.
//!
//! Nothing waits in here for a socket or a store, and nobody's slowness reaches anybody else: a watcher is a cursor,
//! and one whose cursor falls behind reads the store.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::Duration;

use emit_core::{JobId, Recorded, SpaceNo, TokenId};
use tokio::sync::watch;
use tokio::time::Instant;

use super::bell::Bell;
use super::registry::Registry;
use super::ring::Of;
use super::seat::{Seat, lock};
use super::topic::Topic;

/// What somebody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// All jobs of a space.
    Space(SpaceNo),
    /// One job.
    Job(JobId),
}

/// All topics that are being watched on this node, and all open streams.
#[derive(Debug)]
pub struct Hub {
    topics: Mutex<Topics>,
    /// Topics: with none, publishing is one load.
    watched: AtomicUsize,
    /// Deleted spaces since the start: tells a subscriber that what it has read may be outdated.
    deletions: AtomicU64,
    bell: Arc<Bell>,
    bell_runs: Once,
    drain_followed: Once,
    pub(super) registry: Registry,
}

#[derive(Debug, Default)]
struct Topics {
    spaces: HashMap<SpaceNo, Arc<Topic>>,
    jobs: HashMap<JobId, Arc<Topic>>,
    /// With other nodes on the store: up to which number each space's events have come by here without a gap.
    reached: Option<HashMap<SpaceNo, i64>>,
}

/// How far a space's watchers on this node are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Position {
    /// Nobody watches it.
    Unwatched,
    /// Somebody does, but nothing has come by yet.
    Unknown,
    /// Everything up to this number has come by.
    At(i64),
}

impl Topics {
    fn of_space(&self, no: SpaceNo) -> impl Iterator<Item = &Arc<Topic>> {
        let jobs = self.jobs.values().filter(move |topic| topic.space() == no);
        self.spaces.get(&no).into_iter().chain(jobs)
    }

    /// Of a commit's events in one space those that are next. After a gap none is: other nodes have filled it, and
    /// all of it will be fetched.
    fn in_turn<'a>(&mut self, run: &'a [Recorded]) -> &'a [Recorded] {
        let (Some(reached), Some(first), Some(last)) = (&mut self.reached, run.first(), run.last()) else {
            return run;
        };
        let at = *reached.get(&first.space).unwrap_or(&(first.seq - 1));
        if first.seq > at + 1 {
            return &[];
        }
        reached.insert(first.space, last.seq.max(at));
        &run[run.partition_point(|event| event.seq <= at)..]
    }
}

impl Hub {
    /// A hub that nobody watches yet.
    pub fn new() -> Hub {
        Hub {
            topics: Mutex::default(),
            watched: AtomicUsize::new(0),
            deletions: AtomicU64::new(0),
            bell: Arc::default(),
            bell_runs: Once::new(),
            drain_followed: Once::new(),
            registry: Registry::default(),
        }
    }

    /// A hub on one of several nodes: see `in_turn`.
    pub(crate) fn of_many() -> Hub {
        let hub = Hub::new();
        lock(&hub.topics).reached = Some(HashMap::new());
        hub
    }

    /// Takes the events of a commit, in the order of their numbers within each space. Called by the engine's
    /// thread after each commit: nothing is encoded here, and with no watchers it is one load.
    pub fn publish(&self, events: &[Recorded]) {
        if self.watched.load(Ordering::SeqCst) == 0 {
            return;
        }
        let now = Instant::now();
        let mut touched: Vec<Arc<Topic>> = Vec::new();
        {
            let mut topics = lock(&self.topics);
            for run in events.chunk_by(|one, next| one.space == next.space) {
                let run = topics.in_turn(run);
                if let Some(topic) = run.first().and_then(|first| topics.spaces.get(&first.space)) {
                    topic.append(run, now);
                    touched.push(topic.clone());
                }
                if topics.jobs.is_empty() {
                    continue;
                }
                for event in run {
                    let Some(topic) = topics.jobs.get(&event.job_id) else { continue };
                    topic.append([event], now);
                    touched.push(topic.clone());
                }
            }
        }
        // Twice for the same topic does no harm: the first one arms it.
        for topic in touched {
            topic.announce(&self.bell, now);
        }
    }

    /// How far a space's watchers are.
    pub(crate) fn position(&self, no: SpaceNo) -> Position {
        let topics = lock(&self.topics);
        if topics.of_space(no).next().is_none() {
            return Position::Unwatched;
        }
        let at = topics.reached.as_ref().and_then(|reached| reached.get(&no));
        at.map_or(Position::Unknown, |at| Position::At(*at))
    }

    /// The spaces that are watched here; what was known of others is forgotten.
    pub(crate) fn followed(&self) -> HashSet<SpaceNo> {
        let mut topics = lock(&self.topics);
        let jobs = topics.jobs.values().map(|topic| topic.space()).filter(|no| *no != 0);
        let followed: HashSet<SpaceNo> = topics.spaces.keys().copied().chain(jobs).collect();
        if let Some(reached) = &mut topics.reached {
            reached.retain(|no, _| followed.contains(no));
        }
        followed
    }

    /// Takes a space's next events as they were read from the store.
    pub(crate) fn catch_up(&self, no: SpaceNo, events: &[Recorded]) {
        if let (Some(first), Some(reached)) = (events.first(), &mut lock(&self.topics).reached) {
            // What retention dropped in between nobody can be given.
            let at = reached.entry(no).or_insert(first.seq - 1);
            *at = (first.seq - 1).max(*at);
        }
        self.publish(events);
    }

    /// Events up to that number may have happened unseen, in a space of which nothing newer has come by.
    pub(crate) fn begin_at(&self, no: SpaceNo, seq: i64) {
        let topics: Vec<Arc<Topic>> = {
            let mut topics = lock(&self.topics);
            let Some(reached) = &mut topics.reached else { return };
            let at = reached.entry(no).or_insert(seq);
            *at = seq.max(*at);
            topics.of_space(no).cloned().collect()
        };
        let now = Instant::now();
        for topic in topics {
            topic.begin_at(seq);
            topic.announce(&self.bell, now);
        }
    }

    /// The keys of all open streams.
    pub(crate) fn keys(&self) -> HashSet<TokenId> {
        self.registry.keys()
    }

    /// A space was deleted: its streams close with 4404, and its events leave memory.
    pub fn space_deleted(&self, no: SpaceNo) {
        // First the count, then the topics: a subscriber that comes in between sees at least one of them.
        self.deletions.fetch_add(1, Ordering::SeqCst);
        let topics: Vec<Arc<Topic>> = {
            let topics = lock(&self.topics);
            topics.of_space(no).cloned().collect()
        };
        let now = Instant::now();
        for topic in topics {
            topic.close(now);
        }
    }

    /// A key was revoked: its streams close with 4401.
    pub fn token_revoked(&self, id: TokenId) {
        self.registry.revoke(id);
    }

    /// A key's end was set (rotated with grace, say): its streams close with 4401 then.
    pub fn token_expires(&self, id: TokenId, after: Duration) {
        self.registry.expire(id, Instant::now() + after);
    }

    /// The server is on its way out: all streams close with 1012, and new ones are refused.
    pub fn drain(&self) {
        self.registry.drain();
    }

    /// Drains when told to. Each stream asks for it as it opens; the first is heard.
    pub(super) fn end_streams_when(self: &Arc<Hub>, mut draining: watch::Receiver<bool>) {
        self.drain_followed.call_once(|| {
            let hub = Arc::downgrade(self);
            tokio::spawn(async move {
                let told = draining.wait_for(|draining| *draining).await.is_ok();
                if let Some(hub) = hub.upgrade().filter(|_| told) {
                    hub.drain();
                }
            });
        });
    }

    /// How many streams are open.
    pub fn open_streams(&self) -> usize {
        self.registry.len()
    }

    /// Watches a subject. What was committed before is in the store, what is published from now on in the topic:
    /// subscribe first, then read.
    pub(super) fn subscribe(self: &Arc<Hub>, subject: Subject, seat: Arc<Seat>) -> Subscription {
        self.bell_runs.call_once(|| {
            tokio::spawn(self.bell.clone().run());
        });
        let deletions = self.deletions.load(Ordering::SeqCst);
        let mut topics = lock(&self.topics);
        if let Subject::Space(no) = subject
            && topics.of_space(no).next().is_none()
        {
            // Nobody has followed it until now: what is known of it may be old.
            if let Some(reached) = &mut topics.reached {
                reached.remove(&no);
            }
        }
        let new = |of| {
            self.watched.fetch_add(1, Ordering::SeqCst);
            Arc::new(Topic::new(of, Instant::now()))
        };
        let topic = match subject {
            Subject::Space(no) => topics.spaces.entry(no).or_insert_with(|| {
                let topic = new(Of::Space);
                topic.set_space(no);
                topic
            }),
            Subject::Job(id) => topics.jobs.entry(id).or_insert_with(|| new(Of::Job)),
        };
        topic.sit(&seat);
        Subscription { hub: self.clone(), subject, topic: topic.clone(), seat, deletions }
    }
}

impl Default for Hub {
    fn default() -> Hub {
        Hub::new()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.bell.close();
    }
}

/// A watcher's hold on a topic, which lives as long as one of these does.
#[derive(Debug)]
pub(super) struct Subscription {
    hub: Arc<Hub>,
    pub(super) subject: Subject,
    pub(super) topic: Arc<Topic>,
    pub(super) seat: Arc<Seat>,
    deletions: u64,
}

impl Subscription {
    /// Says which space the job belongs to, so that the deletion of that space closes the stream. `false`: some
    /// space was deleted meanwhile, so what was read may be outdated; read again.
    pub(super) fn belongs_to(&mut self, space: SpaceNo) -> bool {
        self.topic.set_space(space);
        let deletions = self.hub.deletions.load(Ordering::SeqCst);
        std::mem::replace(&mut self.deletions, deletions) == deletions
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = lock(&self.hub.topics);
        if !self.topic.leave(&self.seat) {
            return;
        }
        let gone = match self.subject {
            Subject::Space(no) => topics.spaces.remove(&no),
            Subject::Job(id) => topics.jobs.remove(&id),
        };
        if gone.is_some() && self.hub.watched.fetch_sub(1, Ordering::SeqCst) == 1 {
            // From here on nothing is taken note of.
            topics.reached.iter_mut().for_each(HashMap::clear);
        }
    }
}

#[cfg(test)]
mod tests {
    use emit_core::EventType;

    use super::super::ring::Taken;
    use super::super::testing::{event, job_id};
    use super::*;

    fn seat() -> Arc<Seat> {
        Arc::new(Seat::new(None, None))
    }

    #[tokio::test]
    async fn a_topic_lives_as_long_as_its_watchers() {
        let hub = Arc::new(Hub::new());
        let (one, two) = (hub.subscribe(Subject::Space(1), seat()), hub.subscribe(Subject::Space(1), seat()));
        assert_eq!(hub.watched.load(Ordering::SeqCst), 1);
        drop(one);
        assert_eq!(hub.watched.load(Ordering::SeqCst), 1);
        hub.publish(&[event(1, 0, 1, EventType::Created, None)]);
        assert!(matches!(two.topic.take(0, true, Instant::now()), Taken::Stretch(..)));
        drop(two);
        assert_eq!(hub.watched.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn each_topic_gets_its_own_events() {
        let hub = Arc::new(Hub::new());
        let space = hub.subscribe(Subject::Space(1), seat());
        let job = hub.subscribe(Subject::Job(job_id(2)), seat());
        let kind = EventType::Custom;
        hub.publish(&[event(1, 0, 1, kind, None), event(2, 0, 2, kind, None), event(3, 1, 1, kind, None)]);
        let seqs = |subscription: &Subscription| match subscription.topic.take(0, true, Instant::now()) {
            Taken::Stretch(stretch, _) => stretch.events().map(|event| event.seq).collect(),
            _ => vec![],
        };
        assert_eq!(seqs(&space), [1, 2, 3]);
        assert_eq!(seqs(&job), [2]);
    }

    #[tokio::test]
    async fn a_deleted_space_closes_its_own_topics_and_makes_others_look_again() {
        let hub = Arc::new(Hub::new());
        let space = hub.subscribe(Subject::Space(1), seat());
        let mut job = hub.subscribe(Subject::Job(job_id(1)), seat());
        let mut other = hub.subscribe(Subject::Job(job_id(2)), seat());
        assert!(job.belongs_to(1));
        hub.space_deleted(1);
        assert!(space.topic.is_gone() && job.topic.is_gone() && !other.topic.is_gone());
        assert!(!other.belongs_to(1), "was read before the deletion, perhaps");
        assert!(other.belongs_to(1));
    }
}
