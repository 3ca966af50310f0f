//! What the engine counts. Its lanes write nearly all of it, each its share.

use std::time::Duration;

use emit_core::EventType;
use emit_store::{Change, Figures};

use super::names;
use super::text::Text;
use super::value::{Counter, Gauge, Histogram};

/// The engine of this process.
pub(crate) static ENGINE: Engine = Engine::new();

pub(crate) struct Engine {
    queued: Gauge,
    polls: Gauge,
    batch: Histogram,
    commit: Histogram,
    failed: Counter,
    events: [Counter; EventType::ALL.len()],
    retained: Counter,
    checkpoints: Counter,
    checkpoints_failed: Counter,
    file_bytes: Gauge,
    log_bytes: Gauge,
}

/// What a lane has told last: the engine shows the sum of its lanes.
#[derive(Debug, Default)]
pub(crate) struct LaneTold {
    figures: Figures,
    polls: usize,
}

impl Engine {
    const fn new() -> Engine {
        Engine {
            queued: Gauge::new(),
            polls: Gauge::new(),
            batch: Histogram::sizes(),
            commit: Histogram::times(),
            failed: Counter::new(),
            events: [const { Counter::new() }; EventType::ALL.len()],
            retained: Counter::new(),
            checkpoints: Counter::new(),
            checkpoints_failed: Counter::new(),
            file_bytes: Gauge::new(),
            log_bytes: Gauge::new(),
        }
    }

    /// A command was put on the queue.
    pub(crate) fn queued(&self) {
        self.queued.add(1);
    }

    /// So many were taken off it into one batch.
    pub(crate) fn took(&self, commands: usize) {
        if commands > 0 {
            self.queued.add(-(commands as i64));
            self.batch.observe(commands as u64);
        }
    }

    /// A batch that wrote these changes is on disk; its commit took that long.
    pub(crate) fn committed(&self, took: Duration, written: &[Change]) {
        if written.is_empty() {
            return;
        }
        self.commit.observe_time(took);
        for event in written.iter().flat_map(|change| &change.events) {
            self.events[event.kind as usize].add(1);
        }
    }

    /// A lane's batch could not be committed; what its writer has done by then.
    pub(crate) fn failed(&self, told: &mut LaneTold, figures: Figures) {
        self.failed.add(1);
        self.store(told, figures);
    }

    /// Once a second: what a lane's writer has done, and how many polls wait there.
    pub(crate) fn looked(&self, told: &mut LaneTold, figures: Figures, polls: usize) {
        self.polls.add(polls as i64 - told.polls as i64);
        told.polls = polls;
        self.store(told, figures);
    }

    fn store(&self, told: &mut LaneTold, now: Figures) {
        let before = std::mem::replace(&mut told.figures, now);
        self.retained.add(now.retained_rows.saturating_sub(before.retained_rows));
        self.checkpoints.add(now.checkpoints.saturating_sub(before.checkpoints));
        self.checkpoints_failed.add(now.checkpoints_failed.saturating_sub(before.checkpoints_failed));
        self.file_bytes.add(now.file_bytes as i64 - before.file_bytes as i64);
        self.log_bytes.add(now.log_bytes as i64 - before.log_bytes as i64);
    }

    pub(super) fn show(&self, text: &mut Text) {
        // What is taken off may be counted before it was put on.
        text.single(&names::QUEUE, self.queued.get().max(0));
        text.single(&names::POLLS, self.polls.get());
        text.metric(&names::BATCH).histogram(&[], &self.batch);
        text.metric(&names::COMMIT).histogram(&[], &self.commit);
        text.single(&names::COMMITS_FAILED, self.failed.get());
        let mut events = text.metric(&names::EVENTS);
        for (kind, count) in EventType::ALL.iter().zip(&self.events) {
            events.value(&[kind.as_str()], count.get());
        }
    }

    pub(super) fn show_store(&self, text: &mut Text) {
        text.single(&names::RETAINED, self.retained.get());
        text.single(&names::CHECKPOINTS, self.checkpoints.get());
        text.single(&names::CHECKPOINTS_FAILED, self.checkpoints_failed.get());
        text.single(&names::FILE_BYTES, self.file_bytes.get());
        text.single(&names::LOG_BYTES, self.log_bytes.get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_summed_up() {
        let engine = Engine::new();
        let (mut one, mut two) = (LaneTold::default(), LaneTold::default());
        let rows = |retained_rows| Figures { retained_rows, ..Figures::default() };
        engine.looked(&mut one, rows(3), 5);
        engine.looked(&mut two, rows(10), 1);
        engine.looked(&mut one, rows(4), 2);
        assert_eq!((engine.retained.get(), engine.polls.get()), (14, 3));
    }

    #[test]
    fn event_types_are_numbered_without_gaps() {
        assert!(EventType::ALL.iter().enumerate().all(|(index, kind)| *kind as usize == index));
    }
}
