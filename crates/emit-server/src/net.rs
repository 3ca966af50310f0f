//! Sockets: accepting them, serving HTTP/1.1 on them, and letting go of them in time.
//!
//! No route, key or job may come in here. What a request may know of its connection stands in two extensions:
//! [`Peer`] and [`Wire`].

mod connection;
pub mod local;
mod refusal;
mod socket;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, Response};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use connection::Terms;
pub use socket::{Socket, Wire};

/// Who is on the other end of a request's connection: a client, or the proxy before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What is in flight when the server stops has so long; the whole process has 10 s.
const DRAIN: Duration = Duration::from_secs(9);
/// Descriptors that are not for connections: the store, its readers, the log, outbound requests.
const RESERVED: usize = 128;
/// Descriptors of a process where the system does not tell.
const UNKNOWN_LIMIT: usize = 1_024;
/// Pause after an accept that failed for want of descriptors or memory: the next would fail as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Connections at once that come while the server drains.
const LATE: usize = 64;
/// So long the kernel tries to deliver what we wrote to a peer that does not take it.
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves until `draining` turns true and what was in flight then is answered, or its time is up.
/// `head`: how long a request's head may take to arrive.
pub async fn serve<S>(listener: TcpListener, service: S, mut draining: watch::Receiver<bool>, head: Duration)
where
    S: Clone + Send + Sync + 'static,
    TowerToHyperService<S>: hyper::service::Service<
            Request<Body>,
            Response = Response<Body>,
            Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            Future: Send,
        >,
{
    let most = descriptors().saturating_sub(RESERVED).clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
    let room = Arc::new(Semaphore::new(most));
    let told = draining.clone();
    let accept_into = |room: Arc<Semaphore>, is_late: bool| {
        let (listener, service, told) = (&listener, &service, &told);
        async move {
            // Above the limit new connections wait in the kernel's queue.
            while let Ok(permit) = room.clone().acquire_owned().await {
                let (stream, peer) = accept(listener).await;
                start(stream, peer, permit, service.clone(), told.clone(), Terms { head, is_late });
            }
        }
    };
    tokio::select! {
        () = accept_into(room.clone(), false) => {}
        _ = draining.wait_for(|draining| *draining) => {}
    }
    // Whoever still holds a socket, upgraded or not, holds a permit. Meanwhile others may ask `/readyz` why, one
    // request a connection; nobody waits for those.
    let emptied = async {
        tokio::select! {
            _ = room.acquire_many(most as u32) => {}
            () = accept_into(Arc::new(Semaphore::new(LATE)), true) => {}
        }
    };
    if tokio::time::timeout(DRAIN, emptied).await.is_err() {
        tracing::warn!(left = most - room.available_permits(), "connections are cut: their time is up");
    }
}

fn start<S>(
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
    service: S,
    draining: watch::Receiver<bool>,
    terms: Terms,
) where
    S: Clone + Send + Sync + 'static,
    TowerToHyperService<S>: hyper::service::Service<
            Request<Body>,
            Response = Response<Body>,
            Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            Future: Send,
        >,
{
    // A socket on which these fail is about to fail anyway.
    let _ = stream.set_nodelay(true);
    let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(USER_TIMEOUT));
    let socket = Socket::new(stream, permit);
    tokio::spawn(connection::run(socket, Peer(peer), TowerToHyperService::new(service), draining, terms));
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        if !concerns_one_connection(&error) {
            tracing::error!(%error, "no connection can be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// How many descriptors this process may have.
fn descriptors() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().next());
    match soft {
        Some("unlimited") => usize::MAX,
        Some(soft) => soft.parse().unwrap_or(UNKNOWN_LIMIT),
        None => UNKNOWN_LIMIT,
    }
}

#[cfg(test)]
mod tests;
