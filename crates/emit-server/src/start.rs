//! From a store to a running server, and back to silence.

use std::path::PathBuf;
use std::sync::Arc;

use emit_store::Store;
use emit_store::postgres::{self, PostgresStore, Target};
use emit_store::sqlite::{OpenError, SqliteStore};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::app::{App, Settings};
use crate::clock::Clock;
use crate::engine::{Engine, Shared};
use crate::first_start::{FirstSteps, first_start};
use crate::keyring::Keyring;
use crate::neighbours::{Neighbourhood, Outbox};
use crate::net::local::Local;
use crate::outbound::{self, Outlet};
use crate::reads::Reads;
use crate::realtime::Hub;
use crate::{http, net, operator};

/// Writers of a shared store, and as many commits under way at once. Each is a connection.
const LANES: usize = 4;

/// Where everything is kept.
pub enum Place {
    /// In a folder, by this process alone.
    Folder(PathBuf),
    /// In a database, by many nodes.
    Postgres(Target),
}

/// What a server is started with.
pub struct Options {
    /// Where everything is kept.
    pub store: Place,
    /// The operator's own admin key.
    pub admin_key: Option<String>,
    /// What a request may depend on.
    pub settings: Settings,
}

/// Why no server was started.
#[derive(Debug)]
pub enum StartError {
    /// Another process serves the folder.
    Locked,
    /// The operator's own admin key is another key of the store already.
    NoAdmin,
    /// Anything else, as a sentence.
    Failed(String),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StartError::Locked => write!(f, "another emit serves this data folder; stop it first"),
            StartError::NoAdmin => {
                write!(
                    f,
                    "admin-key is a key in the store already that is no admin key or has ended; choose another"
                )
            }
            StartError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StartError {}

impl From<emit_store::StoreError> for StartError {
    fn from(error: emit_store::StoreError) -> StartError {
        StartError::Failed(error.to_string())
    }
}

impl From<postgres::OpenError> for StartError {
    fn from(error: postgres::OpenError) -> StartError {
        StartError::Failed(error.to_string())
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> StartError {
        match error {
            OpenError::Locked => StartError::Locked,
            other => StartError::Failed(other.to_string()),
        }
    }
}

/// An opened store with its engine, not yet listening.
pub struct Server {
    /// What handlers will share; see [`Server::settings_mut`].
    parts: Parts,
    /// Where the metrics are served without a key.
    metrics: Option<TcpListener>,
    first_steps: Option<FirstSteps>,
    drain: watch::Sender<bool>,
    draining: watch::Receiver<bool>,
}

struct Parts {
    engine: Engine,
    /// With other nodes on the store: tells them and hears of them while it lives.
    neighbourhood: Option<Neighbourhood>,
    reads: Reads,
    keyring: Arc<Keyring>,
    hub: Arc<Hub>,
    outlet: Arc<Outlet>,
    clock: Arc<Clock>,
    settings: Settings,
    /// Where the operator asks; `None` where the folder allows no socket.
    local: Option<Local>,
    /// Holds the folder's lock.
    store: Arc<dyn Store>,
}

impl Server {
    /// Opens the store, makes what a first start makes, and starts the engine.
    pub async fn open(options: Options) -> Result<Server, StartError> {
        // A store may wait for its database, and here nothing may wait.
        let opened = tokio::task::spawn_blocking(move || open(options)).await;
        let (parts, first_steps) = opened.map_err(|why| StartError::Failed(why.to_string()))??;
        let (drain, draining) = watch::channel(false);
        Ok(Server { parts, metrics: None, first_steps, drain, draining })
    }

    /// What this start has made, if it was the first.
    pub fn first_steps(&self) -> Option<&FirstSteps> {
        self.first_steps.as_ref()
    }

    /// The settings, until the server listens.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.parts.settings
    }

    /// The engine, for what runs beside the server (`emit dev`).
    pub fn engine(&self) -> Engine {
        self.parts.engine.clone()
    }

    /// The reads, for what runs beside the server.
    pub fn reads(&self) -> Reads {
        self.parts.reads.clone()
    }

