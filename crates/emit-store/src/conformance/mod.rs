//! One suite that every store passes, cut by theme. A store's tests call [`all`] with a way to open a fresh store.
//!
//! Compiled into the crate, so that a store that lives elsewhere can run it too. Panics are its findings.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

pub mod callbacks;
pub mod claims;
pub mod events;
pub mod forgetting;
pub mod keys;
pub mod lists;
pub mod timers;

use std::sync::Arc;

use emit_core::apply::create;
use emit_core::outbound::{Outbound, Secret};
use emit_core::retry::Backoff;
use emit_core::{Circumstances, Command, Job, Millis, NewJob, RawJson, Report, Scopes, Spec, apply, ids::Id};

use crate::{Change, Space, Store, Token, Writer};

/// A check on a fresh store.
pub type Check = fn(&dyn Store);

/// Every check, with its name.
pub fn all() -> Vec<(&'static str, Check)> {
    [
        callbacks::CHECKS,
        claims::CHECKS,
        events::CHECKS,
        forgetting::CHECKS,
        keys::CHECKS,
        lists::CHECKS,
        timers::CHECKS,
    ]
    .concat()
}

/// When the checks' histories begin.
pub const START: Millis = 1_700_000_000_000;

/// A small driver: what the engine does with a writer, one command at a time.
pub struct Driver {
    pub writer: Box<dyn Writer>,
    pub now: Millis,
    ids: u128,
}

impl Driver {
    pub fn new(store: &dyn Store) -> Driver {
        Driver::numbered(store, 1)
    }

    /// One whose ids begin elsewhere: of several drivers on one store.
    pub fn numbered(store: &dyn Store, ids: u128) -> Driver {
        Driver { writer: store.writer().unwrap(), now: START, ids }
    }

    pub fn id(&mut self) -> Id {
        self.ids += 1;
        Id::from_parts(self.now, self.ids)
    }

    pub fn commit<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.writer.begin().unwrap();
        let done = work(self);
        self.writer.commit(&mut []).unwrap();
        done
    }

    pub fn space(&mut self) -> Space {
        let id = self.id();
        let space = Space {
            no: 0,
            id,
            name: "a space".into(),
            paused: false,
            retention_days: 14,
            max_pending: None,
            max_deliveries: None,
            outbound: Arc::new(Outbound::new(Secret([1; 32].as_slice().into()))),
            created_at: self.now,
            seq: 0,
            oldest_seq: 1,
            last_at: self.now,
            counts: [0; 7],
        };
        self.commit(|driver| driver.writer.insert_space(&space).unwrap())
    }

    pub fn token(&mut self, space: Option<&Space>) -> Token {
        let id = self.id();
        Token {
            id,
            hash: [self.ids as u8; 32],
            secret: None,
            name: "a key".into(),
            scope_names: vec!["jobs:read".into(), "jobs:kill".into()],
            scopes: Scopes::from_names(["jobs:read", "jobs:kill"]).unwrap(),
            space: space.map(|space| (space.no, space.id)),
            job: None,
            created_at: self.now,
            expires_at: None,
            last_used_at: None,
        }
    }

    /// What creating a job means to the store.
    pub fn creation(&mut self, space: &Space, new: &NewJob) -> Change {
        let transition = create(self.id(), space.no, new, self.now);
        Change { fingerprint: Some(new.fingerprint), ..Change::of(None, transition) }
    }

    /// Creates one job in a commit of its own.
    pub fn create(&mut self, space: &Space, new: NewJob) -> Job {
        let change = self.creation(space, &new);
        self.write(vec![change]).pop().unwrap()
    }

    /// Applies one command in a commit of its own.
    pub fn apply(&mut self, job: &Job, command: &Command) -> Job {
        self.write(vec![change(job, command, self.now)]).pop().unwrap()
    }

    pub fn write(&mut self, mut changes: Vec<Change>) -> Vec<Job> {
        self.writer.begin().unwrap();
        // As the engine does: what is changed is loaded first.
        let named: Vec<_> = changes.iter().filter(|it| it.before.is_some()).map(|it| it.job.id).collect();
        self.writer.load(&named).unwrap();
        self.writer.write(self.now, &mut changes).unwrap();
        self.writer.commit(&mut changes).unwrap();
        changes.into_iter().map(|change| change.job).collect()
    }

    pub fn deliver(&mut self, job: &Job) -> Job {
        let delivery = self.id();
        self.apply(job, &Command::Deliver { delivery, worker: Some("w".into()), auto_ack: false })
    }

    pub fn report(&mut self, job: &Job, report: Report) -> Job {
        self.apply(job, &Command::Report { fence: None, report })
    }

    /// Delivered, acked and completed.
    pub fn complete(&mut self, job: &Job) -> Job {
        let job = self.deliver(job);
        let job = self.report(&job, Report::Ack);
        self.report(&job, Report::Complete("{\"done\":true}".into()))
    }
}

/// What a command makes of a job, which must not refuse it.
pub fn change(job: &Job, command: &Command, now: Millis) -> Change {
    let given = Circumstances { now, chance: 0.5, max_deliveries: None };
    Change::of(Some(job), apply(job, command, &given).unwrap())
}

/// A job with nothing special about it.
pub fn plain(name: &str) -> NewJob {
    NewJob {
        spec: Arc::new(Spec {
            name: name.into(),
            timeout_ms: 300_000,
            delivery_timeout_ms: 60_000,
            backoff: Backoff::default(),
            tags: None,
            idempotency_key: None,
            traceparent: None,
            callback: None,
        }),
        payload: Some(RawJson::from("{\"n\": 1}")),
        max_retries: 3,
        priority: 0,
        scheduled_for: None,
        expires_at: None,
        fingerprint: [7; 32],
    }
}

/// The same with a change to what never changes.
pub fn with(name: &str, change: impl FnOnce(&mut Spec)) -> NewJob {
    let mut new = plain(name);
    change(Arc::make_mut(&mut new.spec));
    new
}
