//! How fast retention goes: without rest while nobody else wants the writer, gently beside other work, and never slower
//! than events come.

use emit_core::Millis;

/// Rows that one batch drops while nobody waits: some milliseconds of work.
const ROWS: usize = 400;
/// The same beside other work, which has to wait for a batch to end: about a millisecond.
const ROWS_GENTLY: usize = 100;
/// The most where as many have come at once: as many as the largest batch of other work brings.
const ROWS_OWED: usize = 2_000;
/// Beside other work, retention rests that many times as long as its batch took.
const RESTS: Millis = 4;
/// How often it looks when there was nothing to drop. Who has asked for nothing for that long is not in its way.
const LOOK_MS: Millis = 1_000;

/// The pace of one lane's retention.
#[derive(Default)]
pub(super) struct Pace {
    busy_until: Millis,
    /// Events that came since there was nothing to drop, less rows dropped since: to fall behind them would let the
    /// store grow for ever.
    owed: usize,
}

impl Pace {
    /// Other work was done, and wrote that many events.
    pub(super) fn worked(&mut self, now: Millis, events: usize) {
        self.busy_until = now + LOOK_MS;
        self.owed += events;
    }

    /// How many rows the next batch may drop.
    pub(super) fn rows(&self, now: Millis) -> usize {
        if now < self.busy_until { self.owed.clamp(ROWS_GENTLY, ROWS_OWED) } else { ROWS }
    }

    /// When the batch after the one from `begin` to `end` is due, which dropped up to `rows` and left more, or not.
    pub(super) fn next(&mut self, begin: Millis, end: Millis, rows: usize, more: bool) -> Millis {
        self.owed = if more { self.owed.saturating_sub(rows) } else { 0 };
        match more {
            false => end + LOOK_MS,
            true if begin < self.busy_until && self.owed == 0 => end + (end - begin) * RESTS,
            true => end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alone_it_does_not_rest() {
        let mut pace = Pace::default();
        assert_eq!(pace.rows(0), ROWS);
        assert_eq!(pace.next(0, 5, ROWS, true), 5);
        assert_eq!(pace.next(5, 5, ROWS, false), 5 + LOOK_MS);
    }

    #[test]
    fn beside_other_work_its_batches_are_small_and_it_rests_between_them() {
        let mut pace = Pace::default();
        pace.worked(0, 1);
        assert_eq!(pace.rows(1), ROWS_GENTLY);
        assert_eq!(pace.next(1, 3, ROWS_GENTLY, true), 3 + 2 * RESTS);
        // The others have gone.
        assert_eq!(pace.rows(LOOK_MS), ROWS);
        assert_eq!(pace.next(LOOK_MS, LOOK_MS + 2, ROWS, true), LOOK_MS + 2);
    }

    #[test]
    fn it_drops_at_least_as_much_as_comes() {
        let mut pace = Pace::default();
        let (mut came, mut dropped, mut now) = (0, 0, 0);
        for _ in 0..1_000 {
            pace.worked(now, ROWS_OWED);
            came += ROWS_OWED;
            let rows = pace.rows(now);
            let next = pace.next(now, now + 1, rows, true);
            dropped += rows;
            now = next;
        }
        assert!(dropped == came, "{dropped} of {came}");
    }
}
