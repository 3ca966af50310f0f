//! One connection while it speaks HTTP/1.1, with the times that hyper does not keep: its timeout for heads runs
//! while a connection idles, too, and ends without an answer.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::Peer;
use super::refusal::refuse;
use super::socket::{Socket, Wire};
use crate::http::problem::Problem;

/// So long a connection may idle between requests: longer than the proxies before us keep theirs.
const IDLE: Duration = Duration::from_secs(75);
/// What hyper may gather per connection: a head, or a piece of a body.
const BUFFER_BYTES: usize = 64 << 10;

/// What a connection is served under.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// A request's head has so long from its first byte on, and a new connection so long to send one.
    pub(super) head: Duration,
    /// It came while the server drains, and gets one answer.
    pub(super) is_late: bool,
}

/// Serves it to its end, or until somebody else goes on with it.
pub(super) async fn run<S>(
    socket: Socket,
    peer: Peer,
    service: S,
    mut draining: watch::Receiver<bool>,
    Terms { head, is_late }: Terms,
) where
    S: Service<
            Request<Body>,
            Response = Response<Body>,
            Error: Into<Box<dyn std::error::Error + Send + Sync>>,
            Future: Send,
        >,
{
    let answer = service_fn(|mut request: Request<Incoming>| {
        socket.begin_request();
        let answered = Answered(socket.clone());
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Wire(socket.clone()));
        let response = service.call(request.map(Body::new));
        async move { Ok::<_, S::Error>(response.await?.map(|body| Answer { body, _answered: answered })) }
    });
    let http = http1::Builder::new()
        .max_buf_size(BUFFER_BYTES)
        .header_read_timeout(None)
        // Who closes his side may still read; what must not outlive him asks `Wire::gone`.
        .half_close(true)
        .keep_alive(!is_late)
        .serve_connection(TokioIo::new(socket.clone()), answer)
        .with_upgrades();
    let mut http = pin!(http);
    let mut times = Times::new(head, Instant::now());
    let mut timer = pin!(sleep_until(times.deadline));
    let mut told = pin!(draining.wait_for(|draining| *draining));
    let mut is_told = is_late;
    let late = poll_fn(|cx| {
        loop {
            if http.as_mut().poll(cx).is_ready() || socket.is_left() {
                return Poll::Ready(None);
            }
            if !is_told && told.as_mut().poll(cx).is_ready() {
                is_told = true;
                http.as_mut().graceful_shutdown();
                continue;
            }
            let now = Instant::now();
            let late = times.look(&socket, now);
            if late.is_some() {
                return Poll::Ready(late);
            }
            // Later deadlines are met when the timer fires: a busy connection does not touch it.
            if times.deadline < timer.deadline() {
                timer.as_mut().reset(times.deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let late = times.look(&socket, Instant::now());
            if late.is_some() {
                return Poll::Ready(late);
            }
            timer.as_mut().reset(times.deadline);
        }
    })
    .await;
    if late == Some(Late::Head) {
        refuse(socket.stream(), &Problem::too_slow("head", head));
        socket.shutdown_write();
    }
    if let Some(successor) = socket.successor() {
        successor(socket.clone());
    }
}

/// What took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Late {
    /// A head that has begun.
    Head,
    /// Anything at all.
    Silence,
}

/// Since when a connection has been doing what it does.
struct Times {
    head: Duration,
    doing: Doing,
    /// Requests answered by then: a whole one may pass between two looks.
    answered: u32,
    deadline: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Nothing has ever arrived.
    Nothing,
    /// A head is arriving.
    Head,
    /// A request is being answered.
    Answer,
    /// Between requests.
    Idling,
}

impl Times {
    fn new(head: Duration, now: Instant) -> Times {
        Times { head, doing: Doing::Nothing, answered: 0, deadline: now + head }
    }

    /// Looks at what the connection does now; whether it has taken too long.
    fn look(&mut self, socket: &Socket, now: Instant) -> Option<Late> {
        let answered = socket.answered();
        // An answer that its reader takes slowly is under way still; the kernel gives up on one that takes nothing.
        let doing = if socket.is_busy() || socket.is_blocked() {
            Doing::Answer
        } else if socket.has_begun() {
            Doing::Head
        } else if answered == 0 {
            Doing::Nothing
        } else {
            Doing::Idling
        };
        if doing == Doing::Answer || doing != self.doing || answered != self.answered {
            self.deadline = now + if doing == Doing::Head { self.head } else { IDLE };
            (self.doing, self.answered) = (doing, answered);
        }
        match doing {
            _ if now < self.deadline => None,
            Doing::Head => Some(Late::Head),
            _ => Some(Late::Silence),
        }
    }
}

/// Marks the end of a request, however it ends.
struct Answered(Socket);

impl Drop for Answered {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// A response's body, which knows when it has been handed over.
struct Answer {
    body: Body,
    _answered: Answered,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
