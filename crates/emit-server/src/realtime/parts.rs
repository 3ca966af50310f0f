//! Pieces on their way out through a socket that may be full. They are shared with all who watch the same.

use std::io::{self, ErrorKind, IoSlice};

use bytes::{Buf, Bytes};
use tokio::net::TcpStream;

use super::ring::STRETCH_CHUNKS;

/// Most pieces of one system call: the chunks of a stretch, and what a chunked answer puts around them.
const SLICES: usize = STRETCH_CHUNKS + 2;

/// What is still to be written.
pub(super) struct Parts {
    parts: Vec<Bytes>,
    written: usize,
}

/// How far a write came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Everything is with the kernel.
    All,
    /// The socket is full, and took something before.
    Some,
    /// The socket is full.
    Nothing,
}

impl Parts {
    pub(super) fn new(parts: Vec<Bytes>) -> Parts {
        Parts { parts, written: 0 }
    }

    /// Writes what the socket takes now. Whoever then waits for room registers first and writes again.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) fn write(&mut self, stream: &TcpStream) -> io::Result<Wrote> {
        let mut wrote = Wrote::Nothing;
        while let Some(part) = self.parts.get(self.written) {
            if part.is_empty() {
                self.written += 1;
                continue;
            }
            let left = &mut self.parts[self.written..];
            let mut slices = [IoSlice::new(&[]); SLICES];
            for (slice, part) in slices.iter_mut().zip(left.iter()) {
                *slice = IoSlice::new(part);
            }
            match stream.try_write_vectored(&slices[..SLICES.min(left.len())]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    wrote = Wrote::Some;
                    take_off(left, taken);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(wrote),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Wrote::All)
    }
}

fn take_off(parts: &mut [Bytes], mut taken: usize) {
    for part in parts {
        let count = taken.min(part.len());
        part.advance(count);
        taken -= count;
        if taken == 0 {
            return;
        }
    }
}
