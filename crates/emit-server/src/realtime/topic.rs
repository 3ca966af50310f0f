//! A topic: a space or a job while somebody watches it. Its ring, its watchers, and the pace at which they wake.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use emit_core::{Recorded, SpaceNo};
use tokio::time::Instant;

use super::bell::{Bell, Ring as Rings};
use super::ring::{KEEP, Of, Ring, Taken};
use super::seat::{Seat, lock};

/// Wake-ups of one topic are at least so far apart once they come often: at 5 µs of system call a delivery,
/// waking a thousand watchers for each of many events would be all the server does.
const WAKE_GAP: Duration = Duration::from_millis(5);
/// So much earlier than its turn a wake-up may be: some twenty in a row are immediate.
const WAKE_BURST: Duration = Duration::from_millis(100);
/// Up to so many watchers are woken by the publisher itself, which saves the hop over the hub's task.
const FEW: usize = 8;

/// A space or a job that is being watched. Lives from its first watcher to its last.
#[derive(Debug)]
pub(super) struct Topic {
    /// The engine's thread appends, watchers take.
    ring: Mutex<Ring>,
    /// Who publishes and who rings agree here on who wakes the watchers, and when.
    pace: Mutex<Pace>,
    /// By address: a connection comes and goes without a search.
    seats: Mutex<HashMap<usize, Arc<Seat>>>,
    /// How often the watchers were woken: what a connection compares to know that there may be news.
    wakes: AtomicU64,
    /// The space it belongs to; 0 until a watcher or an event has told.
    space: AtomicI64,
    /// The space was deleted.
    gone: AtomicBool,
    /// The newest event after which the job was over.
    ended: AtomicI64,
    /// See `begin_at`.
    began: AtomicI64,
}

/// A token bucket in one number (GCRA): the time at which the next wake-up would be due at the sustained rate.
#[derive(Debug)]
struct Pace {
    turn: Instant,
    /// A wake-up is under way.
    armed: bool,
    /// Somebody will look after what the ring holds.
    fading: bool,
}

impl Pace {
    fn due(&self, now: Instant) -> Instant {
        self.turn.checked_sub(WAKE_BURST).map_or(now, |at| at.max(now))
    }

    fn spend(&mut self, now: Instant) {
        self.turn = self.turn.max(now) + WAKE_GAP;
        self.armed = false;
    }
}

impl Topic {
    pub(super) fn new(of: Of, now: Instant) -> Topic {
        Topic {
            ring: Mutex::new(Ring::new(of, now)),
            pace: Mutex::new(Pace { turn: now, armed: false, fading: false }),
            seats: Mutex::new(HashMap::new()),
            wakes: AtomicU64::new(0),
            space: AtomicI64::new(0),
            gone: AtomicBool::new(false),
            ended: AtomicI64::new(0),
            began: AtomicI64::new(0),
        }
    }

    pub(super) fn sit(&self, seat: &Arc<Seat>) {
        lock(&self.seats).insert(Arc::as_ptr(seat) as usize, seat.clone());
    }

    /// Whether nobody is left.
    pub(super) fn leave(&self, seat: &Arc<Seat>) -> bool {
        let mut seats = lock(&self.seats);
        seats.remove(&(Arc::as_ptr(seat) as usize));
        seats.is_empty()
    }

    pub(super) fn set_space(&self, no: SpaceNo) {
        self.space.store(no, Ordering::Release);
    }

    pub(super) fn space(&self) -> SpaceNo {
        self.space.load(Ordering::Acquire)
    }

    /// Takes committed events, in order. `announce` must follow.
    pub(super) fn append<'a>(&self, events: impl IntoIterator<Item = &'a Recorded>, now: Instant) {
        let mut ring = lock(&self.ring);
        for event in events {
            self.set_space(event.space);
            if ring.append(event, now) && event.event.status.is_terminal() {
                self.ended.store(event.seq, Ordering::Release);
            }
        }
    }

    /// Events up to `after` may have happened unseen: watchers look for them in the store. `announce` must follow.
    pub(super) fn begin_at(&self, after: i64) {
        lock(&self.ring).begin_at(after);
        self.began.fetch_max(after, Ordering::AcqRel);
    }

    /// Up to this number events may have happened unseen.
    pub(super) fn began(&self) -> i64 {
        self.began.load(Ordering::Acquire)
    }

    /// Sees to it that the watchers wake: at once, or at the topic's pace.
    pub(super) fn announce(self: &Arc<Topic>, bell: &Bell, now: Instant) {
        let (armed, due, fading) = {
            let mut pace = lock(&self.pace);
            let before = (pace.armed, pace.due(now), pace.fading);
            (pace.armed, pace.fading) = (true, true);
            before
        };
        if !fading {
            bell.ring_at(now + KEEP, Rings::Fade, self);
        }
        if armed {
            return;
        }
        if due <= now && lock(&self.seats).len() <= FEW {
            self.wake(now);
        } else {
            bell.ring_at(due, Rings::Wake, self);
        }
    }

    /// Wakes the watchers.
    pub(super) fn wake(&self, now: Instant) {
        lock(&self.pace).spend(now);
        self.wakes.fetch_add(1, Ordering::Release);
        for seat in lock(&self.seats).values() {
            seat.ring();
        }
    }

    /// Frees what nobody needs; when to come again.
    pub(super) fn fade(&self, now: Instant) -> Option<Instant> {
        let next = lock(&self.ring).fade(now);
        lock(&self.pace).fading = next.is_some();
        next
    }

    /// The space is deleted: nothing of it stays in memory, and all its watchers learn it.
    pub(super) fn close(&self, now: Instant) {
        self.gone.store(true, Ordering::Release);
        *lock(&self.ring) = Ring::new(Of::Space, now);
        self.wake(now);
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    pub(super) fn ended(&self) -> i64 {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn wakes(&self) -> u64 {
        self.wakes.load(Ordering::Acquire)
    }

    pub(super) fn take(&self, cursor: i64, synced: bool, now: Instant) -> Taken {
        lock(&self.ring).take(cursor, synced, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn wake_ups_are_immediate_when_rare_and_apart_when_often() {
        let start = Instant::now();
        let mut pace = Pace { turn: start, armed: false, fading: false };
        let mut now = start;
        let mut wakes = 0;
        // For one second something is published every 100 µs.
        while now < start + Duration::from_secs(1) {
            if pace.due(now) <= now {
                pace.spend(now);
                wakes += 1;
            }
            now += Duration::from_micros(100);
        }
        assert!((200..=222).contains(&wakes), "{wakes}");
        now += Duration::from_secs(1);
        assert_eq!(pace.due(now), now, "quiet again, at once again");
    }
}
