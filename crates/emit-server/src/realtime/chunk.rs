//! Events on their way out: encoded once per view and transport, shared by everyone who watches.
//!
//! No socket, no lock and no clock may come in here.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use bytes::{Bytes, BytesMut};
use emit_core::{EventType, Recorded, View};

use super::codec;
use crate::metrics::Transport;

/// Events that went out together, and their messages per view and transport, made when first asked for.
#[derive(Debug)]
pub(super) struct Chunk {
    events: Vec<Recorded>,
    full_frames: OnceLock<Messages>,
    full_sse: OnceLock<Messages>,
    progress_frames: OnceLock<Messages>,
    progress_sse: OnceLock<Messages>,
}

/// One message an event, as it is written to the socket, in one piece of memory.
#[derive(Debug)]
struct Messages {
    bytes: Bytes,
    /// Where each message ends; the first begins at 0.
    ends: Vec<u32>,
}

impl Messages {
    fn encode(events: &[Recorded], transport: Transport, view: View) -> Messages {
        let mut bytes = Vec::with_capacity(events.iter().map(weight).sum());
        let mut ends = Vec::with_capacity(events.len());
        let mut text = String::new();
        for event in events {
            text.clear();
            event.encode(view, &mut text);
            message(transport, &mut bytes, event.seq, &text);
            ends.push(bytes.len() as u32);
        }
        Messages { bytes: Bytes::from(bytes), ends }
    }

    fn range(&self, events: Range<usize>) -> Range<usize> {
        let end_of = |index: usize| self.ends.get(index).map_or(self.bytes.len(), |end| *end as usize);
        let start = if events.start == 0 { 0 } else { end_of(events.start - 1) };
        start..if events.end == 0 { 0 } else { end_of(events.end - 1) }
    }
}

/// About how many bytes an event takes in memory or in a message, whose head is below 200 and whose frame below 32.
pub(super) fn weight(event: &Recorded) -> usize {
    232 + event.job_name.len() + event.event.data.as_deref().map_or(0, str::len)
}

impl Chunk {
    pub(super) fn new(events: Vec<Recorded>) -> Arc<Chunk> {
        Arc::new(Chunk {
            events,
            full_frames: OnceLock::new(),
            full_sse: OnceLock::new(),
            progress_frames: OnceLock::new(),
            progress_sse: OnceLock::new(),
        })
    }

    pub(super) fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// The number of the last event.
    pub(super) fn last_seq(&self) -> i64 {
        self.events.last().map_or(0, |event| event.seq)
    }

    fn messages(&self, transport: Transport, view: View) -> &Messages {
        let cell = match (view, transport) {
            (View::Full, Transport::WebSocket) => &self.full_frames,
            (View::Full, Transport::Sse) => &self.full_sse,
            (View::Progress, Transport::WebSocket) => &self.progress_frames,
            (View::Progress, Transport::Sse) => &self.progress_sse,
        };
        cell.get_or_init(|| Messages::encode(&self.events, transport, view))
    }
}

/// Events that are handed to one watcher at once: the rests of some chunks.
#[derive(Debug, Default)]
pub(super) struct Stretch {
    slices: Vec<(Arc<Chunk>, usize)>,
    count: usize,
}

