//! One history: lives of a node one after the other, each ending in a crash, over one store.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use emit_core::{JobId, Millis, Recorded};
use emit_store::conformance::{START, plain};
use emit_store::{Space, Store};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::clients::Client;
use super::faults::{FailingWriter, Faults, Weather};
use super::followers::Follower;
use super::journal::{Journal, all_events, all_jobs};
use super::shared;
use crate::clock::Clock;
use crate::engine::lane::Lane;
use crate::engine::work::Work;
use crate::engine::{Engine, Health, PollQuery};
use crate::fresh::new_space;
use crate::keyring::Keyring;
use crate::realtime::Hub;
use crate::realtime::testing::Watcher;

const CLIENTS: usize = 8;
/// How long each space keeps its events. One drops whatever it may, at once: nobody watches that one.
const RETENTION_DAYS: [i64; 3] = [14, 14, 0];
const WATCHED: usize = 2;
/// Between two turns when nobody asks for anything new.
const AT_REST: Duration = Duration::from_millis(250);

/// What weather a history has.
pub(super) enum Course {
    /// Fine and rough by turns, several lives.
    Random,
    /// This, then fine; one life.
    Aimed(Weather),
}

/// What a history was like.
#[derive(Debug, PartialEq)]
#[allow(dead_code, reason = "printed")]
pub(super) struct Summary {
    pub(super) events: usize,
    pub(super) failed: usize,
    turns: u64,
    lives: usize,
    took: Duration,
}

pub(super) struct World {
    store: Arc<dyn Store>,
    faults: Arc<Faults>,
    journal: Arc<Journal>,
    rng: StdRng,
    spaces: Arc<[Space]>,
    /// What each watcher of a space has seen; it outlives crashes.
    seen: Vec<Vec<Recorded>>,
    turn: Arc<AtomicU64>,
    start: Instant,
}

/// One life of the node.
struct Node {
    engine: Engine,
    lane: Lane,
    incoming: Receiver<Work>,
    clock: Arc<Clock>,
    hub: Arc<Hub>,
    keyring: Arc<Keyring>,
    watchers: Vec<Watcher>,
    /// Of jobs.
    followers: Vec<Follower>,
    clients: JoinSet<()>,
    over: Arc<AtomicBool>,
}

impl World {
    pub(super) async fn play(seed: u64, store: Arc<dyn Store>, course: Course) -> Summary {
        let mut rng = StdRng::seed_from_u64(seed);
        let faults = Faults::new(rng.random());
        let mut writer = store.writer().unwrap();
        writer.begin().unwrap();
        let space = |retention_days| Space { retention_days, ..new_space("simulated", START) };
        let spaces: Arc<[Space]> =
            RETENTION_DAYS.iter().map(|days| writer.insert_space(&space(*days)).unwrap()).collect();
        writer.commit(&mut []).unwrap();
        drop(writer);
        let mut world = World {
            store,
            faults,
            journal: Arc::default(),
            rng,
            seen: vec![Vec::new(); WATCHED],
            spaces,
            turn: Arc::default(),
            start: Instant::now(),
        };
        let lives = if matches!(course, Course::Random) { world.rng.random_range(1..4) } else { 1 };
        let mut events = 0;
        for life in 1..=lives {
            let mut node = world.start_node();
            world.live(&mut node, &course).await;
            if life == lives {
                world.come_to_rest(&mut node).await;
            }
            world.crash(node).await;
            events = world.audit();
        }
        let (failed, took) = (world.faults.failed(), world.start.elapsed());
        Summary { events, failed, turns: world.turn.load(Ordering::Relaxed), lives, took }
    }

    fn start_node(&mut self) -> Node {
        self.faults.restart();
        // Between two lives the wall clock may have been set, in either direction.
        let wall: Millis = START + self.rng.random_range(-5_000..5_000);
        let start = self.start;
        let clock = Arc::new(Clock::reading(move || wall + start.elapsed().as_millis() as Millis));
        let shared = shared(&self.store, clock.clone());
        let (keyring, hub) = (shared.keyring.clone(), shared.hub.clone());
        let writer = FailingWriter { inner: self.store.writer().unwrap(), faults: self.faults.clone() };
        let rng = StdRng::seed_from_u64(self.rng.random());
        let (engine, mut lanes) = Engine::assemble(vec![Box::new(writer)], &shared, rng);
        let (lane, incoming) = lanes.swap_remove(0);
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for part in 0..CLIENTS {
            let client = Client {
                engine: engine.clone(),
                clock: clock.clone(),
                journal: self.journal.clone(),
                faults: self.faults.clone(),
                spaces: self.spaces.clone(),
                rng: StdRng::seed_from_u64(self.rng.random()),
                over: over.clone(),
                turn: self.turn.clone(),
            };
            clients.spawn(client.run(part));
        }
        let mut reader = self.store.reader().unwrap();
        let watchers = self.spaces.iter().zip(&self.seen);
        let watchers = watchers
            .map(|(space, seen)| {
                let now = reader.space(space.id).unwrap().unwrap();
                Watcher::of_space(&hub, &self.store, &now, seen.len() as i64)
            })
            .collect();
        Node { engine, lane, incoming, clock, hub, keyring, watchers, followers: Vec::new(), clients, over }
    }