    /// Serves the metrics there too, without a key.
    pub fn show_metrics_on(&mut self, listener: TcpListener) {
        self.metrics = Some(listener);
    }

    /// Serves until `told`, then drains: what is in flight is answered, streams close with 1012.
    pub async fn serve(self, listener: TcpListener, told: impl Future<Output = ()>) {
        let Parts { engine, neighbourhood, reads, keyring, hub, outlet, clock, settings, local, store } =
            self.parts;
        let sending = outbound::start(
            &settings.outbound,
            outbound::Means {
                engine: engine.clone(),
                reads: reads.clone(),
                clock: clock.clone(),
                public_url: settings.public_url.clone(),
            },
            outlet,
            self.draining.clone(),
        );
        let head = settings.patience.head;
        let app = Arc::new(App {
            engine: engine.clone(),
            reads,
            keyring,
            hub,
            clock,
            settings,
            draining: self.draining.clone(),
        });
        let noting = http::note_key_use(app.clone());
        let (asked, used) = (app.clone(), app.clone());
        let service = http::router::service(app);
        let showing = async {
            if let Some(listener) = self.metrics {
                net::serve(listener, service.metrics_only(), self.draining.clone(), head).await;
            }
        };
        let serving = net::serve(listener, service.clone(), self.draining.clone(), head);
        let draining = async {
            told.await;
            tracing::info!("told to stop: answering what is in flight, closing streams");
            engine.drain();
            let _ = self.drain.send(true);
        };
        let noting = tokio::spawn(noting);
        let answering = tokio::spawn(async move {
            if let Some(local) = local {
                local.serve(move |question| operator::answer(asked.clone(), question)).await;
            }
        });
        tokio::join!(serving, showing, draining);
        noting.abort();
        http::note_used_keys(&used);
        drop(used);
        answering.abort();
        let _ = sending.await;
        drop(engine);
        // Whatever was answered is on disk; the threads only hold handles that are going away.
        drop(neighbourhood);
        drop(store);
    }
}

/// Opens the store, makes what a first start makes, and starts the engine on it.
fn open(options: Options) -> Result<(Parts, Option<FirstSteps>), StartError> {
    let Options { store: place, admin_key, settings } = options;
    let store: Arc<dyn Store> = match &place {
        Place::Folder(folder) => Arc::new(SqliteStore::open(folder)?),
        Place::Postgres(target) => Arc::new(PostgresStore::open(target, LANES)?),
    };
    let clock = Arc::new(Clock::start());
    let mut writers = store.writers()?;
    let first_steps = match writers.first_mut() {
        Some(writer) => first_start(&mut **writer, &clock, admin_key.as_deref())?,
        None => None,
    };
    let reads = Reads::open(store.clone())?;
    let keyring = Arc::new(Keyring::new(reads.clone(), clock.clone()));
    let neighbours = store.neighbours()?;
    let hub = Arc::new(if neighbours.is_some() { Hub::of_many() } else { Hub::new() });
    let outbox = Arc::new(if neighbours.is_some() { Outbox::open() } else { Outbox::default() });
    let outlet = Arc::new(Outlet::default());
    let shared = Shared {
        clock: clock.clone(),
        hub: hub.clone(),
        keyring: keyring.clone(),
        outlet: outlet.clone(),
        outbox,
    };
    let no_thread = |why: std::io::Error| StartError::Failed(format!("the engine cannot be started: {why}"));
    // Their threads end when the last handle is gone.
    let (engine, _threads) = Engine::start(writers, &shared).map_err(no_thread)?;
    let neighbourhood = match neighbours {
        Some(neighbours) => {
            let started = Neighbourhood::start(neighbours, store.reader()?, engine.clone(), shared);
            Some(started.map_err(no_thread)?)
        }
        None => None,
    };
    let local = match &place {
        Place::Folder(folder) => Local::bind(folder)
            .inspect_err(|why| tracing::warn!(%why, "no socket in the data folder: `emit key` needs the server stopped"))
            .ok(),
        // Whoever can reach the database needs no server to ask.
        Place::Postgres(_) => None,
    };
    let parts = Parts { engine, neighbourhood, reads, keyring, hub, outlet, clock, settings, local, store };
    Ok((parts, first_steps))
}
