//! Server-sent events: the same messages for whoever cannot or need not speak WebSocket.
//!
//! A task per stream hands pieces to the response's body through a channel of one, so that a client that does not
//! read costs one piece and not a queue.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::feed::{Feed, Pages, Step};
use super::registry::Place;
use super::seat::Verdict;
use crate::metrics::{Closed, OpenStream, STREAMS, Transport};
use crate::net::Wire;

/// So often something is sent, for the proxies in between.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// So long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// An empty comment.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");

/// The response; its task serves until the stream ends or the client leaves. `wire`: the connection, to cut it if
/// the client takes nothing.
pub(super) fn respond<P: Pages>(first: Bytes, feed: Feed<P>, place: Place, wire: Option<Wire>) -> Response {
    let (sender, receiver) = mpsc::channel(1);
    if let Some(wire) = &wire {
        wire.bound_send_buffer();
    }
    let _open = STREAMS.opened(Transport::Sse);
    let stream =
        Stream { feed, sender, wire, next_comment: Instant::now() + COMMENT_EVERY, _place: place, _open };
    tokio::spawn(stream.run(first));
    let mut response = Response::new(Body::new(Lines(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would gather the events into buffers of its own.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// The body: whatever the task hands over.
struct Lines(mpsc::Receiver<Bytes>);

impl http_body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

struct Stream<P> {
    feed: Feed<P>,
    sender: mpsc::Sender<Bytes>,
    wire: Option<Wire>,
    next_comment: Instant,
    _place: Place,
    _open: OpenStream,
}

/// The stream is over, and why.
struct End(Closed);

impl From<Verdict> for End {
    fn from(verdict: Verdict) -> End {
        End(verdict.reason())
    }
}

/// The client has left.
async fn gone(wire: &Option<Wire>) {
    match wire {
        Some(wire) => wire.gone().await,
        None => std::future::pending().await,
    }
}

impl<P: Pages> Stream<P> {
    async fn run(mut self, first: Bytes) {
        match self.talk(first).await {
            Ok(never) => match never {},
            Err(End(why)) => STREAMS.closed(why),
        }
    }

    async fn talk(&mut self, first: Bytes) -> Result<Infallible, End> {
        // Even with nothing to say yet: the client waits for the first byte to know that it is connected.
        self.send(if first.is_empty() { COMMENT } else { first }).await?;
        loop {
            // A client that lags never gets to waiting, and must not outlive its key all the same.
            if let Some(verdict) = self.feed.seat().verdict(Instant::now()) {
                return Err(verdict.into());
            }
            match self.feed.next().await {
                Step::Serve(stretch) => {
                    let lines = stretch.lines(self.feed.view(), self.feed.collapse());
                    drop(stretch);
                    self.send(lines).await?;
                }
                Step::Wait(until) => self.wait(until).await?,
                // How to go on stands in each message's id; what a reconnect meets says why.
                Step::Over(over) => return Err(End(over.reason())),
                Step::Failed => return Err(End(Closed::Failed)),
            }
        }
    }

    async fn send(&mut self, bytes: Bytes) -> Result<(), End> {
        let now = Instant::now();
        self.next_comment = now + COMMENT_EVERY;
        let seat = self.feed.seat();
        let expires = seat.watch(std::task::Waker::noop()).1;
        let patience = expires.map_or(now + PATIENCE, |at| at.min(now + PATIENCE));
        let judged = poll_fn(|cx| match seat.watch(cx.waker()) {
            (Some(verdict), _) => Poll::Ready(verdict),
            (None, _) => Poll::Pending,
        });
        let sent = tokio::select! {
            biased;
            verdict = judged => Err(End::from(verdict)),
            sent = timeout_at(patience, self.sender.send(bytes)) => sent.map_err(|_| End(Closed::Stuck)),
        };
        let end = match sent {
            Ok(sent) => return sent.map_err(|_| End(Closed::Client)),
            Err(end) => end,
        };
        // The client takes nothing, or takes it after its time: what waits for it is cut off.
        if let Some(wire) = &self.wire {
            wire.reset();
        }
        Err(end)
    }

    /// Waits for news, and sends a comment when it is time.
    async fn wait(&mut self, until: Option<Instant>) -> Result<(), End> {
        let seat = self.feed.seat();
        let expires = seat.watch(std::task::Waker::noop()).1;
        let wake_at = [Some(self.next_comment), until, expires].into_iter().flatten().min();
        let wake_at = wake_at.unwrap_or(self.next_comment);
        let news = poll_fn(|cx| match seat.watch(cx.waker()) {
            (Some(verdict), _) => Poll::Ready(Err(End::from(verdict))),
            (_, now) if now != expires => Poll::Ready(Ok(())),
            _ if self.feed.has_news() => Poll::Ready(Ok(())),
            _ => Poll::Pending,
        });
        tokio::select! {
            biased;
            news = news => news?,
            () = self.sender.closed() => return Err(End(Closed::Client)),
            () = gone(&self.wire) => return Err(End(Closed::Client)),
            () = sleep_until(wake_at) => {}
        }
        let now = Instant::now();
        if expires.is_some_and(|at| at <= now) {
            return Err(End(Closed::Revoked));
        }
        if self.next_comment <= now {
            self.send(COMMENT).await?;
        }
        Ok(())
    }
}
