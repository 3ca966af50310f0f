//! One thread that reads all sockets into one buffer, and counts what came.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use mio::{Events, Interest, Poll, Token};
use tokio::sync::Notify;

/// How long deliveries may stay away before the run has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is kept of each socket.
pub(crate) trait Reader: Send + 'static {
    /// Takes what was read, and gives how many deliveries ended in it. Ages of messages in microseconds go to `ages`.
    fn feed(&mut self, bytes: &[u8], ages: &mut Vec<u32>) -> Result<u64>;
}

pub(crate) struct Readers<R> {
    thread: JoinHandle<Result<Vec<R>>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    total: AtomicU64,
    progressed: Notify,
    stop: AtomicBool,
    /// Filled by the reading thread, emptied by whoever asks.
    ages: Mutex<Vec<u32>>,
}

impl<R: Reader> Readers<R> {
    pub(crate) fn start(sockets: Vec<(TcpStream, R)>) -> Self {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let thread = std::thread::spawn(move || read_all(sockets, &of_thread));
        Self { thread, shared }
    }

    /// Deliveries to all sockets so far.
    pub(crate) fn total(&self) -> u64 {
        self.shared.total.load(Ordering::Relaxed)
    }

    /// The ages that were read since the last time.
    pub(crate) fn take_ages(&self) -> Vec<u32> {
        std::mem::take(&mut self.shared.ages.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) async fn wait_for(&self, needed: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.total() < needed {
            ensure!(Instant::now() < deadline, "of {needed} deliveries {} came", self.total());
            ensure!(
                !self.thread.is_finished(),
                "the reading side ended early; its last words follow the run"
            );
            let _ = tokio::time::timeout(Duration::from_millis(50), self.shared.progressed.notified()).await;
        }
        Ok(())
    }

    /// Closes the sockets and gives what was kept of each.
    pub(crate) fn finish(self) -> Result<Vec<R>> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let Ok(readers) = self.thread.join() else { bail!("the reading thread panicked") };
        readers
    }
}

fn read_all<R: Reader>(sockets: Vec<(TcpStream, R)>, shared: &Shared) -> Result<Vec<R>> {
    let outcome = read_until_stopped(sockets, shared);
    if let Err(error) = &outcome {
        eprintln!("reading sockets: {error:#}");
    }
    outcome
}

fn read_until_stopped<R: Reader>(sockets: Vec<(TcpStream, R)>, shared: &Shared) -> Result<Vec<R>> {
    let mut poll = Poll::new()?;
    let mut streams = Vec::with_capacity(sockets.len());
    let mut readers = Vec::with_capacity(sockets.len());
    for (index, (socket, reader)) in sockets.into_iter().enumerate() {
        socket.set_nonblocking(true)?;
        let mut stream = mio::net::TcpStream::from_std(socket);
        poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        streams.push(stream);
        readers.push(reader);
    }
    let mut events = Events::with_capacity(streams.len().max(1));
    let mut buffer = vec![0; 256 << 10];
    let mut ages = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        match poll.poll(&mut events, Some(Duration::from_millis(50))) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        let mut read_now = 0;
        for event in &events {
            let (stream, reader) = (&mut streams[event.token().0], &mut readers[event.token().0]);
            loop {
                match stream.read(&mut buffer) {
                    Ok(0) => bail!("the server hung up on a socket"),
                    Ok(length) => {
                        read_now += reader.feed(&buffer[..length], &mut ages)?;
                        // A buffer not filled was all there was; the next arrival is a new event.
                        if length < buffer.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error).context("reading a socket"),
                }
            }
        }
        if !ages.is_empty() {
            shared.ages.lock().unwrap_or_else(PoisonError::into_inner).append(&mut ages);
        }
        if read_now > 0 {
            shared.total.fetch_add(read_now, Ordering::Relaxed);
            shared.progressed.notify_one();
        }
    }
    Ok(readers)
}
