//! What one watcher gets next: from the topic's ring as long as it keeps up, from the store when it does not.
//! Replay, reconnecting, slowness and a burst are all this one mechanism.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use emit_core::{Millis, Refusal, View};
use emit_store::EventsPage;
use tokio::time::Instant;

use super::chunk::Stretch;
use super::hub::{Subject, Subscription};
use super::resume::{CaughtUp, Cursor, Over};
use super::ring::{STRETCH_EVENTS, Taken};
use super::seat::Seat;
use crate::app::App;
use crate::metrics::{Behind, STREAMS, Transport};

/// A page of the store: what one lagging connection may hold. The socket takes 16 KiB at once, so that larger
/// pages would only cost memory.
const PAGE_BYTES: usize = 64 << 10;
/// The same for a watcher that has most of it collapsed.
const COLLAPSED_PAGE_BYTES: usize = 256 << 10;

/// A page, or nothing if the subject is gone.
pub(super) type Page = Result<Option<EventsPage>, Refusal>;

/// Where older events come from.
pub(super) trait Pages: Send + Sync + 'static {
    /// The time by the clock that gave the events theirs.
    fn now(&self) -> Millis;

    /// Events after a position, at most `limit` and about `bytes`.
    fn page(
        &self,
        subject: Subject,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = Page> + Send + '_>>;
}

impl Pages for App {
    fn now(&self) -> Millis {
        self.clock.now()
    }

    fn page(
        &self,
        subject: Subject,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = Page> + Send + '_>> {
        Box::pin(self.reads.read(move |reader| match subject {
            Subject::Space(no) => reader.space_events(no, after, limit, bytes),
            Subject::Job(id) => reader.job_events(id, after, limit, bytes),
        }))
    }
}

/// What is next.
#[derive(Debug)]
pub(super) enum Step {
    /// Hand these out.
    Serve(Stretch),
    /// Nothing for now; look again at news, at the latest then.
    Wait(Option<Instant>),
    /// It is over.
    Over(Over),
    /// The store did not answer.
    Failed,
}

/// A watcher's place in the stream of events. Between events it holds a cursor and nothing else.
#[derive(Debug)]
pub(super) struct Feed<P> {
    pages: Arc<P>,
    subscription: Subscription,
    cursor: Cursor,
    /// The topic's count of wake-ups before it was last asked.
    wakes: u64,
    /// The ring was emptied then: until the next wake-up there is nothing to ask for, so that a busy topic is
    /// served at its pace and not event by event.
    drained: bool,
    view: View,
    collapse: bool,
    /// While it is served from the store.
    behind: Option<Behind>,
}

impl<P: Pages> Feed<P> {
    pub(super) fn new(
        pages: Arc<P>,
        subscription: Subscription,
        cursor: Cursor,
        view: View,
        collapse: bool,
    ) -> Feed<P> {
        Feed { pages, subscription, cursor, wakes: 0, drained: false, view, collapse, behind: None }
    }

    /// Whether its subject was deleted.
    pub(super) fn is_gone(&self) -> bool {
        self.subscription.topic.is_gone()
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.subscription.seat
    }

    /// What this watcher may see of the events, and wants, ready to be written.
    pub(super) fn messages(&self, stretch: Stretch, transport: Transport) -> Vec<Bytes> {
        stretch.messages(transport, self.view, self.collapse)
    }

    /// Everything up to it has been handed out.
    pub(super) fn seq(&self) -> i64 {
        self.cursor.seq()
    }

    /// Whether to ask for the next step. Watch the seat first.
    pub(super) fn has_news(&self) -> bool {
        self.subscription.topic.wakes() != self.wakes
    }

    pub(super) async fn next(&mut self) -> Step {
        loop {
            let now = Instant::now();
            if self.is_gone() {
                self.cursor.close(Over::Gone);
            }
            if let Some(over) = self.cursor.over() {
                return Step::Over(over);
            }
            match self.take(now) {
                Taken::Nothing => {
                    self.behind = None;
                    self.drained = true;
                    return match self.cursor.caught_up(now) {
                        CaughtUp::Wait(until) => Step::Wait(until),
                        CaughtUp::Over(over) => Step::Over(over),
                    };
                }
                Taken::Stretch(stretch, drained) => {
                    self.behind = None;
                    self.note_lag(&stretch);
                    self.drained = drained;
                    self.cursor.advance(&stretch, now);
                    return Step::Serve(stretch);
                }
                Taken::Behind(ring_after) => {
                    self.drained = false;
                    self.behind.get_or_insert_with(|| STREAMS.fell_behind());
                    match self.read(ring_after).await {
                        Ok(stretch) if stretch.is_empty() => {}
                        Ok(stretch) => return Step::Serve(stretch),
                        Err(_) => return Step::Failed,
                    }
                }
            }
        }
    }

    fn take(&mut self, now: Instant) -> Taken {
        let topic = &self.subscription.topic;
        let wakes = topic.wakes();
        if self.drained && wakes == self.wakes {
            return Taken::Nothing;
        }
        self.wakes = wakes;
        topic.take(self.cursor.seq(), self.cursor.synced(), now)
    }

    fn note_lag(&self, stretch: &Stretch) {
        if let Some(first) = stretch.events().next() {
            STREAMS.took(Duration::from_millis((self.pages.now() - first.at).max(0) as u64));
        }
    }

