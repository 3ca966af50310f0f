//! Where the engine lets out what its commits mean for the outside. Called on its thread, and never waits: with
//! nothing to tell, it is a look at each change and one load.

use std::collections::HashSet;

use emit_core::SpaceNo;
use emit_core::callback::CallbackChange;
use emit_store::{Change, Space};
use tokio::sync::Notify;

use super::office::Messengers;

/// The way from the engine to the couriers and messengers.
#[derive(Default)]
pub struct Outlet {
    /// A callback may be due.
    pub(super) callbacks: Notify,
    pub(super) messengers: Messengers,
}

impl Outlet {
    /// Takes what a commit has changed.
    pub fn committed(&self, changes: &[Change]) {
        if changes.iter().any(|change| matches!(change.callback, CallbackChange::Due { .. })) {
            self.callbacks.notify_one();
        }
        self.messengers.note(changes);
    }

    /// A space has these settings from now on.
    pub fn settings_changed(&self, space: &Space) {
        self.messengers.settings_changed(space);
    }

    /// There are no spaces but these.
    pub fn spaces_living(&self, living: &HashSet<SpaceNo>) {
        self.messengers.spaces_living(living);
    }

    /// A space is gone.
    pub fn space_deleted(&self, no: SpaceNo) {
        self.messengers.space_deleted(no);
    }
}
