//! Server-sent events: the same messages for whoever cannot or need not speak WebSocket.
//!
//! Once the answer's head is written the connection is a bare socket and one small task, as a WebSocket's is: a
//! stream that idles keeps no buffer of hyper's.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::task::Poll;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::feed::{Feed, Pages, Step};
use super::parts::{Parts, Wrote};
use super::registry::Place;
use super::seat::Verdict;
use crate::metrics::{Closed, OpenStream, STREAMS, Transport};
use crate::net::{Socket, Wire};

/// So often something is sent, for the proxies in between.
const COMMENT_EVERY: Duration = Duration::from_secs(15);
/// So long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);
/// The kernel's buffer for one stream. Left alone it grows to megabytes.
const SEND_BUFFER_BYTES: usize = 64 << 10;
/// An empty comment.
const COMMENT: Bytes = Bytes::from_static(b":\n\n");
/// The last chunk of an answer (RFC 9112, section 7.1).
const LAST_CHUNK: Bytes = Bytes::from_static(b"0\r\n\r\n");

/// The answer. Once its head is written, `wire` is the stream's until that ends or the client leaves; `chunked`: as
/// an answer without a length is since HTTP/1.1.
pub(super) fn respond<P: Pages>(
    first: Bytes,
    feed: Feed<P>,
    place: Place,
    wire: &Wire,
    chunked: bool,
) -> Response {
    let open = STREAMS.opened(Transport::Sse);
    let body = wire.hand_over(move |socket| {
        // A socket on which this fails is about to fail anyway.
        let _ = socket2::SockRef::from(socket.stream()).set_send_buffer_size(SEND_BUFFER_BYTES);
        let next_comment = Instant::now() + COMMENT_EVERY;
        let stream = Stream { socket, feed, chunked, next_comment, _place: place, _open: open };
        tokio::spawn(stream.run(first));
    });
    head(body)
}

/// The answer's head, and a body.
pub(super) fn head(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    // nginx would gather the events into buffers of its own.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

struct Stream<P> {
    socket: Socket,
    feed: Feed<P>,
    chunked: bool,
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

impl<P: Pages> Stream<P> {
    async fn run(mut self, first: Bytes) {
        let End(why) = match self.talk(first).await {
            Ok(never) => match never {},
            Err(end) => end,
        };
        STREAMS.closed(why);
        self.socket.shutdown_write();
    }

    async fn talk(&mut self, first: Bytes) -> Result<Infallible, End> {
        // Even with nothing to say yet: the client waits for the first byte to know that it is connected.
        self.send(vec![if first.is_empty() { COMMENT } else { first }]).await?;
        loop {
            // A client that lags never gets to waiting, and must not outlive its key all the same.
            if let Some(verdict) = self.feed.seat().verdict(Instant::now()) {
                return Err(self.over(verdict.reason()));
            }
            match self.feed.next().await {
                Step::Serve(stretch) => {
                    let messages = self.feed.messages(stretch, Transport::Sse);
                    self.send(messages).await?;
                    tokio::task::consume_budget().await;
                }
                Step::Wait(until) => self.wait(until).await?,
                // How to go on stands in each message's id; what a reconnect meets says why.
                Step::Over(over) => return Err(self.over(over.reason())),
                Step::Failed => return Err(self.over(Closed::Failed)),
            }
        }
    }

    /// The end between two messages: said as HTTP says it, if there is room.
    fn over(&mut self, why: Closed) -> End {
        if self.chunked {
            let _ = Parts::new(vec![LAST_CHUNK]).write(self.socket.stream());
        }
        End(why)
    }

    async fn send(&mut self, mut parts: Vec<Bytes>) -> Result<(), End> {
        self.next_comment = Instant::now() + COMMENT_EVERY;
        if self.chunked {
            let length: usize = parts.iter().map(Bytes::len).sum();
            parts.insert(0, format!("{length:x}\r\n").into());
            parts.push(Bytes::from_static(b"\r\n"));
        }
        let mut parts = Parts::new(parts);
        let mut blocked_since = Instant::now();
        loop {
            match parts.write(self.socket.stream()).map_err(|_| End(Closed::Client))? {
                Wrote::All => return Ok(()),
                Wrote::Some => blocked_since = Instant::now(),
                Wrote::Nothing => {}
            }
            if let Err(end) = self.room(blocked_since + PATIENCE).await {
                // The client takes nothing, or takes it after its time: what waits for it is cut off.
                self.socket.reset();
                return Err(end);
            }
        }
    }

    /// Waits until the socket takes more.
    async fn room(&self, patience: Instant) -> Result<(), End> {
        let seat = self.feed.seat();
        let expires = seat.watch(std::task::Waker::noop()).1;
        let ready = poll_fn(|cx| match seat.watch(cx.waker()) {
            (Some(verdict), _) => Poll::Ready(Err(verdict.into())),
            (None, _) => self.socket.stream().poll_write_ready(cx).map(|_| Ok(())),
        });
        tokio::select! {
            biased;
            ready = ready => ready,
            () = sleep_until(expires.map_or(patience, |at| at.min(patience))) => Err(End(Closed::Stuck)),
        }
    }

    /// Waits for news, and sends a comment when it is time.
    async fn wait(&mut self, until: Option<Instant>) -> Result<(), End> {
        let expires = self.feed.seat().watch(std::task::Waker::noop()).1;
        let wake_at = [Some(self.next_comment), until, expires].into_iter().flatten().min();
        let wake_at = wake_at.unwrap_or(self.next_comment);
        let woke = poll_fn(|cx| {
            let (verdict, now) = self.feed.seat().watch(cx.waker());
            if let Some(verdict) = verdict {
                return Poll::Ready(Woke::Verdict(verdict));
            }
            if now != expires || self.feed.has_news() {
                return Poll::Ready(Woke::News);
            }
            self.socket.stream().poll_read_ready(cx).map(|_| Woke::Readable)
        });
        let woke = tokio::select! {
            biased;
            woke = woke => woke,
            () = sleep_until(wake_at) => Woke::News,
        };
        match woke {
            Woke::News => {}
            Woke::Readable => self.hear()?,
            Woke::Verdict(verdict) => return Err(self.over(verdict.reason())),
        }
        let now = Instant::now();
        if expires.is_some_and(|at| at <= now) {
            return Err(self.over(Closed::Revoked));
        }
        if self.next_comment <= now {
            self.send(vec![COMMENT]).await?;
        }
        Ok(())
    }

    /// Reads what nobody asked for; a client that has closed its side is gone.
    fn hear(&self) -> Result<(), End> {
        let mut ignored = [0; 1 << 10];
        match self.socket.stream().try_read(&mut ignored) {
            Ok(0) => Err(End(Closed::Client)),
            Ok(_) => Ok(()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(()),
            Err(_) => Err(End(Closed::Client)),
        }
    }
}

/// Why the task woke.
enum Woke {
    News,
    Readable,
    Verdict(Verdict),
}
