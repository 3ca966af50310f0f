//! From a request to a stream: what is checked, in which order, and how the stream starts.
//!
//! Every refusal is an HTTP answer before the upgrade, and the same for a plain GET: browsers hide from a page why
//! its socket failed, so that it can only ask again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL, UPGRADE};
use axum::http::{HeaderValue, Method, StatusCode, Version};
use axum::response::Response;
use bytes::Bytes;
use emit_core::{JobId, Refusal, Scope, SpaceId, View};
use emit_store::Token;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::ask::{Ask, How, check_origin};
use super::chunk::message;
use super::feed::Feed;
use super::handshake::HandshakeError;
use super::hub::{Subject, Subscription};
use super::read::{read_job, read_space};
use super::registry::{Full, Limits, Place};
use super::resume::{Opening, open_job, open_space};
use super::seat::Seat;
use super::{sse, ws};
use crate::app::App;
use crate::http::problem::{Code, Problem};
use crate::metrics::Transport;
use crate::net::{Socket, Wire};

/// Answers `GET /realtime/:jobId`. The key, its scope and its form have been checked.
pub async fn job_stream(
    app: Arc<App>,
    token: Arc<Token>,
    client: IpAddr,
    job: JobId,
    request: Request,
) -> Result<Response, Problem> {
    let ask = ask(&app, &request)?;
    if token.job.is_some_and(|bound| bound != job) {
        return Err(Problem::wrong_job());
    }
    let seat = seat(&app, &token);
    let mut subscription = app.hub.subscribe(Subject::Job(job), seat.clone());
    let read = loop {
        let read = read_job(&app, job, ask.since).await?.ok_or_else(Problem::job_not_found)?;
        if subscription.belongs_to(read.found.space.no) {
            break read;
        }
    };
    if token.space.is_some_and(|(bound, _)| bound != read.found.space.no) {
        return Err(Problem::wrong_space());
    }
    let place = place(&app, &token, client, &seat).await?;
    let opening = open_job(&read.found, ask.since, view(&token), read.terminal, read.oldest_at);
    start(app, ask, opening, subscription, place, view(&token), request)
}

/// Answers `GET /realtime/spaces/:spaceId`. The key, its scope and its space have been checked.
pub async fn space_stream(
    app: Arc<App>,
    token: Arc<Token>,
    client: IpAddr,
    space: SpaceId,
    request: Request,
) -> Result<Response, Problem> {
    let ask = ask(&app, &request)?;
    let (known, _) = read_space(&app, space, None).await?.ok_or_else(Problem::space_not_found)?;
    if token.space.is_some_and(|(bound, _)| bound != known.no) {
        return Err(Problem::wrong_space());
    }
    let seat = seat(&app, &token);
    let subscription = app.hub.subscribe(Subject::Space(known.no), seat.clone());
    let (known, oldest_at) =
        read_space(&app, space, ask.since).await?.ok_or_else(Problem::space_not_found)?;
    let place = place(&app, &token, client, &seat).await?;
    let opening = open_space(&known, ask.since, ask.snapshot, oldest_at);
    start(app, ask, opening, subscription, place, view(&token), request)
}

fn ask(app: &App, request: &Request) -> Result<Ask, Problem> {
    check_origin(request.headers(), &app.settings.allowed_origins)?;
    Ask::read(request.uri(), request.headers())
}

/// Chosen once; nothing behind it can see the other view's bytes.
fn view(token: &Token) -> View {
    if token.scopes.allow(Scope::Read) { View::Full } else { View::Progress }
}

fn seat(app: &App, token: &Token) -> Arc<Seat> {
    let left = |at: i64| Duration::from_millis(at.saturating_sub(app.clock.now()).max(0) as u64);
    // Farther than a socket lives is never, and would overflow the clock.
    let left = token.expires_at.map(left).filter(|left| *left < Duration::from_secs(86_400 * 3_650));
    Arc::new(Seat::new(Some(token.id), left.map(|left| Instant::now() + left)))
}

async fn place(app: &App, token: &Token, client: IpAddr, seat: &Arc<Seat>) -> Result<Place, Problem> {
    app.hub.end_streams_when(app.draining.clone());
    let limits = Limits { node: app.settings.streams_max, public: app.settings.streams_per_public_token };
    let place = Place::take(&app.hub, limits, token, client, seat).map_err(|full| match full {
        Full::Draining => Refusal::Draining.into(),
        Full::Node => too_many("This node has as many streams as it may"),
        Full::Key => too_many("This key has as many streams as it may from one address"),
    })?;
    if *app.draining.borrow() {
        return Err(Refusal::Draining.into());
    }
    // A key that was revoked before its stream was registered has told nobody.
    if app.keyring.find_by_hash(token.hash).await?.is_none() {
        return Err(Problem::invalid_key("The key is unknown, expired or revoked"));
    }
    Ok(place)
}

fn too_many(detail: &'static str) -> Problem {
    Problem::of(Code::TooManyStreams, detail).retry_after(Duration::from_secs(10))
}

fn start(
    app: Arc<App>,
    ask: Ask,
    opening: Opening,
    subscription: Subscription,
    place: Place,
    view: View,
    request: Request,
) -> Result<Response, Problem> {
    let Opening { messages, cursor, exhausted } = opening;
    let feed = Feed::new(app, subscription, cursor, view, ask.collapse);
    let written = |transport| {
        let mut first = Vec::new();
        messages.iter().for_each(|(seq, text)| message(transport, &mut first, *seq, text));
        Bytes::from(first)
    };
    match ask.how {
        How::Events if exhausted => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::NO_CONTENT;
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        How::Events if request.method() == Method::HEAD => Ok(sse::head(Body::empty())),
        How::Events => {
            let first = written(Transport::Sse);
            let wire = request.extensions().get::<Wire>().ok_or_else(Problem::internal)?;
            let chunked = request.version() == Version::HTTP_11;
            Ok(sse::respond(first, feed, place, wire, chunked))
        }
        How::Socket { accept, protocol } => {
            upgrade(request, written(Transport::WebSocket), feed, place)?;
            Ok(switching(accept, protocol))
        }
        How::Plain(error) => Err(How::refuse(&error)),
    }
}

/// Has the connection's socket handed over once the answer is written.
fn upgrade(mut request: Request, first: Bytes, feed: Feed<App>, place: Place) -> Result<(), Problem> {
    let Some(upgrade) = request.extensions_mut().remove::<hyper::upgrade::OnUpgrade>() else {
        return Err(How::refuse(&HandshakeError::Upgrade));
    };
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Ok(parts) = upgraded.downcast::<TokioIo<Socket>>() else { return };
        // A task of its own: this one still has the room that the handshake needed.
        tokio::spawn(ws::run(parts.io.into_inner(), parts.read_buf, first, feed, place));
    });
    Ok(())
}

fn switching(accept: HeaderValue, protocol: bool) -> Response {
    let mut response = Response::default();
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    if protocol {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static("emit.v1"));
    }
    response
}