    async fn read(&mut self, ring_after: Option<i64>) -> Result<Stretch, Refusal> {
        let bytes = if self.collapse { COLLAPSED_PAGE_BYTES } else { PAGE_BYTES };
        let (subject, after) = (self.cursor.subject(), self.cursor.seq());
        STREAMS.reads_page();
        let page = self.pages.page(subject, after, STRETCH_EVENTS, bytes).await?;
        Ok(self.cursor.page(page, ring_after, Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use emit_core::Status;
    use proptest::prelude::*;

    use super::super::hub::Hub;
    use super::super::resume::{open_job, open_space};
    use super::super::testing::{Store, found, job_id, space};
    use super::*;

    struct Watcher {
        feed: Feed<Store>,
        from: i64,
        seen: Vec<i64>,
    }

    fn watch(store: &Arc<Store>, hub: &Arc<Hub>, job: Option<i64>, since: Option<i64>) -> Watcher {
        let seat = Arc::new(Seat::new(None, None));
        let subject = job.map_or(Subject::Space(1), |no| Subject::Job(job_id(no)));
        let subscription = hub.subscribe(subject, seat);
        let space = space(1, store.position());
        let from = since.unwrap_or(space.seq);
        let cursor = match job {
            None => open_space(&space, since, false, None).cursor,
            Some(no) => open_job(&found(space, no, Status::Running, 0), since, View::Full, None, None).cursor,
        };
        let feed = Feed::new(store.clone(), subscription, cursor, View::Full, false);
        Watcher { feed, from, seen: vec![] }
    }

    impl Watcher {
        /// Takes at most that many steps.
        async fn step(&mut self, steps: usize) {
            for _ in 0..steps {
                match self.feed.next().await {
                    Step::Serve(stretch) => self.seen.extend(stretch.events().map(|event| event.seq)),
                    Step::Wait(_) => return,
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    #[derive(Debug, Clone)]
    enum Act {
        /// Commit events of these jobs; the hub may miss them.
        Commit { jobs: Vec<i64>, large: bool, published: bool },
        /// A watcher of the space or a job comes, live or from a position.
        Watch { job: Option<i64>, since: Option<prop::sample::Index> },
        /// Some watcher goes on for a while.
        Step { who: prop::sample::Index, steps: usize },
        /// Some watcher leaves.
        Leave { who: prop::sample::Index },
    }

    fn any_act() -> impl Strategy<Value = Act> {
        let jobs = prop::collection::vec(1..4_i64, 1..40);
        prop_oneof![
            4 => (jobs, prop::bool::weighted(0.2), prop::bool::weighted(0.9))
                .prop_map(|(jobs, large, published)| Act::Commit { jobs, large, published }),
            2 => (prop::option::of(1..4_i64), prop::option::of(any::<prop::sample::Index>()))
                .prop_map(|(job, since)| Act::Watch { job, since }),
            6 => (any::<prop::sample::Index>(), 1..6_usize).prop_map(|(who, steps)| Act::Step { who, steps }),
            1 => any::<prop::sample::Index>().prop_map(|who| Act::Leave { who }),
        ]
    }

    async fn play(acts: Vec<Act>) {
        let (store, hub) = (Arc::new(Store::default()), Arc::new(Hub::new()));
        // Each larger than a job's ring, and some forty larger than a space's.
        let large = "x".repeat(50_000);
        let mut watchers: Vec<Watcher> = Vec::new();
        for act in acts {
            match act {
                Act::Commit { jobs, large: is_large, published } => {
                    let events = store.commit(&jobs, Some(if is_large { &large } else { "1" }));
                    if published {
                        hub.publish(&events);
                    }
                }
                Act::Watch { job, since } => {
                    let since = since.map(|since| since.index(store.position() as usize + 1) as i64);
                    watchers.push(watch(&store, &hub, job, since));
                }
                Act::Step { who, steps } if !watchers.is_empty() => {
                    who.get_mut(&mut watchers).step(steps).await
                }
                Act::Leave { who } if !watchers.is_empty() => {
                    watchers.swap_remove(who.index(watchers.len()));
                }
                Act::Step { .. } | Act::Leave { .. } => {}
            }
        }
        // Whatever the hub missed, the next event of each job tells.
        hub.publish(&store.commit(&[1, 2, 3], None));
        for watcher in &mut watchers {
            let subject = watcher.feed.cursor.subject();
            let expected = store.seqs(subject, watcher.from);
            // The last wake-up may have to wait for its turn.
            let patience = Instant::now() + Duration::from_secs(30);
            while watcher.seen.len() < expected.len() && Instant::now() < patience {
                watcher.step(usize::MAX).await;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            watcher.step(usize::MAX).await;
            assert_eq!(watcher.seen, expected, "{subject:?} after {}", watcher.from);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        /// However watchers lag, and whatever the hub misses: everything once, in order.
        #[test]
        fn everything_is_seen_once_and_in_order(acts in prop::collection::vec(any_act(), 1..60)) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(play(acts));
        }
    }

    #[tokio::test]
    async fn a_busy_topic_is_asked_once_a_wake_up() {
        let (store, hub) = (Arc::new(Store::default()), Arc::new(Hub::new()));
        let mut watcher = watch(&store, &hub, None, None);
        let mut serves = 0;
        for _ in 0..1_000 {
            hub.publish(&store.commit(&[1], None));
            while let Step::Serve(_) = watcher.feed.next().await {
                serves += 1;
            }
        }
        assert!(serves < 100, "{serves} for 1,000 events published in a moment");
    }

    #[tokio::test]
    async fn a_deleted_space_ends_its_streams() {
        let (store, hub) = (Arc::new(Store::default()), Arc::new(Hub::new()));
        let mut watcher = watch(&store, &hub, None, None);
        hub.publish(&store.commit(&[1], None));
        hub.space_deleted(1);
        assert!(matches!(watcher.feed.next().await, Step::Over(Over::Gone)));
    }
}