    async fn live(&mut self, node: &mut Node, course: &Course) {
        if let Course::Aimed(weather) = course {
            self.faults.set(*weather);
        }
        // Aimed at one method, the history must be long enough for it to be called.
        let turns = if matches!(course, Course::Random) { self.rng.random_range(20..70) } else { 100 };
        for _ in 0..turns {
            if matches!(course, Course::Random) && self.rng.random_bool(0.05) {
                let rough = Weather::Rough([0.002, 0.02, 0.5][self.rng.random_range(0..3)]);
                let weather = if self.rng.random_bool(0.5) { Weather::Fine } else { rough };
                self.faults.set(weather);
            }
            self.turn(node).await;
        }
    }

    /// What the lane's thread does, at the pace of a disk that is sometimes slow.
    async fn turn(&mut self, node: &mut Node) {
        let slow = self.rng.random_bool(0.02);
        let pause = if slow { self.rng.random_range(0..3_000) } else { self.rng.random_range(0..30) };
        self.turn_after(node, Duration::from_millis(pause)).await;
    }

    async fn turn_after(&mut self, node: &mut Node, pause: Duration) {
        sleep(pause).await;
        let failed = self.faults.failed();
        let patience = node.lane.patience();
        let first = node.incoming.try_recv().ok();
        if first.is_some() || patience.is_zero() {
            node.lane.turn(first, &node.incoming);
            self.turn.fetch_add(1, Ordering::Relaxed);
            // Those who were answered get to know it.
            tokio::task::yield_now().await;
            if self.faults.has_stopped() {
                assert_eq!(node.engine.health(), Health::Stopped);
            } else if failed == self.faults.failed() {
                self.check_the_waiting(node);
            }
        }
        for (watcher, seen) in node.watchers.iter_mut().zip(&mut self.seen) {
            if self.rng.random_bool(0.3) {
                seen.extend(watcher.take().await.0);
            }
        }
        self.follow(node).await;
        self.use_a_key(node).await;
    }

    /// A key opens while it stands in the store, whatever this node remembers of it, and not once somebody was told
    /// that it is gone.
    async fn use_a_key(&mut self, node: &Node) {
        if !self.rng.random_bool(0.5) {
            return;
        }
        let Some((hash, is_good)) = self.journal.some_key(self.rng.random_range(0..1_000)) else { return };
        let opens = node.keyring.find_by_hash(hash).await.unwrap().is_some();
        let stored = self.store.reader().unwrap().token_by_hash(&hash).unwrap();
        let now = node.clock.now();
        let is_there = stored.is_some_and(|token| token.expires_at.is_none_or(|end| now < end));
        assert_eq!(opens, is_there, "opens, is there");
        assert!(is_good.is_none_or(|is_good| is_good == opens), "told {is_good:?}, and opens: {opens}");
        // Whatever was ready beside the thread that read goes first, so that its pace decides nothing.
        sleep(Duration::from_millis(1)).await;
    }

    /// Now and then somebody comes to watch one of the latest jobs; who is there looks when it likes.
    async fn follow(&mut self, node: &mut Node) {
        if self.rng.random_bool(0.1)
            && let Some(job) = self.journal.some_job(self.rng.random_range(0..1_000))
            && self.is_watched(job)
        {
            let whole = self.rng.random();
            node.followers.extend(Follower::open(&node.hub, &self.store, job, whole));
        }
        for follower in &mut node.followers {
            if self.rng.random_bool(0.3) {
                follower.look().await;
            }
        }
    }

    fn is_watched(&self, job: JobId) -> bool {
        let found = self.store.reader().unwrap().job(job).unwrap();
        found.is_some_and(|found| self.spaces[..WATCHED].iter().any(|space| space.no == found.space.no))
    }

    fn check_followers(&self, node: &Node, all: bool) {
        let mut reader = self.store.reader().unwrap();
        let events = self.spaces.iter().flat_map(|space| all_events(&mut *reader, space)).collect::<Vec<_>>();
        node.followers.iter().for_each(|follower| follower.check(&events, all));
    }

    fn check_the_waiting(&self, node: &Node) {
        let mut reader = self.store.reader().unwrap();
        let turn = self.turn.load(Ordering::Relaxed);
        self.journal.nobody_is_forgotten(&mut *reader, &self.spaces, turn, node.clock.now());
    }

