//! WebSocket frames as bytes (RFC 6455 §5), server side: a writer of unmasked frames and an incremental reader
//! of masked ones. No I/O and no clock; extensions are never negotiated.

use std::fmt;

/// The largest payload of a control frame (§5.5).
pub const CONTROL_PAYLOAD_MAX: usize = 125;

/// The longest reason of a close frame: the code takes two bytes (§5.5.1).
pub const CLOSE_REASON_MAX: usize = CONTROL_PAYLOAD_MAX - 2;

/// Stands for a close frame without a code (§7.1.5); never on the wire.
pub const NO_STATUS: u16 = 1005;

/// What a frame is (§5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0x0,
    /// Text, or its first fragment.
    Text = 0x1,
    /// Binary, or its first fragment.
    Binary = 0x2,
    /// The end.
    Close = 0x8,
    /// Asks for a pong with the same payload.
    Ping = 0x9,
    /// Answers a ping, or comes unasked.
    Pong = 0xA,
}

impl Opcode {
    fn from_bits(bits: u8) -> Option<Opcode> {
        use Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
        [Continuation, Text, Binary, Close, Ping, Pong].into_iter().find(|opcode| *opcode as u8 == bits)
    }

    fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// Appends the header of a whole, unmasked frame; `payload_len` bytes of payload must follow (§5.2).
pub fn header(out: &mut Vec<u8>, opcode: Opcode, payload_len: usize) {
    const FIN: u8 = 0x80;
    out.push(FIN | opcode as u8);
    match payload_len {
        0..=125 => out.push(payload_len as u8),
        126..=0xFFFF => {
            out.push(126);
            out.extend_from_slice(&(payload_len as u16).to_be_bytes());
        }
        _ => {
            out.push(127);
            out.extend_from_slice(&(payload_len as u64).to_be_bytes());
        }
    }
}

fn frame(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    out.reserve(payload.len() + 10);
    header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends a text frame (§5.6); the payload must be UTF-8.
pub fn text_frame(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, Opcode::Text, payload);
}

/// Appends a binary frame (§5.6).
pub fn binary_frame(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, Opcode::Binary, payload);
}

/// Appends a ping (§5.5.2), its payload cut at 125 bytes.
pub fn ping_frame(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, Opcode::Ping, &payload[..payload.len().min(CONTROL_PAYLOAD_MAX)]);
}

/// Appends a pong (§5.5.3), its payload cut at 125 bytes.
pub fn pong_frame(out: &mut Vec<u8>, payload: &[u8]) {
    frame(out, Opcode::Pong, &payload[..payload.len().min(CONTROL_PAYLOAD_MAX)]);
}

/// Appends a close frame (§5.5.1), its reason cut at 123 bytes; with [`NO_STATUS`] an empty one.
pub fn close_frame(out: &mut Vec<u8>, code: u16, reason: &str) {
    if code == NO_STATUS {
        return header(out, Opcode::Close, 0);
    }
    let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_MAX)];
    header(out, Opcode::Close, 2 + reason.len());
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(reason.as_bytes());
}

/// What a client sent: a whole message, or a control frame, which may come between a message's fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// To be answered by a pong with this payload.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The client closes: to be answered by a close frame, if none was sent before.
    Close {
        /// The client's code; [`NO_STATUS`] if it gave none.
        code: u16,
        /// The client's reason.
        reason: String,
    },
}

/// Why the connection must fail (§7.1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// A frame that the RFC forbids here; the text says which.
    Protocol(&'static str),
    /// Text or a close reason that is not UTF-8 (§8.1).
    Utf8,
    /// A message longer than the limit.
    TooBig,
}

impl DecodeError {
    /// The code of the close frame to answer with (§7.4.1).
    pub fn close_code(&self) -> u16 {
        match self {
            DecodeError::Protocol(_) => 1002,
            DecodeError::Utf8 => 1007,
            DecodeError::TooBig => 1009,
        }
    }
}

/// Short enough for the reason of a close frame.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DecodeError::Protocol(what) => what,
            DecodeError::Utf8 => "invalid UTF-8",
            DecodeError::TooBig => "message too big",
        })
    }
}

