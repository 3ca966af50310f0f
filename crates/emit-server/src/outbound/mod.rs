//! What the server sends of its own accord: callbacks of ended jobs.
//!
//! Everything in here happens beside the job path and after its commits. No decision about jobs may come in: when
//! a callback is due is decided in `emit-core`.

mod address;
mod bounds;
mod client;
mod courier;
mod lanes;
mod outlet;
pub mod sign;

use std::sync::Arc;

use emit_core::callback::Schedule;
use ipnet::IpNet;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use outlet::Outlet;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::reads::Reads;

/// What the operator may set.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Nets that are not public and may be reached all the same.
    pub opened: Vec<IpNet>,
    /// When callbacks are tried again.
    pub schedule: Schedule,
}

/// Starts everything that sends; it ends soon after the server drains.
pub fn start(
    settings: &Settings,
    engine: Engine,
    reads: Reads,
    clock: Arc<Clock>,
    outlet: Arc<Outlet>,
    draining: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let client = client::Client::new(&settings.opened, clock.clone());
    let schedule = Arc::new(settings.schedule.clone());
    let means = courier::Means { client, engine, reads, clock, schedule };
    tokio::spawn(courier::Courier::new(means, outlet).run(draining))
}
