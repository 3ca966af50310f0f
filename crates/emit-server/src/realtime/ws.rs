//! WebSocket connections: frames out as they are in the ring, pings, and the ways to end.
//!
//! After the upgrade the connection is a bare socket and one small task. It owns no buffer: what it writes is
//! shared with all who watch the same topic, what it reads is read into the stack.

use std::borrow::Cow;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, Sleep};

use super::beat::{Beat, Due};
use super::codec::{self, DecodeError, Decoder, Message};
use super::feed::{Feed, Pages, Step};
use super::parts::{Parts, Wrote};
use super::registry::Place;
use super::resume::Over;
use super::seat::Verdict;
use crate::metrics::{Closed, OpenStream, STREAMS, Transport};
use crate::net::Socket;

/// The kernel's buffer for one socket. Left alone it grows to megabytes for each client that does not read.
const SEND_BUFFER_BYTES: usize = 16 << 10;
/// The largest message a client may send, all of which are ignored.
const CLIENT_MESSAGE_BYTES: usize = 4 << 10;
/// How long we wait for the client's answer to our close frame.
const GOODBYE: Duration = Duration::from_secs(3);
/// A whole, empty ping.
const PING: &[u8] = &[0x89, 0];

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The stream is over.
    Over(Over),
    /// The key is.
    Revoked,
    /// The server is.
    Draining,
    /// The store did not answer.
    Failed,
    /// The client answers no pings.
    NoPong,
    /// The client says goodbye.
    Answer(u16),
    /// The client breaks the protocol.
    Bad(DecodeError),
    /// The client is gone.
    Lost,
    /// The client takes nothing.
    Stuck,
}

impl End {
    /// The close frame, if one can still be sent; `seq`: the last event handed out.
    fn close(&self, seq: i64) -> Option<(u16, Cow<'static, str>)> {
        let resume = |what: &str| Cow::Owned(format!("{what}: resume with since={seq}"));
        Some(match self {
            End::Over(Over::Ended) => (1000, "the job is over".into()),
            End::Over(Over::Gone) => (4404, "deleted".into()),
            End::Over(Over::Slow) => (1013, resume("slow")),
            End::Revoked => (4401, "the key was revoked or has expired".into()),
            End::Draining => (1012, resume("server restarting")),
            End::Failed => (1011, resume("the store did not answer")),
            End::NoPong => (1011, resume("no pong")),
            End::Answer(code) => (*code, "".into()),
            End::Bad(error) => (error.close_code(), error.to_string().into()),
            End::Lost | End::Stuck => return None,
        })
    }

    fn reason(&self) -> Closed {
        match self {
            End::Over(over) => over.reason(),
            End::Revoked => Closed::Revoked,
            End::Draining => Closed::Draining,
            End::Failed => Closed::Failed,
            End::NoPong => Closed::NoPong,
            End::Answer(_) | End::Lost => Closed::Client,
            End::Bad(_) => Closed::Protocol,
            End::Stuck => Closed::Stuck,
        }
    }
}

/// Serves one connection to its end. `early`: what the client sent behind its handshake; `first`: the messages
/// that come before the feed's.
pub(super) async fn run<P: Pages>(socket: Socket, early: Bytes, first: Bytes, feed: Feed<P>, place: Place) {
    let options = socket2::SockRef::from(socket.stream());
    // A socket on which this fails is about to fail anyway.
    let _ = options.set_send_buffer_size(SEND_BUFFER_BYTES);
    let now = Instant::now();
    let mut connection = Connection {
        socket,
        feed,
        decoder: Decoder::new(CLIENT_MESSAGE_BYTES),
        beat: Beat::new(now),
        timer: Box::pin(tokio::time::sleep_until(now)),
        pong: None,
        end: None,
        _place: place,
        _open: STREAMS.opened(Transport::WebSocket),
    };
    connection.hear(&early);
    // Even empty it may hold hyper's whole read buffer.
    drop(early);
    let end = connection.converse(first).await;
    // Boxed: rare, and the future of an idle connection must not hold room for it.
    Box::pin(connection.part(end)).await;
}

struct Connection<P> {
    socket: Socket,
    feed: Feed<P>,
    decoder: Decoder,
    beat: Beat,
    timer: Pin<Box<Sleep>>,
    /// The payload of a ping to answer.
    pong: Option<Vec<u8>>,
    /// To be acted upon between two frames.
    end: Option<End>,
    _place: Place,
    _open: OpenStream,
}

/// Why the task woke.
enum Woke {
    News,
    Readable,
    Writable,
    Verdict(Verdict),
    Due(Due),
}