    /// Fine weather, and nobody asks for anything new: every call ends, health returns, timers have run, and who
    /// waits is served.
    async fn come_to_rest(&mut self, node: &mut Node) {
        self.faults.set(Weather::Fine);
        node.over.store(true, Ordering::Relaxed);
        let patience = Instant::now() + Duration::from_secs(90);
        while !node.clients.is_empty() {
            self.turn_after(node, AT_REST).await;
            while let Some(ended) = node.clients.try_join_next() {
                ended.unwrap();
            }
            assert!(Instant::now() < patience, "a call hangs");
        }
        if self.faults.has_stopped() {
            return;
        }
        for _ in 0..20 {
            self.turn_after(node, AT_REST).await;
        }
        assert_eq!(node.engine.health(), Health::Fine);
        let now = node.clock.now();
        let mut reader = self.store.reader().unwrap();
        for space in self.spaces.iter() {
            for (job, _) in all_jobs(&mut *reader, space, &[]) {
                // A retry may come back later than it expires.
                let due = job.due_at().map(|due| due.max(job.updated_at));
                assert!(due.is_none_or(|due| due > now - 1_500), "its time has passed: {job:?}");
            }
        }
        for space in &self.spaces[WATCHED..] {
            let kept = all_events(&mut *reader, space);
            assert!(kept.first().is_none_or(|event| event.at > now - 3_000), "kept too long: {:?}", kept[0]);
        }
        for space in self.spaces.clone().iter() {
            self.serves_a_witness(node, space).await;
        }
        self.watchers_have_seen_all(node).await;
    }

    /// A poll that waits gets the job made next, unless time has just brought it another.
    async fn serves_a_witness(&mut self, node: &mut Node, space: &Space) {
        let id = space.id;
        let engine = node.engine.clone();
        let unpause = async move { engine.update_space(id, Box::new(|space| space.paused = false)).await };
        self.answer(node, unpause).await.unwrap();
        for _ in 0..20 {
            let engine = node.engine.clone();
            let query = PollQuery { count: 50, ..PollQuery::default() };
            let waiting = tokio::spawn(async move { engine.poll(id, query, Duration::from_secs(60)).await });
            self.turn(node).await;
            if waiting.is_finished() {
                waiting.await.unwrap().unwrap().written();
                continue;
            }
            let engine = node.engine.clone();
            let made =
                self.answer(node, async move { engine.create(id, vec![plain("witness")]).await }).await;
            let made = made.unwrap()[0].done.job.id;
            tokio::task::yield_now().await;
            assert!(waiting.is_finished(), "a poll waits although a job was made");
            let polled = waiting.await.unwrap().unwrap();
            if polled.jobs.iter().any(|done| done.job.id == made) {
                return polled.written();
            }
            polled.written();
        }
        panic!("twenty polls got other jobs than the one just made");
    }

    /// What a call answers after as few turns as it needs.
    async fn answer<T: Send + 'static>(
        &mut self,
        node: &mut Node,
        call: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let call = tokio::spawn(call);
        for _ in 0..10 {
            if call.is_finished() {
                break;
            }
            self.turn(node).await;
        }
        assert!(call.is_finished(), "no answer after ten turns");
        call.await.unwrap()
    }

    async fn watchers_have_seen_all(&mut self, node: &mut Node) {
        let mut reader = self.store.reader().unwrap();
        for ((watcher, seen), space) in node.watchers.iter_mut().zip(&mut self.seen).zip(self.spaces.iter()) {
            // The last wake-up may have to wait for its turn.
            for _ in 0..10 {
                seen.extend(watcher.take().await.0);
                sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(seen.len(), all_events(&mut *reader, space).len());
        }
        for follower in &mut node.followers {
            follower.look().await;
        }
        // What was committed unseen, a job's watchers learn with the job's next event.
        self.check_followers(node, !self.faults.has_unseen());
    }

    /// The process is gone: what it had not answered, nobody will.
    async fn crash(&mut self, node: Node) {
        self.check_followers(&node, false);
        node.over.store(true, Ordering::Relaxed);
        let Node { engine, lane, incoming, clients, .. } = node;
        drop((lane, incoming, engine));
        tokio::time::timeout(Duration::from_secs(60), clients.join_all())
            .await
            .expect("a call outlives the crash");
    }

    fn audit(&self) -> usize {
        let mut reader = self.store.reader().unwrap();
        for (space, seen) in self.spaces.iter().zip(&self.seen) {
            let events = all_events(&mut *reader, space);
            assert!(seen.len() <= events.len(), "a watcher saw what is not there");
            for (event, stored) in seen.iter().zip(&events) {
                let same = (event.seq, event.job_id, event.event.kind)
                    == (stored.seq, stored.job_id, stored.event.kind);
                assert!(same, "a watcher saw {event:?}, stored is {stored:?}");
            }
        }
        self.journal.audit(&mut *reader)
    }
}