impl std::error::Error for DecodeError {}

/// Reads masked frames, in pieces of any size, into messages. It holds what it needs of an unfinished frame, so
/// that the caller may reuse one buffer for many connections. Payload is stored as it arrives and never reserved
/// from a declared length: at most twice the limit, and nothing between messages.
#[derive(Debug)]
pub struct Decoder {
    max_message_bytes: usize,
    /// The header read so far, while `frame` is none: 2 bytes, up to 8 of length, 4 of mask.
    head: [u8; 14],
    head_len: u8,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The unfinished message: its type, its payload unmasked, and how much of that is known to be UTF-8.
    message: Option<Opcode>,
    payload: Vec<u8>,
    utf8_len: usize,
    /// The payload of the unfinished control frame.
    control: Vec<u8>,
    /// After a close frame or an error.
    closed: bool,
}

#[derive(Debug, Clone, Copy)]
struct Frame {
    fin: bool,
    opcode: Opcode,
    /// Turned so that its first byte belongs to the next byte of payload.
    mask: [u8; 4],
    /// Bytes of payload yet to come.
    left: usize,
}

impl Decoder {
    /// A decoder that takes text and binary messages of up to that many bytes, over all fragments.
    pub fn new(max_message_bytes: usize) -> Decoder {
        Decoder {
            max_message_bytes,
            head: [0; 14],
            head_len: 0,
            frame: None,
            message: None,
            payload: Vec::new(),
            utf8_len: 0,
            control: Vec::new(),
            closed: false,
        }
    }

    /// Takes bytes off the front of `input` up to the end of the next message. Call it until it gives `None`: then
    /// `input` is empty. After a close frame or an error all further input is dropped (§5.5.1, §7.1.7).
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Message>, DecodeError> {
        let decoded = if self.closed { Ok(None) } else { self.next_message(input) };
        if self.closed || matches!(decoded, Err(_) | Ok(Some(Message::Close { .. }))) {
            *self = Decoder { closed: true, ..Decoder::new(self.max_message_bytes) };
            *input = &[];
        }
        decoded
    }