impl Stretch {
    /// Adds a chunk from that event on.
    pub(super) fn push(&mut self, chunk: Arc<Chunk>, from: usize) {
        self.count += chunk.events.len() - from;
        self.slices.push((chunk, from));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn events(&self) -> impl DoubleEndedIterator<Item = &Recorded> {
        self.slices.iter().flat_map(|(chunk, from)| &chunk.events[*from..])
    }

    /// The messages, as few pieces of memory as can be had without copying.
    pub(super) fn messages(&self, transport: Transport, view: View, collapse: bool) -> Vec<Bytes> {
        if collapse && let Some(newest) = self.kept() {
            let mut out = BytesMut::new();
            self.visit(&newest, |chunk, index| {
                let messages = chunk.messages(transport, view);
                out.extend_from_slice(&messages.bytes[messages.range(index..index + 1)]);
            });
            return vec![out.freeze()];
        }
        let whole = |(chunk, from): &(Arc<Chunk>, usize)| {
            let messages = chunk.messages(transport, view);
            messages.bytes.slice(messages.range(*from..chunk.events.len()))
        };
        self.slices.iter().map(whole).collect()
    }

    /// Which events stay when only the newest progress of each job does; `None` if all do.
    fn kept(&self) -> Option<Vec<bool>> {
        let mut seen = HashSet::new();
        let stays = |event: &Recorded| event.event.kind != EventType::Progress || seen.insert(event.job);
        let mut kept: Vec<bool> = self.events().rev().map(stays).collect();
        kept.reverse();
        kept.contains(&false).then_some(kept)
    }

    fn visit(&self, kept: &[bool], mut each: impl FnMut(&Chunk, usize)) {
        let all =
            self.slices.iter().flat_map(|(chunk, from)| (*from..chunk.events.len()).map(move |i| (chunk, i)));
        for ((chunk, index), _) in all.zip(kept).filter(|(_, kept)| **kept) {
            each(chunk, index);
        }
    }
}

/// Appends a message as the transport sends it: one text frame, or one server-sent event with its number.
pub(super) fn message(transport: Transport, out: &mut Vec<u8>, seq: i64, text: &str) {
    match transport {
        Transport::WebSocket => codec::text_frame(out, text.as_bytes()),
        Transport::Sse => sse_event(out, seq, text),
    }
}

/// Appends a message as one server-sent event. A line feed between JSON tokens is white space; within a string it
/// cannot stand unescaped. What Unicode alone calls the end of a line stands only in strings, and is escaped: many a
/// client splits at it.
fn sse_event(out: &mut Vec<u8>, seq: i64, text: &str) {
    out.extend_from_slice(format!("id: {seq}\ndata: ").as_bytes());
    let mut rest = text;
    while let Some(at) = rest.find(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let mut after = rest[at..].chars();
        out.extend_from_slice(match after.next() {
            Some('\u{85}') => b"\\u0085",
            Some('\u{2028}') => b"\\u2028",
            Some('\u{2029}') => b"\\u2029",
            _ => b" ",
        });
        rest = after.as_str();
    }
    out.extend_from_slice(rest.as_bytes());
    out.extend_from_slice(b"\n\n");
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    fn texts(parts: &[Bytes]) -> Vec<serde_json::Value> {
        let joined: Vec<u8> = parts.concat();
        let mut rest = &joined[..];
        let mut seen = Vec::new();
        while let [0x81, len, tail @ ..] = rest {
            let (len, tail) = match len {
                126 => (usize::from(u16::from_be_bytes([tail[0], tail[1]])), &tail[2..]),
                127 => (u64::from_be_bytes(tail[..8].try_into().unwrap()) as usize, &tail[8..]),
                len => (usize::from(*len), tail),
            };
            seen.push(serde_json::from_slice(&tail[..len]).unwrap());
            rest = &tail[len..];
        }
        assert!(rest.is_empty());
        seen
    }

    fn stretch(events: Vec<Recorded>, from: usize) -> Stretch {
        let mut stretch = Stretch::default();
        stretch.push(Chunk::new(events), from);
        stretch
    }

    fn sse(stretch: &Stretch, view: View, collapse: bool) -> String {
        String::from_utf8(stretch.messages(Transport::Sse, view, collapse).concat()).unwrap()
    }

    fn seqs(parts: &[Bytes]) -> Vec<i64> {
        texts(parts).iter().map(|message| message["seq"].as_i64().unwrap()).collect()
    }

    #[test]
    fn the_weak_view_sees_data_on_progress_only() {
        let kinds = [
            EventType::Progress,
            EventType::Checkpoint,
            EventType::Completed,
            EventType::Dead,
            EventType::Retried,
            EventType::Killed,
        ];
        let events = (1..).zip(kinds).map(|(seq, kind)| event(seq, 0, 1, kind, Some("{\"secret\":1}")));
        let stretch = stretch(events.collect(), 0);
        let weak = texts(&stretch.messages(Transport::WebSocket, View::Progress, false));
        let data: Vec<_> = weak.iter().map(|message| message.get("data").cloned()).collect();
        let null = Some(serde_json::Value::Null);
        assert_eq!(data, [Some(serde_json::json!({"secret": 1})), None, null.clone(), null, None, None]);
        let full = texts(&stretch.messages(Transport::WebSocket, View::Full, false));
        assert!(full.iter().all(|message| message["data"]["secret"] == 1));
        assert_eq!(sse(&stretch, View::Progress, false).matches("secret").count(), 1);
    }

    #[test]
    fn a_stretch_may_begin_within_a_chunk() {
        let events: Vec<_> = (1..=5).map(|seq| event(seq, seq - 1, 1, EventType::Custom, None)).collect();
        assert_eq!(
            seqs(&stretch(events.clone(), 0).messages(Transport::WebSocket, View::Full, false)),
            [1, 2, 3, 4, 5]
        );
        assert_eq!(seqs(&stretch(events, 3).messages(Transport::WebSocket, View::Full, false)), [4, 5]);
    }

    #[test]
    fn collapsing_keeps_the_newest_progress_of_each_job_and_everything_else_in_order() {
        let event = |seq, job, kind| event(seq, 0, job, kind, Some("{}"));
        let first = vec![
            event(1, 1, EventType::Progress),
            event(2, 2, EventType::Progress),
            event(3, 1, EventType::Checkpoint),
        ];
        let second = vec![event(4, 1, EventType::Progress), event(5, 1, EventType::Completed)];
        let mut stretch = Stretch::default();
        stretch.push(Chunk::new(first), 0);
        stretch.push(Chunk::new(second), 0);
        assert_eq!(seqs(&stretch.messages(Transport::WebSocket, View::Full, true)), [2, 3, 4, 5]);
        assert_eq!(seqs(&stretch.messages(Transport::WebSocket, View::Full, false)), [1, 2, 3, 4, 5]);
        let text = sse(&stretch, View::Full, true);
        assert_eq!(text.matches("id: ").count(), 4);
    }

    #[test]
    fn what_ends_a_line_in_the_data_does_not_break_an_sse_line() {
        let data = "{\r\n\"a\":\n\"ä\u{85}\u{2028}\u{2029}b\"}";
        let stretch = stretch(vec![event(7, 0, 1, EventType::Progress, Some(data))], 0);
        let text = sse(&stretch, View::Full, false);
        assert_eq!(text.lines().count(), 3, "id, data and the empty line: {text}");
        assert!(text.starts_with("id: 7\ndata: {"));
        assert!(text.contains(r#"{  "a": "ä\u0085\u2028\u2029b"}"#), "{text}");
    }
}
