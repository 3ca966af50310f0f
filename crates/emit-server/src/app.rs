//! What handlers and streams share.

use std::sync::Arc;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::keyring::Keyring;
use crate::reads::Reads;
use crate::realtime::Hub;

/// What the operator may set and a request depends on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origins that browsers may call from; empty: all.
    pub allowed_origins: Vec<String>,
    /// Where users reach this server, without a slash at the end: feeds `realtimeUrl`.
    pub public_url: String,
    /// Peers whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<std::net::IpAddr>,
    /// Streams of this node.
    pub streams_max: usize,
    /// Streams of one public or job-bound token and client address.
    pub streams_per_public_token: usize,
    /// Requests a second of one public or job-bound token and client address.
    pub public_requests_per_second: u32,
    /// What the page at `/` may show: the id and public token of a demo space (`emit dev`).
    pub demo: Option<Demo>,
}

/// The demo space of `emit dev`.
#[derive(Debug, Clone)]
pub struct Demo {
    /// A key that may only create jobs in the demo space. It never leaves the server.
    pub space_id: emit_core::SpaceId,
    /// The space's public token.
    pub public_token: String,
}

/// What handlers and streams share.
pub struct App {
    /// Writes.
    pub engine: Engine,
    /// Reads.
    pub reads: Reads,
    /// Keys.
    pub keyring: Arc<Keyring>,
    /// Streams.
    pub hub: Arc<Hub>,
    /// Time.
    pub clock: Arc<Clock>,
    /// Settings.
    pub settings: Settings,
    /// Turns true when the server is on its way out.
    pub draining: watch::Receiver<bool>,
}