    fn next_message(&mut self, input: &mut &[u8]) -> Result<Option<Message>, DecodeError> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.read_header(input)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            self.read_payload(&mut frame, input)?;
            if frame.left > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(message) = self.end_frame(frame)? {
                return Ok(Some(message));
            }
        }
    }

    /// §5.2. Refuses what it can before the rest of the frame is there.
    fn read_header(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, DecodeError> {
        if !self.fill_head(2, input) {
            return Ok(None);
        }
        let (fin, opcode, short_len) = self.first_bytes()?;
        let (len_bytes, len_min) = match short_len {
            126 => (2, 126),
            127 => (8, 0x1_0000),
            _ => (0, 0),
        };
        if !self.fill_head(2 + len_bytes, input) {
            return Ok(None);
        }
        let extended = self.head[2..2 + len_bytes].iter().fold(0, |len, byte| len << 8 | u64::from(*byte));
        let len = if len_bytes == 0 { u64::from(short_len) } else { extended };
        if len < len_min || len >> 63 != 0 {
            return Err(DecodeError::Protocol("length not minimal or not of 63 bits"));
        }
        let free = self.max_message_bytes - self.payload.len();
        let left = usize::try_from(len).map_err(|_| DecodeError::TooBig)?;
        if !opcode.is_control() && left > free {
            return Err(DecodeError::TooBig);
        }
        if !self.fill_head(2 + len_bytes + 4, input) {
            return Ok(None);
        }
        let mut mask = [0; 4];
        mask.copy_from_slice(&self.head[2 + len_bytes..2 + len_bytes + 4]);
        self.head_len = 0;
        if matches!(opcode, Opcode::Text | Opcode::Binary) {
            self.message = Some(opcode);
        }
        Ok(Some(Frame { fin, opcode, mask, left }))
    }

    /// FIN, opcode and the 7-bit length, checked (§5.1, §5.2, §5.4, §5.5).
    fn first_bytes(&self) -> Result<(bool, Opcode, u8), DecodeError> {
        let [first, second, ..] = self.head;
        let (fin, short_len) = (first & 0x80 != 0, second & 0x7F);
        if first & 0x70 != 0 {
            return Err(DecodeError::Protocol("reserved bit set"));
        }
        let opcode = Opcode::from_bits(first & 0x0F).ok_or(DecodeError::Protocol("reserved opcode"))?;
        if second & 0x80 == 0 {
            return Err(DecodeError::Protocol("frame not masked"));
        }
        if opcode.is_control() && !fin {
            return Err(DecodeError::Protocol("fragmented control frame"));
        }
        if opcode.is_control() && usize::from(short_len) > CONTROL_PAYLOAD_MAX {
            return Err(DecodeError::Protocol("control frame too long"));
        }
        match (opcode, self.message) {
            (Opcode::Continuation, None) => Err(DecodeError::Protocol("nothing to continue")),
            (Opcode::Text | Opcode::Binary, Some(_)) => Err(DecodeError::Protocol("message not finished")),
            _ => Ok((fin, opcode, short_len)),
        }
    }

    /// Takes header bytes until there are `len`; whether there are.
    fn fill_head(&mut self, len: usize, input: &mut &[u8]) -> bool {
        while usize::from(self.head_len) < len {
            let Some(byte) = input.split_off_first() else { return false };
            self.head[usize::from(self.head_len)] = *byte;
            self.head_len += 1;
        }
        true
    }

    /// Takes what is there of the frame's payload, unmasked (§5.3); text fails at its first wrong byte (§8.1).
    fn read_payload(&mut self, frame: &mut Frame, input: &mut &[u8]) -> Result<(), DecodeError> {
        let (part, rest) = input.split_at(frame.left.min(input.len()));
        *input = rest;
        let payload = if frame.opcode.is_control() { &mut self.control } else { &mut self.payload };
        let start = payload.len();
        payload.extend_from_slice(part);
        unmask(&mut payload[start..], frame.mask);
        frame.mask.rotate_left(part.len() % 4);
        frame.left -= part.len();
        if self.message == Some(Opcode::Text) {
            self.utf8_len += match str::from_utf8(&self.payload[self.utf8_len..]) {
                Ok(text) => text.len(),
                Err(error) if error.error_len().is_none() => error.valid_up_to(),
                Err(_) => return Err(DecodeError::Utf8),
            };
        }
        Ok(())
    }

    /// The message that ends with this frame, if one does (§5.4).
    fn end_frame(&mut self, frame: Frame) -> Result<Option<Message>, DecodeError> {
        let message = match frame.opcode {
            Opcode::Ping => Message::Ping(std::mem::take(&mut self.control)),
            Opcode::Pong => Message::Pong(std::mem::take(&mut self.control)),
            Opcode::Close => close(&self.control)?,
            _ if !frame.fin => return Ok(None),
            _ => {
                self.utf8_len = 0;
                let payload = std::mem::take(&mut self.payload);
                match self.message.take() {
                    Some(Opcode::Text) => {
                        Message::Text(String::from_utf8(payload).map_err(|_| DecodeError::Utf8)?)
                    }
                    _ => Message::Binary(payload),
                }
            }
        };
        Ok(Some(message))
    }
}

/// §5.3.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let (words, rest) = payload.as_chunks_mut::<4>();
    for word in words {
        *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask) {
        *byte ^= mask;
    }
}

/// The payload of a close frame (§5.5.1).
fn close(payload: &[u8]) -> Result<Message, DecodeError> {
    let (code, reason) = match payload {
        [] => (NO_STATUS, &[][..]),
        [_] => return Err(DecodeError::Protocol("close code of one byte")),
        [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
    };
    if !payload.is_empty() && !is_close_code(code) {
        return Err(DecodeError::Protocol("invalid close code"));
    }
    let reason = str::from_utf8(reason).map_err(|_| DecodeError::Utf8)?.to_owned();
    Ok(Message::Close { code, reason })
}

/// The codes that may be on the wire (§7.4 and the registry, which has added 1012 to 1014).
fn is_close_code(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

#[cfg(test)]
mod tests;
