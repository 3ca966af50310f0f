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
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMIT: usize = 100_000;
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

    /// A client's frame: the first byte as given, masked.
    fn client(first: u8, payload: &[u8], mask: [u8; 4]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            len @ 0..126 => out.push(0x80 | len as u8),
            len @ 126..65_536 => {
                out.push(0x80 | 126);
                out.extend((len as u16).to_be_bytes());
            }
            len => {
                out.push(0x80 | 127);
                out.extend((len as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        out
    }

    fn decode_with(decoder: &mut Decoder, mut input: &[u8]) -> (Vec<Message>, Option<DecodeError>) {
        let mut messages = Vec::new();
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => {
                    assert!(input.is_empty(), "nothing is left over");
                    return (messages, None);
                }
                Err(error) => return (messages, Some(error)),
            }
        }
    }

    fn decode(frames: &[Vec<u8>]) -> (Vec<Message>, Option<DecodeError>) {
        decode_with(&mut Decoder::new(LIMIT), &frames.concat())
    }

    fn one(first: u8, payload: &[u8]) -> Result<Message, DecodeError> {
        match decode(&[client(first, payload, MASK)]) {
            (mut messages, None) if messages.len() == 1 => Ok(messages.remove(0)),
            (messages, Some(error)) if messages.is_empty() => Err(error),
            other => panic!("{other:?}"),
        }
    }

    fn code(frames: &[Vec<u8>]) -> Option<u16> {
        decode(frames).1.map(|error| error.close_code())
    }

    fn text(text: &str) -> Message {
        Message::Text(text.to_owned())
    }

    #[test]
    fn the_rfc_examples() {
        let mut out = Vec::new();
        text_frame(&mut out, b"Hello");
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]);
        let masked = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58];
        assert_eq!(decode(&[masked.to_vec()]), (vec![text("Hello")], None));
        let fragments = [client(0x01, b"Hel", MASK), client(0x80, b"lo", MASK)];
        assert_eq!(decode(&fragments), (vec![text("Hello")], None));
    }

    #[test]
    fn the_writer_on_both_sides_of_each_length() {
        let lengths: [(usize, &[u8]); 7] = [
            (0, &[0x82, 0]),
            (1, &[0x82, 1]),
            (125, &[0x82, 125]),
            (126, &[0x82, 126, 0, 126]),
            (127, &[0x82, 126, 0, 127]),
            (65_535, &[0x82, 126, 0xFF, 0xFF]),
            (65_536, &[0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ];
        for (len, head) in lengths {
            let mut out = Vec::new();
            binary_frame(&mut out, &vec![7; len]);
            assert_eq!(out[..head.len()], *head);
            assert_eq!(out[head.len()..], vec![7; len]);
        }
    }

    #[test]
    fn the_reader_on_both_sides_of_each_length() {
        for len in [0, 1, 2, 3, 4, 5, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537, LIMIT] {
            let payload: Vec<u8> = (0..len).map(|at| at as u8).collect();
            assert_eq!(one(0x82, &payload), Ok(Message::Binary(payload)));
        }
        assert_eq!(one(0x82, &vec![0; LIMIT + 1]), Err(DecodeError::TooBig));
    }

    #[test]
    fn control_frames_written_are_cut_to_fit() {
        for (len, written) in [(0, 0), (125, 125), (126, 125)] {
            let (mut ping, mut pong) = (Vec::new(), Vec::new());
            ping_frame(&mut ping, &vec![1; len]);
            pong_frame(&mut pong, &vec![1; len]);
            assert_eq!((ping[0], ping[1], ping.len()), (0x89, written as u8, 2 + written));
            assert_eq!((pong[0], pong[1], pong.len()), (0x8A, written as u8, 2 + written));
        }
        for (reason, written) in [("x".repeat(123), 125), ("x".repeat(124), 125), ("é".repeat(62), 124)] {
            let mut close = Vec::new();
            close_frame(&mut close, 4401, &reason);
            assert_eq!(close[..4], [0x88, written, 0x11, 0x31]);
            assert_eq!(str::from_utf8(&close[4..]), Ok(&reason[..usize::from(written) - 2]));
        }
        let mut empty = Vec::new();
        close_frame(&mut empty, NO_STATUS, "not sent");
        assert_eq!(empty, [0x88, 0]);
    }

    #[test]
    fn control_frames_come_between_fragments() {
        let frames = [
            client(0x01, b"a", MASK),
            client(0x89, b"p", MASK),
            client(0x00, b"", MASK),
            client(0x8A, b"", MASK),
            client(0x80, b"b", MASK),
        ];
        let messages = vec![Message::Ping(b"p".to_vec()), Message::Pong(vec![]), text("ab")];
        assert_eq!(decode(&frames), (messages, None));
    }

    #[test]
    fn control_frames_hold_at_most_125_bytes() {
        assert_eq!(one(0x89, &[1; 125]), Ok(Message::Ping(vec![1; 125])));
        assert_eq!(one(0x89, &[1; 126]), Err(DecodeError::Protocol("control frame too long")));
        assert_eq!(one(0x8A, &[1; 126]).unwrap_err().close_code(), 1002);
    }

    #[test]
    fn forbidden_first_bytes_fail_at_the_second_byte() {
        for first in 0..=u8::MAX {
            let allowed = [0x01, 0x02, 0x81, 0x82, 0x88, 0x89, 0x8A].contains(&first);
            let error = decode(&[vec![first, 0x80]]).1;
            assert_eq!(error.is_none(), allowed, "{first:#x}");
            assert!(error.is_none_or(|error| error.close_code() == 1002));
            assert_eq!(code(&[vec![first, 0x00]]), Some(1002), "{first:#x} not masked");
        }
        assert_eq!(decode(&[vec![0x81, 0x00]]).1, Some(DecodeError::Protocol("frame not masked")));
    }

    #[test]
    fn fragments_follow_each_other() {
        assert_eq!(code(&[client(0x80, b"", MASK)]), Some(1002));
        for first in [0x01, 0x02, 0x81, 0x82] {
            assert_eq!(code(&[client(0x01, b"a", MASK), client(first, b"b", MASK)]), Some(1002));
        }
        let again = [client(0x02, b"a", MASK), client(0x80, b"b", MASK), client(0x80, b"c", MASK)];
        assert_eq!(code(&again), Some(1002));
    }

    #[test]
    fn lengths_are_minimal_and_of_63_bits() {
        assert_eq!(code(&[vec![0x82, 0xFE, 0, 125]]), Some(1002));
        assert_eq!(code(&[vec![0x82, 0xFE, 0, 126]]), None);
        assert_eq!(code(&[vec![0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]]), Some(1002));
        assert_eq!(code(&[vec![0x82, 0xFF, 0, 0, 0, 0, 0, 1, 0, 0]]), None);
        assert_eq!(code(&[vec![0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0]]), Some(1002));
        assert_eq!(code(&[vec![0x82, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]]), Some(1009));
    }

    #[test]
    fn a_declared_length_over_the_limit_fails_at_once_and_reserves_nothing() {
        let mut decoder = Decoder::new(LIMIT);
        let mut head = vec![0x82, 0xFF];
        head.extend((LIMIT as u64).to_be_bytes());
        head.extend(MASK);
        assert_eq!(decode_with(&mut decoder, &head), (vec![], None));
        assert_eq!(decoder.payload.capacity(), 0);

        head[2..10].copy_from_slice(&(LIMIT as u64 + 1).to_be_bytes());
        assert_eq!(code(&[head[..10].to_vec()]), Some(1009), "before the mask");
        assert_eq!(decode_with(&mut Decoder::new(0), &[0x82, 0x81]).1, Some(DecodeError::TooBig));
        assert_eq!(decode_with(&mut Decoder::new(0), &client(0x89, b"p", MASK)).1, None);
    }

    #[test]
    fn the_limit_counts_all_fragments() {
        let start = client(0x02, &vec![0; LIMIT - 1], MASK);
        let (messages, error) = decode(&[start.clone(), client(0x80, b"1", MASK)]);
        assert_eq!((messages.len(), error), (1, None));
        assert_eq!(decode(&[start, client(0x80, b"12", MASK)]), (vec![], Some(DecodeError::TooBig)));
    }

    #[test]
    fn text_fails_at_its_first_wrong_byte() {
        let wrong: [&[u8]; 5] = [b"\xFF", b"\xC0", b"ab\xED\xA0", b"\xF4\x90", b"\xCE\xBA\xE1\xBD\xB9\xCF."];
        for wrong in wrong {
            let mut frame = client(0x01, &[wrong, &[b'x'; 20]].concat(), MASK);
            let end = frame.len() - 20;
            assert_eq!(code(&[frame[..end - 1].to_vec()]), None, "{wrong:x?}");
            frame.truncate(end);
            assert_eq!(code(&[frame]), Some(1007), "{wrong:x?}");
        }
        let halves =
            [client(0x01, b"\xF0\x9F", MASK), client(0x00, b"", MASK), client(0x80, b"\x8C\x8D", MASK)];
        assert_eq!(decode(&halves), (vec![text("🌍")], None));
        assert_eq!(code(&halves[..2]), None);
        assert_eq!(one(0x81, b"\xF0\x9F\x8C"), Err(DecodeError::Utf8), "unfinished at the end");
        assert_eq!(one(0x82, b"\xFF"), Ok(Message::Binary(vec![0xFF])));
        assert_eq!(decode(&[client(0x82, b"\xFF", MASK), client(0x81, "é".as_bytes(), MASK)]).1, None);
    }

    #[test]
    fn close_payloads() {
        let close = |code: u16, reason: &[u8]| one(0x88, &[&code.to_be_bytes(), reason].concat());
        let closed = |code, reason: &str| Ok(Message::Close { code, reason: reason.to_owned() });
        assert_eq!(one(0x88, b""), closed(NO_STATUS, ""));
        assert_eq!(one(0x88, b"\x03").unwrap_err().close_code(), 1002);
        assert_eq!(close(1000, "füertig".as_bytes()), closed(1000, "füertig"));
        assert_eq!(close(1000, &[b'x'; CLOSE_REASON_MAX]), closed(1000, &"x".repeat(CLOSE_REASON_MAX)));
        assert_eq!(close(1000, &[b'x'; CLOSE_REASON_MAX + 1]).unwrap_err().close_code(), 1002);
        assert_eq!(close(1000, b"\xFF"), Err(DecodeError::Utf8));
        let (right, wrong) = (
            [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999],
            [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, u16::MAX],
        );
        for code in right {
            assert_eq!(close(code, b""), closed(code, ""));
        }
        for code in wrong {
            assert_eq!(close(code, b""), Err(DecodeError::Protocol("invalid close code")), "{code}");
        }
    }

    #[test]
    fn after_a_close_frame_or_an_error_input_is_dropped() {
        let mut decoder = Decoder::new(LIMIT);
        let frames = [client(0x01, b"half", MASK), client(0x88, b"", MASK), client(0x89, b"", MASK)].concat();
        let close = Message::Close { code: NO_STATUS, reason: String::new() };
        assert_eq!(decode_with(&mut decoder, &frames), (vec![close], None));
        assert_eq!(decoder.payload.capacity(), 0);
        assert_eq!(decode_with(&mut decoder, b"\xFF\xFF\xFF"), (vec![], None));

        let mut decoder = Decoder::new(LIMIT);
        assert!(decode_with(&mut decoder, b"\xFF\xFF").1.is_some());
        assert_eq!(decode_with(&mut decoder, &frames), (vec![], None));
    }

    #[test]
    fn an_idle_decoder_is_small() {
        assert!(size_of::<Decoder>() <= 128, "{}", size_of::<Decoder>());
        let mut decoder = Decoder::new(LIMIT);
        let frames = [client(0x81, &[b'x'; 4096], MASK), client(0x8A, b"pong", MASK)].concat();
        assert_eq!(decode_with(&mut decoder, &frames).0.len(), 2);
        assert_eq!((decoder.payload.capacity(), decoder.control.capacity()), (0, 0));
    }

    /// A message, cut into fragments at places given in per mille, with a ping after each but the last.
    fn fragments() -> impl Strategy<Value = (Message, Vec<u8>, Vec<Message>)> {
        let payload = prop_oneof![
            any::<String>().prop_map(Message::Text),
            prop::collection::vec(any::<u8>(), 0..300).prop_map(Message::Binary),
            (65_500_usize..65_600, any::<u8>()).prop_map(|(len, byte)| Message::Binary(vec![byte; len])),
        ];
        let cuts = prop::collection::vec(0..=1000_usize, 0..4);
        (payload, cuts, any::<[u8; 4]>(), prop::collection::vec(any::<u8>(), 0..=125)).prop_map(
            |(message, mut cuts, mask, ping)| {
                let (opcode, payload) = match &message {
                    Message::Text(text) => (0x1, text.as_bytes()),
                    Message::Binary(bytes) => (0x2, &bytes[..]),
                    other => panic!("{other:?}"),
                };
                cuts.sort_unstable();
                let (mut bytes, mut messages, mut start) = (Vec::new(), Vec::new(), 0);
                for (at, cut) in cuts.iter().enumerate() {
                    let end = payload.len() * cut / 1000;
                    bytes.extend(client(if at == 0 { opcode } else { 0 }, &payload[start..end], mask));
                    bytes.extend(client(0x89, &ping, mask));
                    messages.push(Message::Ping(ping.clone()));
                    start = end;
                }
                bytes.extend(client(
                    if cuts.is_empty() { 0x80 | opcode } else { 0x80 },
                    &payload[start..],
                    mask,
                ));
                messages.push(message.clone());
                (message, bytes, messages)
            },
        )
    }

    proptest! {
        #[test]
        fn a_stream_decodes_the_same_however_it_is_split(
            parts in prop::collection::vec(fragments(), 1..5),
            splits in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            every_byte in prop::bool::weighted(0.1),
        ) {
            let stream: Vec<u8> = parts.iter().flat_map(|part| part.1.clone()).collect();
            let expected: Vec<Message> = parts.into_iter().flat_map(|part| part.2).collect();
            let mut splits: Vec<usize> = if every_byte {
                (0..stream.len()).collect()
            } else {
                splits.iter().map(|split| split.index(stream.len())).collect()
            };
            splits.push(stream.len());
            splits.sort_unstable();
            let (mut decoder, mut messages, mut start) = (Decoder::new(LIMIT), Vec::new(), 0);
            for end in splits {
                let (some, error) = decode_with(&mut decoder, &stream[start..end]);
                prop_assert_eq!(error, None);
                messages.extend(some);
                start = end;
            }
            prop_assert_eq!(messages, expected);
        }

        #[test]
        fn random_bytes_never_panic(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..100), 0..10),
        ) {
            let mut decoder = Decoder::new(1000);
            for chunk in chunks {
                decode_with(&mut decoder, &chunk);
            }
        }

        /// Likelier first bytes, so that more than the header is reached; errors come at the same message
        /// whether the bytes come at once or one by one.
        #[test]
        fn random_frames_never_panic_and_fail_alike_however_split(
            frames in prop::collection::vec(
                (
                    prop::sample::select(vec![0x00_u8, 0x80, 0x01, 0x81, 0x02, 0x82, 0x88, 0x89, 0x8A, 0xC1, 0x83]),
                    prop_oneof![
                        prop::collection::vec(any::<u8>(), 0..200),
                        any::<String>().prop_map(String::into_bytes),
                        (990_u16..5010).prop_map(|code| code.to_be_bytes().to_vec()),
                    ],
                ),
                0..8,
            ),
        ) {
            let stream: Vec<u8> =
                frames.iter().flat_map(|(first, payload)| client(*first, payload, MASK)).collect();
            let whole = decode_with(&mut Decoder::new(300), &stream);
            let (mut decoder, mut messages, mut failed) = (Decoder::new(300), Vec::new(), None);
            for byte in &stream {
                let (some, error) = decode_with(&mut decoder, std::slice::from_ref(byte));
                messages.extend(some);
                failed = failed.or(error);
            }
            prop_assert_eq!((messages, failed), whole);
        }

        #[test]
        fn unmasking_is_its_own_inverse(payload: Vec<u8>, mask: [u8; 4]) {
            let mut twice = payload.clone();
            unmask(&mut twice, mask);
            unmask(&mut twice, mask);
            prop_assert_eq!(twice, payload);
        }
    }
}
