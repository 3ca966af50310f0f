//! The ceiling of the fan-out: a process that does nothing but write frames to sockets. One thread, one write per
//! socket and batch, all sockets from one joined buffer, which nothing that also thinks can beat.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;

use anyhow::{Context as _, Result};
use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::fanout::BATCH;
use crate::frames::{seq_at, text_frame};

const LISTENER: Token = Token(usize::MAX);

/// More than the publisher's window can ever have open.
const BATCHES_KEPT: usize = 256;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// A message as the real server sent it
    #[arg(long)]
    message: PathBuf,
}

pub(crate) fn serve(options: &Options) -> Result<()> {
    let message = std::fs::read(&options.message).context("the recorded message")?;
    let seq_at = seq_at(&message)?;
    let mut listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("listening on http://{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut writer =
        Writer { before_seq: message[..seq_at].to_vec(), seq: 0, log: VecDeque::new(), dropped: 0 };
    let mut connections: Vec<Connection> = Vec::new();
    let mut events = Events::with_capacity(1_024);
    loop {
        if let Err(error) = poll.poll(&mut events, None) {
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            return Err(error.into());
        }
        let mut batches = 0;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let _ = stream.set_nodelay(true);
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(connections.len()), interest)?;
                    connections.push(Connection { stream, input: Vec::new(), cursor: None });
                }
                continue;
            }
            let connection = &mut connections[event.token().0];
            if event.is_readable() {
                batches += connection.read(&writer);
            }
            if event.is_writable() {
                connection.write(&writer);
            }
        }
        for _ in 0..batches {
            writer.join_batch();
            for connection in &mut connections {
                connection.write(&writer);
            }
        }
    }
}

/// The joined batches, numbered from the first ever.
struct Writer {
    before_seq: Vec<u8>,
    seq: u64,
    log: VecDeque<Rc<Vec<u8>>>,
    dropped: usize,
}

impl Writer {
    fn join_batch(&mut self) {
        let mut joined = Vec::new();
        for _ in 0..BATCH {
            self.seq += 1;
            let mut message = self.before_seq.clone();
            message.extend_from_slice(format!("{}}}", self.seq).as_bytes());
            text_frame(&message, &mut joined);
        }
        self.log.push_back(Rc::new(joined));
        if self.log.len() > BATCHES_KEPT {
            self.log.pop_front();
            self.dropped += 1;
        }
    }

    fn end(&self) -> usize {
        self.dropped + self.log.len()
    }
}

struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// A subscriber's next batch and how much of it is written; none on a publisher.
    cursor: Option<(usize, usize)>,
}

impl Connection {
    /// Takes what came in and answers it; gives how many batches it asked for.
    fn read(&mut self, writer: &Writer) -> usize {
        let mut buffer = [0; 64 << 10];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => {
                    // Gone; not to be written to in the next round.
                    self.cursor = None;
                    break;
                }
                Err(_) => break,
                Ok(read) => self.input.extend_from_slice(&buffer[..read]),
            }
        }
        let mut batches = 0;
        while let Some(request) = self.next_request() {
            if request.starts_with(b"GET") {
                let head =
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
                let _ = self.stream.write_all(head.as_bytes());
                self.cursor = Some((writer.end(), 0));
            } else {
                let _ = self.stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
                batches += 1;
            }
        }
        batches
    }

    fn next_request(&mut self) -> Option<Vec<u8>> {
        let head = memmem::find(&self.input, b"\r\n\r\n")? + 4;
        let mark = b"content-length: ";
        let length = memmem::find(&self.input[..head], mark).map_or(0, |at| {
            let digits = self.input[at + mark.len()..].iter().take_while(|byte| byte.is_ascii_digit());
            digits.fold(0, |value, digit| value * 10 + usize::from(digit - b'0'))
        });
        if self.input.len() < head + length {
            return None;
        }
        let rest = self.input.split_off(head + length);
        Some(std::mem::replace(&mut self.input, rest))
    }

    /// Writes until all is written or the socket is full; a failed socket is left to its reader to notice.
    fn write(&mut self, writer: &Writer) {
        let Some((batch, written)) = &mut self.cursor else { return };
        while let Some(joined) = batch.checked_sub(writer.dropped).and_then(|at| writer.log.get(at)) {
            match self.stream.write(&joined[*written..]) {
                Ok(count) => *written += count,
                Err(_) => return,
            }
            if *written == joined.len() {
                (*batch, *written) = (*batch + 1, 0);
            }
        }
    }
}
