//! What the server sends of its own accord: callbacks of ended jobs, wake-ups for workers, messages to Slack.
//!
//! Everything in here happens beside the job path and after its commits. No decision about jobs may come in: when
//! a callback is due is decided in `emit-core`.

mod address;
mod bounds;
mod client;
mod courier;
mod hide;
mod lanes;
mod names;
mod office;
mod outlet;
mod pace;
mod pile;
mod push;
pub mod sign;
mod slack;

use std::sync::Arc;

use emit_core::callback::Schedule;
use ipnet::IpNet;
use tokio::runtime::Handle;
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

/// What the couriers need from the server.
pub struct Means {
    /// Takes how tries went.
    pub engine: Engine,
    /// Shows what is due.
    pub reads: Reads,
    /// Time.
    pub clock: Arc<Clock>,
    /// Where people reach this server: links lead there.
    pub public_url: String,
}

/// Starts everything that sends; it ends soon after the server drains.
pub fn start(
    settings: &Settings,
    means: Means,
    outlet: Arc<Outlet>,
    draining: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let Means { engine, reads, clock, public_url } = means;
    let client = client::Client::new(&settings.opened);
    let office = office::Office {
        client: client.clone(),
        reads: reads.clone(),
        clock: clock.clone(),
        public_url,
        slack_pace: pace::Pace::new(bounds::SLACK_PACE),
        runtime: Handle::current(),
    };
    let schedule = Arc::new(settings.schedule.clone());
    let means = courier::Means { client, engine, reads, clock, schedule };
    tokio::spawn(async move {
        if outlet.messengers.open(office).await.is_err() {
            tracing::error!("spaces cannot be read: no Slack messages and no push until they are changed");
        }
        courier::Courier::new(means, outlet.clone()).run(draining).await;
        outlet.messengers.close();
    })
}
