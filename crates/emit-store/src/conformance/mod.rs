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
use emit_core::callback::CallbackChange;
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
        Driver { writer: store.writer().unwrap(), now: START, ids: 1 }
    }

    pub fn id(&mut self) -> Id {
        self.ids += 1;
        Id::from_parts(self.now, self.ids)
    }

    pub fn commit<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        self.writer.begin().unwrap();
        let done = work(self);
        self.writer.commit().unwrap();
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

    /// Creates one job in a commit of its own.
    pub fn create(&mut self, space: &Space, new: NewJob) -> Job {
        let id = self.id();
        let transition = create(id, space.no, &new, self.now);
        let change = Change {
            before: None,
            due_before: None,
            job: transition.job,
            events: transition.events,
            payload: transition.payload,
            fingerprint: Some(new.fingerprint),
            logs: Vec::new(),
            erase: false,
            callback: CallbackChange::Keep,
            recorded: Vec::new(),
        };
        self.write(vec![change]).pop().unwrap()
    }

    /// Applies one command in a commit of its own.
    pub fn apply(&mut self, job: &Job, command: &Command) -> Job {
        let given = Circumstances { now: self.now, chance: 0.5, max_deliveries: None };
        let transition = apply(job, command, &given).unwrap();
        let change = Change {
            before: Some(job.status),
            due_before: job.due_at(),
            job: transition.job,
            events: transition.events,
            payload: transition.payload,
            fingerprint: None,
            logs: Vec::new(),
            erase: transition.erase,
            callback: transition.callback,
            recorded: Vec::new(),
        };
        self.write(vec![change]).pop().unwrap()
    }

    pub fn write(&mut self, mut changes: Vec<Change>) -> Vec<Job> {
        let now = self.now;
        self.commit(|driver| {
            driver.writer.write(now, &mut changes).unwrap();
            changes.into_iter().map(|change| change.job).collect()
        })
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
