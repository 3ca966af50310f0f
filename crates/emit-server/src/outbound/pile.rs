//! What waits for a messenger: the engine's thread adds to it, never waiting, and the messenger takes all at once.
//! So a burst is one pile, and memory is as much as one pile takes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::bounds::{BACK_OFF, BACK_OFF_MAX};

#[derive(Debug, Default)]
pub(super) struct Pile<T> {
    waiting: Mutex<Option<T>>,
    bell: Notify,
}

impl<T: Default> Pile<T> {
    /// Adds to what waits.
    pub(super) fn add(&self, add: impl FnOnce(&mut T)) {
        add(self.lock().get_or_insert_default());
        self.bell.notify_one();
    }

    /// Everything that waits, once there is something.
    pub(super) async fn take(&self) -> T {
        loop {
            if let Some(waiting) = self.lock().take() {
                return waiting;
            }
            self.bell.notified().await;
        }
    }

    /// A panic while it was locked leaves a whole pile: go on.
    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures in a row.
pub(super) fn back_off(failures: u32) -> Duration {
    (BACK_OFF * 2u32.saturating_pow(failures.saturating_sub(1).min(16))).min(BACK_OFF_MAX)
}
