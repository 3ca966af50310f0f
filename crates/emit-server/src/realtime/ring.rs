//! The recent events of a topic, from which all who keep up are served.
//!
//! No socket, no store, no lock may come in here; time comes as a value.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use emit_core::{EventType, Recorded};
use tokio::time::Instant;

use super::chunk::{Chunk, Stretch, weight};

/// What a space's ring holds at most, counted with one encoding: a second or so of a busy space. Watched over both
/// transports it is half as much again, and a job's, which has two views, up to two and a half times as much.
pub(super) const SPACE_BYTES: usize = 4 << 20;
/// What a job's ring holds at most. Its watchers are few, and the store is there for those who lag.
pub(super) const JOB_BYTES: usize = 64 << 10;
/// Nobody who keeps up needs older events: what all rings hold is bounded by what was published in that time.
pub(super) const KEEP: Duration = Duration::from_secs(5);
/// A chunk is closed at this size, so that a cursor never pins much more than it is about to write.
const CHUNK_BYTES: usize = 32 << 10;
/// The same in events.
const CHUNK_EVENTS: usize = 250;
/// Most chunks: when each event is fetched at once, each is a chunk of its own.
const CHUNKS: usize = 4_096;
/// A stretch ends once it has this many bytes: what one connection may hold while it writes.
const STRETCH_BYTES: usize = 64 << 10;
/// Most chunks of a stretch, so that one vectored write takes it.
pub(super) const STRETCH_CHUNKS: usize = 16;
/// Most events of a stretch, as the contract says for collapsing.
pub(super) const STRETCH_EVENTS: usize = 1_000;

/// Whose events a ring holds: it decides what the position before an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// All of a space: numbers without gaps.
    Space,
    /// Those of one job: each names the one before it.
    Job,
}

/// Recent events in order. A cursor at `after` or beyond can go on from here; any other has to read the store.
#[derive(Debug)]
pub(super) struct Ring {
    of: Of,
    /// The position before the first event held; `None` until anything was published.
    after: Option<i64>,
    /// The newest event's number.
    last: i64,
    chunks: VecDeque<Held>,
    /// What came since somebody asked: the next chunk.
    tail: Vec<Recorded>,
    tail_bytes: usize,
    bytes: usize,
    /// When something was last published.
    touched: Instant,
}

#[derive(Debug)]
struct Held {
    chunk: Arc<Chunk>,
    bytes: usize,
    since: Instant,
}

/// What a ring has for a cursor.
#[derive(Debug)]
pub(super) enum Taken {
    /// These events are next. `drained`: there are no others yet.
    Stretch(Stretch, bool),
    /// The cursor has seen everything.
    Nothing,
    /// Something in between is only in the store; the ring begins after this position, if it is known.
    Behind(Option<i64>),
}

impl Ring {
    pub(super) fn new(of: Of, now: Instant) -> Ring {
        Ring {
            of,
            after: None,
            last: 0,
            chunks: VecDeque::new(),
            tail: Vec::new(),
            tail_bytes: 0,
            bytes: 0,
            touched: now,
        }
    }

    /// Takes a published event; whether it is news. After a gap the ring begins anew behind it, which sends every
    /// cursor before the gap to the store.
    pub(super) fn append(&mut self, event: &Recorded, now: Instant) -> bool {
        let before = match self.of {
            Of::Space => event.seq - 1,
            Of::Job => event.prev,
        };
        match self.after {
            Some(_) if event.seq <= self.last => return false,
            Some(_) if before == self.last => {}
            _ => self.clear(before),
        }
        if event.event.kind == EventType::Erased {
            // What was erased must leave memory. The erased job itself is gone from the store: its watchers can
            // only go on from here.
            self.clear(if self.of == Of::Job { i64::MIN } else { before });
        }
        let bytes = 2 * weight(event);
        if self.tail_bytes + bytes > CHUNK_BYTES || self.tail.len() == CHUNK_EVENTS {
            self.seal(now);
        }
        self.tail.push(event.clone());
        self.tail_bytes += bytes;
        self.bytes += bytes;
        self.last = event.seq;
        self.touched = now;
        self.evict(now);
        true
    }

    /// Everything up to `after` is in the store: cursors before it are sent there.
    pub(super) fn begin_at(&mut self, after: i64) {
        if self.after.is_none() || self.last < after {
            self.clear(after);
        }
    }

    fn evict(&mut self, now: Instant) {
        let bytes_max = if self.of == Of::Space { SPACE_BYTES } else { JOB_BYTES };
        while let Some(oldest) = self.chunks.front() {
            let old = now.duration_since(oldest.since) > KEEP;
            if !old && self.bytes <= bytes_max && self.chunks.len() <= CHUNKS {
                break;
            }
            self.bytes -= oldest.bytes;
            self.after = Some(oldest.chunk.last_seq());
            self.chunks.pop_front();
        }
    }

    /// Drops what nobody needs any more; when to look again, unless nothing is left.
    pub(super) fn fade(&mut self, now: Instant) -> Option<Instant> {
        if now.duration_since(self.touched) >= KEEP {
            if self.after.is_some() {
                self.clear(self.last);
            }
            return None;
        }
        self.evict(now);
        Some(self.touched + KEEP)
    }

    fn clear(&mut self, after: i64) {
        self.after = Some(after);
        self.last = after;
        self.chunks = VecDeque::new();
        self.tail = Vec::new();
        self.tail_bytes = 0;
        self.bytes = 0;
    }

