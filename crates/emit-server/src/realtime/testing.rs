//! Rows and events for this room's tests.

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use emit_core::outbound::{Outbound, Secret};
use emit_core::retry::Backoff;
use emit_core::{Event, EventType, Job, JobId, Millis, Recorded, Scopes, Spec, Status, View};
use emit_store::{Contents, EventsPage, FoundJob, Space, Token};

use super::feed::{Feed, Page, Pages, Step};
use super::hub::{Hub, Subject};
use super::resume::{Over, open_job, open_space};
use super::seat::{Seat, lock};

pub(super) fn job_id(no: i64) -> JobId {
    JobId::from_parts(0, no as u128)
}

/// An event of space 1; its time is ten times its number.
pub(super) fn event(seq: i64, prev: i64, job: i64, kind: EventType, data: Option<&str>) -> Recorded {
    let status = match kind {
        EventType::Completed => Status::Completed,
        EventType::Dead => Status::Dead,
        EventType::Killed | EventType::Erased => Status::Killed,
        EventType::Created | EventType::Requeued => Status::Pending,
        _ => Status::Running,
    };
    let (at, job_name): (Millis, Arc<str>) = (10 * seq, "test".into());
    let event = Event { kind, status, data: data.map(Into::into) };
    Recorded { space: 1, seq, prev, at, job, job_id: job_id(job), job_name, event }
}

pub(super) fn token(no: i64, public: bool) -> Token {
    let scope = if public { "jobs:read:progress" } else { "jobs:read" };
    Token {
        id: job_id(no),
        hash: [0; 32],
        secret: public.then(|| "emit_pub_test".to_owned()),
        name: "test".to_owned(),
        scope_names: vec![scope.to_owned()],
        scopes: Scopes::from_names([scope]).unwrap(),
        space: None,
        job: None,
        created_at: 0,
        expires_at: None,
        last_used_at: None,
    }
}

/// Space 1 with events from `oldest` to `seq`.
pub(super) fn space(oldest: i64, seq: i64) -> Space {
    Space {
        no: 1,
        id: job_id(1),
        name: "test".to_owned(),
        paused: false,
        retention_days: 14,
        max_pending: None,
        max_deliveries: None,
        outbound: Arc::new(Outbound::new(Secret([0; 32].as_slice().into()))),
        created_at: 0,
        seq,
        oldest_seq: oldest,
        last_at: 10 * seq,
        counts: [0, 1, 0, 2, 0, 0, 0],
    }
}

/// A job of that space, whose last event is `seq`.
pub(super) fn found(space: Space, no: i64, status: Status, seq: i64) -> FoundJob {
    let ended = status.is_terminal();
    let spec = Spec {
        name: "test".into(),
        timeout_ms: 1,
        delivery_timeout_ms: 1,
        backoff: Backoff::default(),
        tags: None,
        idempotency_key: None,
        traceparent: None,
        callback: None,
    };
    let job = Job {
        no,
        id: job_id(no),
        space: 1,
        spec: Arc::new(spec),
        status,
        available: false,
        priority: 0,
        max_retries: 0,
        attempt_number: 0,
        delivery_count: 0,
        delivery_timeouts: 0,
        delivery_id: None,
        ending: None,
        worker_id: None,
        scheduled_for: None,
        expires_at: None,
        available_at: 0,
        created_at: 0,
        updated_at: 0,
        delivered_at: None,
        started_at: None,
        completed_at: ended.then_some(10 * seq),
        timeout_at: None,
        log_lines: 0,
        seq,
        progress_seq: None,
        checkpoint_seq: None,
        result_seq: ended.then_some(seq),
        callback_round: 0,
    };
    FoundJob {
        job,
        space,
        contents: Contents { result: Some("{\"secret\":1}".into()), ..Contents::default() },
    }
}

/// Committed events of space 1, in pages of at most seven.
#[derive(Debug, Default)]
pub(super) struct Store(Mutex<Vec<Recorded>>);

impl Store {
    pub(super) fn commit(&self, jobs: &[i64], data: Option<&str>) -> Vec<Recorded> {
        let mut stored = lock(&self.0);
        let start = stored.len();
        for job in jobs {
            let prev = stored.iter().rev().find(|event| event.job == *job).map_or(0, |event| event.seq);
            let seq = stored.len() as i64 + 1;
            stored.push(event(seq, prev, *job, EventType::Progress, data));
        }
        stored[start..].to_vec()
    }

