//! Both sides of every limit, random splits, random bytes.

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
    let halves = [client(0x01, b"\xF0\x9F", MASK), client(0x00, b"", MASK), client(0x80, b"\x8C\x8D", MASK)];
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
            bytes.extend(client(if cuts.is_empty() { 0x80 | opcode } else { 0x80 }, &payload[start..], mask));
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
