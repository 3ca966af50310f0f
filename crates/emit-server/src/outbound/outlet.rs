//! Where the engine lets out what its commits mean for the outside. Called on its thread: with nothing to tell, it
//! is a look at each change and one load.

use emit_core::callback::CallbackChange;
use emit_store::Change;
use tokio::sync::Notify;

/// The way from the engine to the couriers.
#[derive(Debug, Default)]
pub struct Outlet {
    /// A callback may be due.
    pub(super) callbacks: Notify,
}

impl Outlet {
    /// Takes what a commit has changed.
    pub fn committed(&self, changes: &[Change]) {
        if changes.iter().any(|change| matches!(change.callback, CallbackChange::Due { .. })) {
            self.callbacks.notify_one();
        }
    }
}