impl<P: Pages> Connection<P> {
    async fn converse(&mut self, first: Bytes) -> End {
        match self.talk(first).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn talk(&mut self, first: Bytes) -> Result<std::convert::Infallible, End> {
        if !first.is_empty() {
            self.write(vec![first]).await?;
        }
        loop {
            self.between_frames().await?;
            match self.feed.next().await {
                Step::Serve(stretch) => {
                    let frames = self.feed.messages(stretch, Transport::WebSocket);
                    self.write(frames).await?;
                    tokio::task::consume_budget().await;
                }
                Step::Wait(until) => {
                    let woke = self.wake(false, until).await;
                    self.act(woke)?;
                }
                Step::Over(over) => return Err(End::Over(over)),
                Step::Failed => return Err(End::Failed),
            }
        }
    }

    /// Control frames may not stand within another frame, and nor may the end.
    async fn between_frames(&mut self) -> Result<(), End> {
        // During a long replay the task never waits, and must not outlive its key all the same.
        if let Some(verdict) = self.feed.seat().verdict(Instant::now()) {
            self.act(Woke::Verdict(verdict))?;
        }
        if let Some(end) = self.end.take() {
            return Err(end);
        }
        if let Some(payload) = self.pong.take() {
            let mut frame = Vec::new();
            codec::pong_frame(&mut frame, &payload);
            self.write(vec![frame.into()]).await?;
        }
        if self.beat.ping(Instant::now()) {
            self.write(vec![Bytes::from_static(PING)]).await?;
        }
        Ok(())
    }

    /// Writes all of it, and listens while the socket is full.
    async fn write(&mut self, parts: Vec<Bytes>) -> Result<(), End> {
        let mut parts = Parts::new(parts);
        loop {
            match parts.write(self.socket.stream()).map_err(|_| End::Lost)? {
                Wrote::All => break,
                Wrote::Some => self.beat.flows(),
                Wrote::Nothing => {}
            }
            self.beat.blocks(Instant::now());
            let woke = self.wake(true, None).await;
            self.act(woke)?;
        }
        self.beat.flows();
        self.beat.done(Instant::now());
        Ok(())
    }

    /// Waits for whatever comes first. `full`: there is something to write.
    async fn wake(&mut self, full: bool, until: Option<Instant>) -> Woke {
        poll_fn(|cx| {
            let (verdict, expires) = self.feed.seat().watch(cx.waker());
            if let Some(verdict) = verdict.filter(|_| !self.beat.is_ending()) {
                return Poll::Ready(Woke::Verdict(verdict));
            }
            if !full && self.feed.has_news() {
                return Poll::Ready(Woke::News);
            }
            if full && self.socket.stream().poll_write_ready(cx).is_ready() {
                return Poll::Ready(Woke::Writable);
            }
            if self.socket.stream().poll_read_ready(cx).is_ready() {
                return Poll::Ready(Woke::Readable);
            }
            let (at, due) = self.beat.next(expires, until);
            if self.timer.deadline() != at {
                self.timer.as_mut().reset(at);
            }
            self.timer.as_mut().poll(cx).map(|()| Woke::Due(due))
        })
        .await
    }

    fn act(&mut self, woke: Woke) -> Result<(), End> {
        let now = Instant::now();
        match woke {
            Woke::News | Woke::Writable | Woke::Due(Due::Ping | Due::Later) => {}
            Woke::Readable => self.read()?,
            // A key goes with its space, and then that is the reason.
            Woke::Verdict(Verdict::Revoked) if self.feed.is_gone() => {
                self.end_with(End::Over(Over::Gone), now)
            }
            Woke::Verdict(Verdict::Revoked) | Woke::Due(Due::Expiry) => self.end_with(End::Revoked, now),
            Woke::Verdict(Verdict::Draining) => self.end_with(End::Draining, now),
            Woke::Due(Due::Stuck) => return Err(End::Stuck),
            Woke::Due(Due::NoPong) => self.end_with(End::NoPong, now),
        }
        Ok(())
    }

    /// Ends the connection once the frame under way is written; if the client does not take it, without.
    fn end_with(&mut self, end: End, now: Instant) {
        self.beat.end(now);
        self.end.get_or_insert(end);
    }

    fn read(&mut self) -> Result<(), End> {
        let mut buffer = [0; CLIENT_MESSAGE_BYTES];
        // A client that never stops sending must not keep us from writing.
        for _ in 0..16 {
            match self.socket.stream().try_read(&mut buffer) {
                Ok(0) => return Err(End::Lost),
                Ok(count) => self.hear(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Lost),
            }
        }
        Ok(())
    }

    fn hear(&mut self, mut input: &[u8]) {
        let now = Instant::now();
        loop {
            match self.decoder.decode(&mut input) {
                Ok(Some(Message::Ping(payload))) => self.pong = Some(payload),
                Ok(Some(Message::Pong(_))) => self.beat.pong(),
                Ok(Some(Message::Text(_) | Message::Binary(_))) => {}
                Ok(Some(Message::Close { code, .. })) => return self.end_with(End::Answer(code), now),
                Ok(None) => return,
                Err(error) => return self.end_with(End::Bad(error), now),
            }
        }
    }

    /// Says goodbye as the end allows.
    async fn part(mut self, end: End) {
        STREAMS.closed(end.reason());
        let Some((code, reason)) = end.close(self.feed.seq()) else {
            if matches!(end, End::Stuck) {
                self.socket.reset();
            }
            return;
        };
        tracing::debug!(code, %reason, "a stream is closed");
        let mut frame = Vec::new();
        codec::close_frame(&mut frame, code, &reason);
        self.end = None;
        self.beat.end(Instant::now());
        match self.write(vec![frame.into()]).await {
            Err(End::Stuck) => return self.socket.reset(),
            Err(_) => return,
            Ok(()) => {}
        }
        if matches!(end, End::Bad(_)) {
            // Whatever comes now is no answer of ours to understand.
            self.socket.shutdown_write();
        }
        if !matches!(end, End::Answer(_)) {
            // What the client still sends is read, or the kernel would reset the connection under our frame.
            let _ = tokio::time::timeout(GOODBYE, self.hear_goodbye()).await;
        }
        self.socket.shutdown_write();
    }

    async fn hear_goodbye(&mut self) {
        while !matches!(self.end, Some(End::Answer(_))) {
            if self.socket.stream().readable().await.is_err() || self.read().is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