    fn seal(&mut self, now: Instant) {
        if self.tail.is_empty() {
            return;
        }
        let chunk = Chunk::new(std::mem::take(&mut self.tail));
        let bytes = std::mem::take(&mut self.tail_bytes);
        self.chunks.push_back(Held { chunk, bytes, since: now });
    }

    /// What comes after a cursor. `synced`: the cursor has seen everything that was committed before its topic
    /// came into being.
    pub(super) fn take(&mut self, cursor: i64, synced: bool, now: Instant) -> Taken {
        match self.after {
            None if synced => return Taken::Nothing,
            None => return Taken::Behind(None),
            Some(after) if cursor < after => return Taken::Behind(Some(after)),
            Some(_) if cursor >= self.last => return Taken::Nothing,
            Some(_) => {}
        }
        self.seal(now);
        let first = self.chunks.partition_point(|held| held.chunk.last_seq() <= cursor);
        let (mut stretch, mut bytes, mut next) = (Stretch::default(), 0, first);
        while let Some(held) = self.chunks.get(next) {
            let events = held.chunk.events();
            let from = events.partition_point(|event| event.seq <= cursor);
            let full = next - first == STRETCH_CHUNKS
                || bytes >= STRETCH_BYTES
                || stretch.count() + events.len() - from > STRETCH_EVENTS;
            if full && !stretch.is_empty() {
                break;
            }
            stretch.push(held.chunk.clone(), from);
            bytes += held.bytes / 2;
            next += 1;
        }
        Taken::Stretch(stretch, next == self.chunks.len())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::event;
    use super::*;

    fn seqs(taken: Taken) -> Vec<i64> {
        match taken {
            Taken::Stretch(stretch, _) => stretch.events().map(|event| event.seq).collect(),
            Taken::Nothing => vec![],
            Taken::Behind(_) => vec![-1],
        }
    }

    #[tokio::test]
    async fn a_ring_that_heard_nothing_sends_to_the_store_whoever_has_not_been_there() {
        let now = Instant::now();
        let mut ring = Ring::new(Of::Space, now);
        assert!(matches!(ring.take(5, false, now), Taken::Behind(None)));
        assert!(matches!(ring.take(5, true, now), Taken::Nothing));
    }

    #[tokio::test]
    async fn doubles_are_dropped_and_a_gap_starts_anew() {
        let now = Instant::now();
        let mut ring = Ring::new(Of::Space, now);
        for seq in [5, 6, 6, 5, 7] {
            ring.append(&event(seq, 0, 1, EventType::Custom, None), now);
        }
        assert_eq!(seqs(ring.take(4, true, now)), [5, 6, 7]);
        assert_eq!(seqs(ring.take(3, true, now)), [-1]);
        ring.append(&event(9, 0, 1, EventType::Custom, None), now);
        assert_eq!(seqs(ring.take(7, true, now)), [-1], "8 is missing");
        assert_eq!(seqs(ring.take(8, true, now)), [9]);
    }

    #[tokio::test]
    async fn a_jobs_events_are_chained_by_the_one_before() {
        let now = Instant::now();
        let mut ring = Ring::new(Of::Job, now);
        ring.append(&event(10, 4, 1, EventType::Custom, None), now);
        ring.append(&event(20, 10, 1, EventType::Custom, None), now);
        assert_eq!(seqs(ring.take(7, true, now)), [10, 20], "7 is a position of the space");
        assert_eq!(seqs(ring.take(3, true, now)), [-1]);
        ring.append(&event(40, 30, 1, EventType::Custom, None), now);
        assert_eq!(seqs(ring.take(20, true, now)), [-1]);
        assert_eq!(seqs(ring.take(35, true, now)), [40]);
    }

    #[tokio::test]
    async fn erased_events_leave_memory() {
        let now = Instant::now();
        let mut space = Ring::new(Of::Space, now);
        let mut job = Ring::new(Of::Job, now);
        for (seq, kind) in [(1, EventType::Progress), (2, EventType::Killed), (3, EventType::Erased)] {
            let event = event(seq, seq - 1, 1, kind, None);
            space.append(&event, now);
            job.append(&event, now);
        }
        assert_eq!(seqs(space.take(2, true, now)), [3]);
        assert_eq!(seqs(space.take(1, true, now)), [-1]);
        assert_eq!(seqs(job.take(0, true, now)), [3], "the store knows the job no more");
    }

    #[tokio::test]
    async fn memory_is_bounded_by_bytes_and_by_time() {
        let now = Instant::now();
        let mut ring = Ring::new(Of::Job, now);
        let data = "x".repeat(10_000);
        for seq in 1..=100 {
            ring.append(&event(seq, seq - 1, 1, EventType::Progress, Some(&data)), now);
            assert!(ring.bytes <= JOB_BYTES + CHUNK_BYTES);
        }
        assert_eq!(seqs(ring.take(99, true, now)), [100]);
        assert_eq!(ring.fade(now), Some(now + KEEP));
        assert_eq!(ring.fade(now + KEEP), None);
        assert_eq!(ring.bytes, 0);
        assert_eq!(seqs(ring.take(99, true, now)), [-1]);
        assert!(matches!(ring.take(100, true, now), Taken::Nothing));
    }

    #[tokio::test]
    async fn one_large_event_is_kept_even_by_a_small_ring() {
        let now = Instant::now();
        let mut ring = Ring::new(Of::Job, now);
        let data = "x".repeat(1_000_000);
        for seq in 1..=3 {
            ring.append(&event(seq, seq - 1, 1, EventType::Progress, Some(&data)), now);
        }
        assert_eq!(seqs(ring.take(2, true, now)), [3]);
    }
}