    pub(super) fn position(&self) -> i64 {
        lock(&self.0).len() as i64
    }

    pub(super) fn seqs(&self, subject: Subject, after: i64) -> Vec<i64> {
        let of = |event: &&Recorded| event.seq > after && is_of(event, subject);
        lock(&self.0).iter().filter(of).map(|event| event.seq).collect()
    }
}

fn is_of(event: &Recorded, subject: Subject) -> bool {
    match subject {
        Subject::Space(_) => true,
        Subject::Job(id) => event.job_id == id,
    }
}

impl Pages for Store {
    fn now(&self) -> Millis {
        0
    }

    fn page(
        &self,
        subject: Subject,
        after: i64,
        limit: usize,
        _: usize,
    ) -> Pin<Box<dyn Future<Output = Page> + Send + '_>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            let stored = lock(&self.0);
            let rest = stored.iter().filter(|event| event.seq > after && is_of(event, subject));
            let mut events: Vec<_> = rest.take(limit.min(7) + 1).cloned().collect();
            let more = events.len() > 7;
            events.truncate(7);
            let position = stored.len() as i64;
            Ok(Some(EventsPage { events, position, oldest: 1, last_at: 10 * position, more }))
        })
    }
}

/// A watcher for other rooms' tests: what a stream would hand out, without a socket.
pub(crate) struct Watcher {
    feed: Feed<StorePages>,
}

impl Watcher {
    /// Of a space; resumes after that number.
    pub(crate) fn of_space(
        hub: &Arc<Hub>,
        store: &Arc<dyn emit_store::Store>,
        space: &Space,
        since: i64,
    ) -> Self {
        let subscription = hub.subscribe(Subject::Space(space.no), Arc::new(Seat::new(None, None)));
        let cursor = open_space(space, Some(since), false, None).cursor;
        let pages = Arc::new(StorePages(store.clone()));
        Watcher { feed: Feed::new(pages, subscription, cursor, View::Full, false) }
    }

    /// Of a job, if it is there: from its beginning, or, as long as it has not ended, from now on.
    pub(crate) fn of_job(
        hub: &Arc<Hub>,
        store: &Arc<dyn emit_store::Store>,
        id: JobId,
        whole: bool,
    ) -> Option<Self> {
        let mut subscription = hub.subscribe(Subject::Job(id), Arc::new(Seat::new(None, None)));
        let found = loop {
            let found = store.reader().unwrap().job(id).unwrap()?;
            if subscription.belongs_to(found.space.no) {
                break found;
            }
        };
        let since = (whole || found.job.status.is_terminal()).then_some(0);
        let cursor = open_job(&found, since, View::Full, None, None).cursor;
        let pages = Arc::new(StorePages(store.clone()));
        Some(Watcher { feed: Feed::new(pages, subscription, cursor, View::Full, false) })
    }

    /// Up to this number all is handed out, or was before it came.
    pub(crate) fn seq(&self) -> i64 {
        self.feed.seq()
    }

    /// What is there for it by now, and whether that is all there will ever be.
    pub(crate) async fn take(&mut self) -> (Vec<Recorded>, bool) {
        let mut taken = Vec::new();
        loop {
            match self.feed.next().await {
                Step::Serve(stretch) => taken.extend(stretch.events().cloned()),
                Step::Wait(_) => return (taken, false),
                Step::Over(Over::Ended | Over::Gone) => return (taken, true),
                over => panic!("{over:?}"),
            }
        }
    }
}

/// Pages of a store, read where the caller stands.
struct StorePages(Arc<dyn emit_store::Store>);

impl Pages for StorePages {
    fn now(&self) -> Millis {
        0
    }

    fn page(
        &self,
        subject: Subject,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Pin<Box<dyn Future<Output = Page> + Send + '_>> {
        let page = self.0.reader().and_then(|mut reader| match subject {
            Subject::Space(no) => reader.space_events(no, after, limit, bytes),
            Subject::Job(id) => reader.job_events(id, after, limit, bytes),
        });
        Box::pin(std::future::ready(page.map_err(|_| emit_core::Refusal::StoreUnavailable)))
    }
}
