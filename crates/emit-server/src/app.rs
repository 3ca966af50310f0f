//! What handlers and streams share.

use std::sync::Arc;
use std::time::Duration;

use emit_core::limits::ARRAY_BYTES;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::engine::Engine;
use crate::keyring::Keyring;
use crate::reads::Reads;
use crate::realtime::Hub;

/// What the operator may set and a request depends on.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Origins that browsers may call from; empty or with `*`: all.
    pub allowed_origins: Vec<String>,
    /// Where users reach this server, without a slash at the end: feeds `realtimeUrl`.
    pub public_url: String,
    /// Nets of peers whose `x-forwarded-for` is believed.
    pub trusted_proxies: Vec<ipnet::IpNet>,
    /// Streams of this node.
    pub streams_max: usize,
    /// Streams of one public or job-bound token and client address.
    pub streams_per_public_token: usize,
    /// Requests a second of one public or job-bound token and client address.
    pub public_requests_per_second: u32,
    /// Bytes of an array of jobs or reports.
    pub array_bytes_max: usize,
    /// How long a slow request is waited for.
    pub patience: Patience,
    /// What is sent out, where to and when.
    pub outbound: crate::outbound::Settings,
    /// What the page at `/` may show: the id and public token of a demo space (`emit dev`).
    pub demo: Option<Demo>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            allowed_origins: Vec::new(),
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            streams_max: 50_000,
            streams_per_public_token: 1_000,
            public_requests_per_second: 1_000,
            array_bytes_max: ARRAY_BYTES,
            patience: Patience { head: Duration::from_secs(10), body: Duration::from_secs(30) },
            outbound: crate::outbound::Settings::default(),
            demo: None,
        }
    }
}

/// How long a request may take to arrive.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Its head, from the first byte on.
    pub head: Duration,
    /// Its body.
    pub body: Duration,
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
