//! A TCP connection that several may hold: hyper while it speaks HTTP, a stream after the upgrade, a request's
//! extension to cut it.

use std::convert::Infallible;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body::Frame;
use rustix::net::{RecvFlags, recv};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;

use super::refusal;
use crate::metrics::{HTTP, OpenConnection};

/// Most bytes of one read: several requests, or a piece of a body.
const READ_BYTES: usize = 16 << 10;

/// Called once what was promised is with the kernel; dropped uncalled, it never got there.
type Receipt = Box<dyn FnOnce(&Socket) + Send>;

/// Who goes on with a connection once it is no longer hyper's.
type Successor = Box<dyn FnOnce(Socket) + Send>;

/// How often a connection with unread bytes is looked at for its end.
const GONE_LOOK: Duration = Duration::from_millis(250);

/// A connection. Clones are the same connection; it closes with the last.
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    stream: TcpStream,
    /// A request is being answered: what arrives now is no head that is overdue.
    busy: AtomicBool,
    /// A request has begun whose answer is not yet written: what hyper writes otherwise is a refusal of its own.
    owes: AtomicBool,
    /// Bytes have arrived since the last request was answered.
    begun: AtomicBool,
    /// Requests answered so far.
    answered: AtomicU32,
    /// The peer takes nothing at the moment.
    blocked: AtomicBool,
    /// Of the answer under way. Hyper flushes only when everything before is written.
    receipt: Mutex<Option<Receipt>>,
    /// Hyper has written all that is his to write.
    left: AtomicBool,
    /// Who goes on once it has.
    successor: Mutex<Option<Successor>>,
    /// Counts against the connections there may be.
    _permit: OwnedSemaphorePermit,
    _open: OpenConnection,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, permit: OwnedSemaphorePermit) -> Socket {
        Socket(Arc::new(Inner {
            stream,
            busy: AtomicBool::new(false),
            owes: AtomicBool::new(false),
            begun: AtomicBool::new(false),
            answered: AtomicU32::new(0),
            blocked: AtomicBool::new(false),
            receipt: Mutex::new(None),
            left: AtomicBool::new(false),
            successor: Mutex::new(None),
            _permit: permit,
            _open: HTTP.connected(),
        }))
    }

    /// The raw stream.
    pub fn stream(&self) -> &TcpStream {
        &self.0.stream
    }

    /// Drops what is not yet sent: the peer sees a reset.
    pub fn reset(&self) {
        let options = SockRef::from(&self.0.stream);
        let _ = options.set_linger(Some(Duration::ZERO));
        // Whoever else holds it wakes and lets go; a reset it becomes when the last one has.
        let _ = options.shutdown(Shutdown::Both);
    }

    /// Says that nothing more will come.
    pub fn shutdown_write(&self) {
        let _ = SockRef::from(&self.0.stream).shutdown(Shutdown::Write);
    }

    /// A request's head is complete.
    pub(super) fn begin_request(&self) {
        self.0.busy.store(true, Ordering::Relaxed);
        self.0.owes.store(true, Ordering::Relaxed);
        self.0.begun.store(false, Ordering::Relaxed);
    }

    /// Its answer is in the connection's hands.
    pub(super) fn end_request(&self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
        self.0.busy.store(false, Ordering::Relaxed);
    }

    pub(super) fn answered(&self) -> u32 {
        self.0.answered.load(Ordering::Relaxed)
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Relaxed)
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.begun.load(Ordering::Relaxed)
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.0.blocked.load(Ordering::Relaxed)
    }

    /// Hyper must not be polled again: the connection has a successor.
    pub(super) fn is_left(&self) -> bool {
        self.0.left.load(Ordering::Relaxed)
    }

    /// Who goes on with it, if hyper has left it to somebody.
    pub(super) fn successor(&self) -> Option<Successor> {
        if !self.is_left() {
            return None;
        }
        self.0.successor.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn receipt(&self) -> MutexGuard<'_, Option<Receipt>> {
        self.0.receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_send(
        &self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        mut send: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if !self.0.owes.load(Ordering::Relaxed)
            && let Some(problem) = slices.first().and_then(|head| refusal::in_place_of(head))
        {
            refusal::refuse(&self.0.stream, &problem);
            return Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()));
        }
        loop {
            if self.0.stream.poll_write_ready(cx)?.is_pending() {
                self.0.blocked.store(true, Ordering::Relaxed);
                return Poll::Pending;
            }
            match send(&self.0.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                sent => {
                    self.0.blocked.store(false, Ordering::Relaxed);
                    return Poll::Ready(sent);
                }
            }
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Received here and copied: a buffer of the caller's would have to be zeroed first.
        let mut chunk = [MaybeUninit::<u8>::uninit(); READ_BYTES];
        let room = buffer.remaining().min(READ_BYTES);
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            let mut received = None;
            let drained = self.0.stream.try_io(Interest::READABLE, || {
                let ((bytes, _), _) = recv(&self.0.stream, &mut chunk[..room], RecvFlags::empty())?;
                let count = bytes.len();
                buffer.put_slice(bytes);
                received = Some(count);
                // Less than there was room for: the socket is empty, and asking it again would be a call for nothing.
                if 0 < count && count < room { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (received, drained) {
                (Some(count), _) => {
                    if count > 0 && !self.is_busy() {
                        self.0.begun.store(true, Ordering::Relaxed);
                    }
                    return Poll::Ready(Ok(()));
                }
                (None, Err(error)) if error.kind() != ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => {}
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, &[IoSlice::new(bytes)], |stream| stream.try_write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_send(cx, slices, |stream| stream.try_write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(receipt) = self.receipt().take() {
            receipt(&self);
        }
        self.0.owes.store(self.is_busy(), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown_write();
        Poll::Ready(Ok(()))
    }
}

/// A request's hold on its connection.
#[derive(Clone)]
pub struct Wire(pub(super) Socket);

impl Wire {
    /// Cuts the connection: what is not yet sent is lost, and the handler's response with it.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Calls back once what hyper has taken of the answer is with the kernel. A connection that fails before drops
    /// the call.
    pub fn when_written(&self, receipt: impl FnOnce() + Send + 'static) {
        *self.0.receipt() = Some(Box::new(|_| receipt()));
    }

    /// Returns once the peer has closed its side, or the connection has failed.
    pub async fn gone(&self) {
        while let Ok(ready) = self.0.stream().ready(Interest::READABLE).await {
            if ready.is_read_closed() {
                return;
            }
            // A request waits behind this one, unread: nothing wakes for an end behind it.
            tokio::time::sleep(GONE_LOOK).await;
        }
    }

    /// Hands the connection over once the head of the answer, which has the returned body, is with the kernel: all
    /// bytes behind it are the successor's.
    pub fn hand_over(&self, successor: impl FnOnce(Socket) + Send + 'static) -> Body {
        *self.0.receipt() = Some(Box::new(|socket| {
            *socket.0.successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(successor));
            socket.0.left.store(true, Ordering::Relaxed);
        }));
        Body::new(Endless)
    }
}

/// What hyper sees of a body that somebody else writes.
struct Endless;

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
