//! Counting frames as cheaply as can be: from header to header, never looking at what lies between, except on the
//! few sockets that are also checked for having every number once and in order.

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;

#[derive(Default)]
pub(crate) struct Counter {
    /// Text frames read to their end.
    pub(crate) frames: u64,
    opcode: u8,
    left: usize,
    header: [u8; 10],
    header_length: usize,
    check: Option<Check>,
}

/// What a checked socket remembers.
#[derive(Default)]
struct Check {
    payload: Vec<u8>,
    seq: Option<u64>,
    /// A job stream leaves out the numbers of other jobs.
    with_gaps: bool,
}

impl Counter {
    pub(crate) fn checking() -> Self {
        Self { check: Some(Check::default()), ..Self::default() }
    }

    pub(crate) fn checking_order() -> Self {
        Self { check: Some(Check { with_gaps: true, ..Check::default() }), ..Self::default() }
    }

    /// The newest whole message of a checked socket.
    pub(crate) fn newest(&self) -> Option<&[u8]> {
        self.check.as_ref().map(|check| check.payload.as_slice())
    }

    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Result<()> {
        loop {
            let here = self.left.min(bytes.len());
            if here > 0 {
                if let Some(check) = self.check.as_mut().filter(|_| self.opcode != PING) {
                    check.payload.extend_from_slice(&bytes[..here]);
                }
                self.left -= here;
                bytes = &bytes[here..];
                if self.left == 0 {
                    self.end_frame()?;
                }
            }
            if bytes.is_empty() {
                return Ok(());
            }
            bytes = self.read_header(bytes)?;
        }
    }

    fn read_header<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        // A header may be cut anywhere, so it is gathered; nearly always it is whole already.
        let mut taken = 0;
        loop {
            let needed = match (self.header_length, self.header[1]) {
                (0 | 1, _) => 2,
                (_, 126) => 4,
                (_, 127) => 10,
                _ => 2,
            };
            if self.header_length == needed {
                break;
            }
            let Some(byte) = bytes.get(taken) else { return Ok(&[]) };
            self.header[self.header_length] = *byte;
            self.header_length += 1;
            taken += 1;
        }
        let head = &self.header;
        self.left = match head[1] {
            126 => usize::from(u16::from_be_bytes([head[2], head[3]])),
            127 => {
                let bytes = head[2..10].try_into().context("eight bytes of length")?;
                usize::try_from(u64::from_be_bytes(bytes))?
            }
            length => usize::from(length),
        };
        ensure!(head[0] & 0x70 == 0 && head[1] & 0x80 == 0, "not a server's frame: the count went astray");
        self.opcode = head[0] & 0x0f;
        self.header_length = 0;
        if self.opcode == TEXT
            && let Some(check) = &mut self.check
        {
            check.payload.clear();
        }
        if self.left == 0 {
            self.end_frame()?;
        }
        Ok(&bytes[taken..])
    }

    fn end_frame(&mut self) -> Result<()> {
        match self.opcode {
            TEXT => self.frames += 1,
            PING => return Ok(()),
            CLOSE => bail!("the server closed a stream that should have stayed open"),
            other => bail!("a frame of kind {other} in a stream of text"),
        }
        if let Some(check) = &mut self.check {
            let seq = seq_of(&check.payload)?;
            if let Some(before) = check.seq {
                let next = if check.with_gaps { seq > before } else { seq == before + 1 };
                ensure!(next, "after seq {before} came {seq}");
            }
            check.seq = Some(seq);
        }
        Ok(())
    }
}

/// The contract ends every message with its number.
fn seq_of(message: &[u8]) -> Result<u64> {
    let at = seq_at(message)?;
    let digits = message[at..].split(|byte| !byte.is_ascii_digit()).next().unwrap_or_default();
    Ok(std::str::from_utf8(digits)?.parse()?)
}

/// Where the number itself begins.
pub(crate) fn seq_at(message: &[u8]) -> Result<usize> {
    let mark = b"\"seq\":";
    Ok(memmem::rfind(message, mark).context("a message without seq")? + mark.len())
}

/// A whole unmasked text frame, as a server sends it.
pub(crate) fn text_frame(message: &[u8], into: &mut Vec<u8>) {
    into.push(0x80 | TEXT);
    match u16::try_from(message.len()) {
        Ok(length) if length < 126 => into.push(length.to_be_bytes()[1]),
        Ok(length) => {
            into.push(126);
            into.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            into.push(127);
            into.extend_from_slice(&(message.len() as u64).to_be_bytes());
        }
    }
    into.extend_from_slice(message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(seqs: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (index, seq) in seqs.iter().enumerate() {
            // All three forms of the length, and a ping with a payload among them.
            let filler = "x".repeat([10, 300, 70_000][index % 3]);
            text_frame(format!(r#"{{"data":"{filler}","seq":{seq}}}"#).as_bytes(), &mut bytes);
            bytes.extend_from_slice(&[0x89, 2, b'h', b'i', 0x89, 0]);
        }
        bytes
    }

    #[test]
    fn counts_the_same_wherever_the_bytes_are_cut() {
        let bytes = stream(&[1, 2, 3, 4, 5, 6]);
        for size in [1, 2, 3, 7, 1_000, bytes.len()] {
            for mut counter in [Counter::default(), Counter::checking()] {
                for piece in bytes.chunks(size) {
                    counter.feed(piece).unwrap();
                }
                assert_eq!(counter.frames, 6);
            }
        }
    }

    #[test]
    fn a_checked_socket_refuses_gaps_doubles_and_ends() {
        assert!(Counter::checking().feed(&stream(&[1, 3])).is_err());
        assert!(Counter::checking().feed(&stream(&[2, 2])).is_err());
        assert!(Counter::checking_order().feed(&stream(&[1, 3])).is_ok());
        assert!(Counter::checking_order().feed(&stream(&[2, 2])).is_err());
        assert!(Counter::default().feed(&[0x88, 2, 3, 0xe8]).is_err());
    }
}
