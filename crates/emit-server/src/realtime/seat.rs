//! A watcher's seat: how the hub reaches the task of one connection.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use emit_core::TokenId;
use tokio::time::Instant;

use crate::metrics::Closed;

/// Why a stream has to end although its subject has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key was revoked or has expired.
    Revoked,
    /// The server is on its way out.
    Draining,
}

impl Verdict {
    /// The same for the metrics.
    pub(super) fn reason(self) -> Closed {
        match self {
            Verdict::Revoked => Closed::Revoked,
            Verdict::Draining => Closed::Draining,
        }
    }
}

/// One waker for everything a connection waits for besides its socket. Topics ring it from the engine's thread or
/// the hub's task, the registry when a key is revoked; the connection's task alone listens.
#[derive(Debug)]
pub(super) struct Seat {
    /// The key it was taken with.
    pub(super) token: Option<TokenId>,
    call: Mutex<Call>,
}

#[derive(Debug)]
struct Call {
    waker: Option<Waker>,
    verdict: Option<Verdict>,
    expires: Option<Instant>,
}

impl Seat {
    pub(super) fn new(token: Option<TokenId>, expires: Option<Instant>) -> Seat {
        Seat { token, call: Mutex::new(Call { waker: None, verdict: None, expires }) }
    }

    /// Has the task woken at the next ring; what is known by now, and when the key expires.
    pub(super) fn watch(&self, waker: &Waker) -> (Option<Verdict>, Option<Instant>) {
        let mut call = lock(&self.call);
        if !call.waker.as_ref().is_some_and(|known| known.will_wake(waker)) {
            call.waker = Some(waker.clone());
        }
        (call.verdict, call.expires)
    }

    /// Why the stream has to end by now, if it has.
    pub(super) fn verdict(&self, now: Instant) -> Option<Verdict> {
        let call = lock(&self.call);
        let is_over = call.expires.is_some_and(|at| at <= now);
        call.verdict.or(is_over.then_some(Verdict::Revoked))
    }

    /// Wakes the task.
    pub(super) fn ring(&self) {
        if let Some(waker) = &lock(&self.call).waker {
            waker.wake_by_ref();
        }
    }

    /// Ends the stream.
    pub(super) fn judge(&self, verdict: Verdict) {
        lock(&self.call).verdict.get_or_insert(verdict);
        self.ring();
    }

    /// Ends the stream at that time, unless it ends earlier anyway.
    pub(super) fn expire_at(&self, at: Instant) {
        {
            let mut call = lock(&self.call);
            call.expires = Some(call.expires.map_or(at, |known| known.min(at)));
        }
        self.ring();
    }
}

/// Locks, whatever happened to an earlier holder: nothing here is left half done by a panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
