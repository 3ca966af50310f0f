//! Where a stream stands: what it begins with, what comes next, and when it is over. Both transports follow it.
//!
//! Pure: rows, pages and times come as values; no socket, store or task may come in here.

use std::time::Duration;

use emit_core::event::Notice;
use emit_core::{Event, EventType, Millis, Recorded, Status, View};
use emit_store::{EventsPage, FoundJob, Space};
use tokio::time::Instant;

use super::chunk::{Chunk, Stretch};
use super::hub::Subject;
use crate::metrics::Closed;

/// After a job's end its watchers wait so long for what may follow: callbacks, late logs, a requeue.
pub(super) const LINGER: Duration = Duration::from_secs(30);

/// Why a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The job has ended, and all about it was said.
    Ended,
    /// The job or space is gone.
    Gone,
    /// What comes next is no longer kept.
    Slow,
}

impl Over {
    /// The same for the metrics.
    pub(super) fn reason(self) -> Closed {
        match self {
            Over::Ended => Closed::Ended,
            Over::Gone => Closed::Deleted,
            Over::Slow => Closed::Slow,
        }
    }
}

/// A stream's position, and what it knows of its job's life.
#[derive(Debug)]
pub(super) struct Cursor {
    subject: Subject,
    /// All events up to this number have been handed out (or are in the state shown).
    seq: i64,
    /// The store was read to its end since the subscription.
    synced: bool,
    life: Life,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    /// No end in sight.
    Runs,
    /// The job had ended before the watcher came; whether it had after the events handed out so far.
    Replays {
        ended: bool,
    },
    /// It ended under the watcher's eyes, who stays until then.
    Lingers {
        until: Instant,
    },
    Over(Over),
}

/// What the ring's watchers do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum CaughtUp {
    /// Wait for news, at most until then.
    Wait(Option<Instant>),
    /// Close.
    Over(Over),
}

/// How a stream begins.
#[derive(Debug)]
pub(super) struct Opening {
    /// What is sent first, with each message's number.
    pub(super) messages: Vec<(i64, String)>,
    pub(super) cursor: Cursor,
    /// Nothing was missed since `since`, and nothing can follow.
    pub(super) exhausted: bool,
}

impl Cursor {
    fn new(subject: Subject, seq: i64, synced: bool, life: Life) -> Cursor {
        Cursor { subject, seq, synced, life }
    }

    pub(super) fn subject(&self) -> Subject {
        self.subject
    }

    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    pub(super) fn synced(&self) -> bool {
        self.synced
    }

    /// Notes that these events are handed out.
    pub(super) fn advance(&mut self, stretch: &Stretch, now: Instant) {
        if let Some(last) = stretch.events().next_back() {
            self.seq = last.seq;
        }
        if let Subject::Job(_) = self.subject {
            stretch.events().for_each(|event| self.note(event, now));
        }
    }

    fn note(&mut self, event: &Recorded, now: Instant) {
        let ended = event.event.status.is_terminal();
        self.life = match self.life {
            Life::Over(_) => return,
            _ if event.event.kind == EventType::Erased => Life::Over(Over::Gone),
            Life::Replays { .. } => Life::Replays { ended },
            Life::Runs if ended => Life::Lingers { until: now + LINGER },
            Life::Lingers { .. } if !ended => Life::Runs,
            unchanged => unchanged,
        };
    }

    /// Takes a page that was read after the cursor, or that there is nothing to read from any more.
    /// `ring_after`: where the ring began before the page was read, if that was why.
    pub(super) fn page(
        &mut self,
        page: Option<EventsPage>,
        ring_after: Option<i64>,
        now: Instant,
    ) -> Stretch {
        let mut stretch = Stretch::default();
        let Some(page) = page else {
            self.life = Life::Over(Over::Gone);
            return stretch;
        };
        if self.missed(&page, ring_after) {
            self.life = Life::Over(Over::Slow);
            return stretch;
        }
        let to_the_end = !page.more || page.events.is_empty();
        if !page.events.is_empty() {
            stretch.push(Chunk::new(page.events), 0);
            self.advance(&stretch, now);
        }
        if to_the_end {
            self.seq = self.seq.max(page.position);
            self.synced = true;
        }
        stretch
    }

    /// Whether retention has dropped events between the cursor and the page.
    fn missed(&self, page: &EventsPage, ring_after: Option<i64>) -> bool {
        match (self.subject, page.events.first()) {
            (Subject::Space(_), Some(first)) => first.seq > self.seq + 1,
            (Subject::Space(_), None) => page.position > self.seq,
            (Subject::Job(_), Some(first)) => first.prev > self.seq,
            (Subject::Job(_), None) => ring_after.is_some_and(|after| after > self.seq),
        }
    }

    /// The ring has nothing more for now.
    pub(super) fn caught_up(&mut self, now: Instant) -> CaughtUp {
        self.synced = true;
        match self.life {
            Life::Over(over) => return CaughtUp::Over(over),
            Life::Replays { ended: true } => self.life = Life::Over(Over::Ended),
            Life::Replays { ended: false } => self.life = Life::Runs,
            Life::Lingers { until } if until <= now => self.life = Life::Over(Over::Ended),
            Life::Lingers { until } => return CaughtUp::Wait(Some(until)),
            Life::Runs => return CaughtUp::Wait(None),
        }
        self.caught_up(now)
    }

    /// Why nothing more may be handed out, if so.
    pub(super) fn over(&self) -> Option<Over> {
        match self.life {
            Life::Over(over) => Some(over),
            _ => None,
        }
    }

    /// The subject is gone.
    pub(super) fn close(&mut self, over: Over) {
        self.life = Life::Over(over);
    }
}

/// A space stream's beginning. `oldest_at`: the time of the oldest kept event.
pub(super) fn open_space(
    space: &Space,
    since: Option<i64>,
    snapshot: bool,
    oldest_at: Option<Millis>,
) -> Opening {
    let subject = Subject::Space(space.no);
    let Some(since) = since else {
        let messages = if snapshot { vec![connected(space)] } else { vec![] };
        return Opening {
            messages,
            cursor: Cursor::new(subject, space.seq, true, Life::Runs),
            exhausted: false,
        };
    };
    let (messages, from) = start(space, since, oldest_at);
    Opening { messages, cursor: Cursor::new(subject, from, false, Life::Runs), exhausted: false }
}

/// A job stream's beginning. `terminal`: its stored terminal event, if it has ended and still has one;
/// `oldest_at`: the time of the oldest event that a replay would send.
pub(super) fn open_job(
    found: &FoundJob,
    since: Option<i64>,
    view: View,
    terminal: Option<Recorded>,
    oldest_at: Option<Millis>,
) -> Opening {
    let (job, space) = (&found.job, &found.space);
    let subject = Subject::Job(job.id);
    let ended = job.status.is_terminal();
    if let Some(since) = since {
        let (messages, from) = start(space, since, oldest_at);
        let exhausted = ended && messages.is_empty() && since >= job.seq;
        let life = if ended { Life::Replays { ended } } else { Life::Runs };
        return Opening { messages, cursor: Cursor::new(subject, from, false, life), exhausted };
    }
    if !ended {
        let messages = vec![init(found, space.seq, space.last_at)];
        let cursor = Cursor::new(subject, space.seq, true, Life::Runs);
        return Opening { messages, cursor, exhausted: false };
    }
    let terminal = terminal.unwrap_or_else(|| terminal_from_row(found));
    let mut text = String::new();
    terminal.encode(view, &mut text);
    // One below: the seed's pages know no `init`, and nobody must drop the terminal event as known.
    let messages = vec![init(found, terminal.seq - 1, terminal.at), (terminal.seq, text)];
    let cursor = Cursor::new(subject, terminal.seq, true, Life::Over(Over::Ended));
    Opening { messages, cursor, exhausted: false }
}

/// Whether `since` points outside what is kept; then a replay begins with `gap` and the oldest kept event.
pub(super) fn gap(space: &Space, since: i64) -> Option<&'static str> {
    if since > space.seq {
        Some("ahead")
    } else if since + 1 < space.oldest_seq {
        Some("retention")
    } else {
        None
    }
}

/// What a replay begins with, and after which number.
fn start(space: &Space, since: i64, oldest_at: Option<Millis>) -> (Vec<(i64, String)>, i64) {
    let Some(reason) = gap(space, since) else { return (vec![], since) };
    let seq = space.oldest_seq - 1;
    let oldest = if space.oldest_seq > space.seq { 0 } else { space.oldest_seq };
    let data = format!("{{\"reason\":\"{reason}\",\"oldest\":{oldest},\"newest\":{}}}", space.seq);
    // Not above what follows, or the timestamps would fall.
    let at = oldest_at.unwrap_or(space.last_at).min(space.last_at);
    let notice = Notice { job: None, kind: "gap", status: None, data: Some(&data), at, seq };
    (vec![(seq, notice.encode())], seq)
}

fn init(found: &FoundJob, seq: i64, at: Millis) -> (i64, String) {
    let (job, name) = (&found.job, &found.job.spec.name);
    let notice =
        Notice { job: Some((job.id, name)), kind: "init", status: Some(job.status), data: None, at, seq };
    (seq, notice.encode())
}

fn connected(space: &Space) -> (i64, String) {
    let counts: Vec<String> = Status::ALL
        .iter()
        .zip(space.counts)
        .map(|(status, count)| format!("\"{}\":{count}", status.as_str()))
        .collect();
    let data = format!("{{\"counts\":{{{}}}}}", counts.join(","));
    let (at, seq) = (space.last_at, space.seq);
    let notice = Notice { job: None, kind: "connected", status: None, data: Some(&data), at, seq };
    (seq, notice.encode())
}

/// The terminal event of a job whose event retention has dropped before the job itself.
fn terminal_from_row(found: &FoundJob) -> Recorded {
    let job = &found.job;
    let kind = match job.status {
        Status::Killed => EventType::Killed,
        Status::Dead => EventType::Dead,
        _ => EventType::Completed,
    };
    Recorded {
        space: job.space,
        seq: job.result_seq.unwrap_or(job.seq),
        prev: 0,
        at: job.completed_at.unwrap_or(job.updated_at),
        job: job.no,
        job_id: job.id,
        job_name: job.spec.name.clone(),
        event: Event { kind, status: job.status, data: found.contents.result.clone() },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::{event, found, space};
    use super::*;

    fn messages(opening: &Opening) -> Vec<Value> {
        let parse = |(seq, text): &(i64, String)| {
            let message: Value = serde_json::from_str(text).unwrap();
            assert_eq!(message["seq"], *seq);
            message
        };
        opening.messages.iter().map(parse).collect()
    }

    fn page(events: Vec<Recorded>, position: i64, oldest: i64, more: bool) -> Option<EventsPage> {
        Some(EventsPage { events, position, oldest, last_at: 10 * position, more })
    }

    fn stretch(event: Recorded) -> Stretch {
        let mut stretch = Stretch::default();
        stretch.push(Chunk::new(vec![event]), 0);
        stretch
    }

    /// A stream of job 1, which runs, after its event 5.
    fn running() -> Cursor {
        open_job(&found(space(1, 5), 1, Status::Running, 5), None, View::Full, None, None).cursor
    }

    #[test]
    fn a_running_job_begins_with_init_at_the_spaces_position() {
        let opening = open_job(&found(space(1, 9), 1, Status::Running, 5), None, View::Full, None, None);
        let [init] = &messages(&opening)[..] else { panic!("one message") };
        assert_eq!(
            (&init["type"], &init["status"], &init["seq"]),
            (&json!("init"), &json!("running"), &json!(9))
        );
        assert_eq!(init.get("data"), None);
        assert_eq!(opening.cursor.seq(), 9);
        assert!(opening.cursor.synced());
    }

    #[test]
    fn an_ended_job_gives_init_one_below_its_terminal_event_in_the_view_and_ends() {
        for stored in [Some(event(7, 6, 1, EventType::Completed, Some("{\"secret\":1}"))), None] {
            let found = found(space(1, 9), 1, Status::Completed, 7);
            let opening = open_job(&found, None, View::Progress, stored, None);
            let [init, end] = &messages(&opening)[..] else { panic!("two messages") };
            assert_eq!((&init["type"], &init["status"]), (&json!("init"), &json!("completed")));
            assert_eq!((&init["seq"], &end["seq"]), (&json!(6), &json!(7)));
            assert_eq!((&end["type"], end.get("data")), (&json!("completed"), Some(&Value::Null)));
            assert!(init["timestamp"].as_str() <= end["timestamp"].as_str());
            assert_eq!(opening.cursor.over(), Some(Over::Ended));
        }
    }

    #[test]
    fn since_sends_a_gap_only_where_something_is_missing() {
        let gap_of = |space: &Space, since| messages(&open_space(space, Some(since), true, Some(40))).pop();
        for (since, expected) in [
            (2, Some(json!({"reason": "retention", "oldest": 4, "newest": 9}))),
            (3, None),
            (9, None),
            (10, Some(json!({"reason": "ahead", "oldest": 4, "newest": 9}))),
        ] {
            let gap = gap_of(&space(4, 9), since);
            assert_eq!(gap.as_ref().map(|gap| gap["data"].clone()), expected, "{since}");
            if let Some(gap) = gap {
                assert_eq!((&gap["type"], &gap["seq"]), (&json!("gap"), &json!(3)));
                assert_eq!(gap["timestamp"], "1970-01-01T00:00:00.040Z");
                assert_eq!((&gap["jobId"], &gap["status"]), (&Value::Null, &Value::Null));
            }
        }
        assert_eq!(gap_of(&space(1, 0), 0), None, "an empty space");
        let empty = gap_of(&space(1, 0), 1).unwrap();
        assert_eq!(empty["data"], json!({"reason": "ahead", "oldest": 0, "newest": 0}));
        let all_dropped = gap_of(&space(10, 9), 3).unwrap();
        assert_eq!(all_dropped["data"], json!({"reason": "retention", "oldest": 0, "newest": 9}));
        assert_eq!(all_dropped["seq"], 9);
    }

    #[test]
    fn a_snapshot_names_all_counts_and_nothing_else_precedes_a_space_stream() {
        assert!(open_space(&space(1, 9), None, false, None).messages.is_empty());
        let opening = open_space(&space(1, 9), None, true, None);
        let [connected] = &messages(&opening)[..] else { panic!("one message") };
        assert_eq!(connected["type"], "connected");
        assert_eq!(connected["data"]["counts"].as_object().unwrap().len(), 7);
        assert_eq!(connected["data"]["counts"]["running"], 2);
        assert!(open_space(&space(1, 9), Some(9), true, None).messages.is_empty(), "since beats snapshot");
    }

    #[test]
    fn since_on_an_ended_job_replays_and_closes() {
        let ended = found(space(1, 9), 1, Status::Completed, 7);
        let opening = open_job(&ended, Some(5), View::Full, None, None);
        assert!(opening.messages.is_empty() && !opening.exhausted);
        let (mut cursor, now) = (opening.cursor, Instant::now());
        let events =
            vec![event(6, 5, 1, EventType::Progress, None), event(7, 6, 1, EventType::Completed, None)];
        assert_eq!(cursor.page(page(events, 9, 1, false), None, now).count(), 2);
        assert_eq!(cursor.caught_up(now), CaughtUp::Over(Over::Ended));
        assert!(open_job(&ended, Some(7), View::Full, None, None).exhausted);
        assert!(
            !open_job(&ended, Some(10), View::Full, None, None).exhausted,
            "ahead: there is a gap to tell"
        );
    }

    #[test]
    fn a_requeue_during_the_replay_keeps_the_stream_open() {
        let ended = found(space(1, 9), 1, Status::Completed, 7);
        let (mut cursor, now) = (open_job(&ended, Some(6), View::Full, None, None).cursor, Instant::now());
        let events =
            vec![event(7, 6, 1, EventType::Completed, None), event(10, 7, 1, EventType::Requeued, None)];
        cursor.page(page(events, 10, 1, false), None, now);
        assert_eq!(cursor.caught_up(now), CaughtUp::Wait(None));
    }

    #[test]
    fn who_was_there_at_the_end_stays_for_30_s_unless_it_is_requeued() {
        let (mut cursor, now) = (running(), Instant::now());
        cursor.advance(&stretch(event(6, 5, 1, EventType::Completed, None)), now);
        assert_eq!(cursor.caught_up(now), CaughtUp::Wait(Some(now + LINGER)));
        let mut late = event(7, 6, 1, EventType::Log, None);
        late.event.status = Status::Completed;
        cursor.advance(&stretch(late), now + LINGER / 2);
        assert_eq!(
            cursor.caught_up(now),
            CaughtUp::Wait(Some(now + LINGER)),
            "late events give no more time"
        );
        cursor.advance(&stretch(event(8, 7, 1, EventType::Requeued, None)), now);
        assert_eq!(cursor.caught_up(now + LINGER), CaughtUp::Wait(None));
        cursor.advance(&stretch(event(9, 8, 1, EventType::Dead, None)), now);
        assert_eq!(cursor.caught_up(now + LINGER), CaughtUp::Over(Over::Ended));
    }

    #[test]
    fn an_erased_job_gives_its_last_event_and_is_gone() {
        let (mut cursor, now) = (running(), Instant::now());
        cursor.advance(&stretch(event(6, 5, 1, EventType::Erased, None)), now);
        assert_eq!((cursor.seq(), cursor.over()), (6, Some(Over::Gone)));
        let mut cursor = running();
        cursor.page(None, None, now);
        assert_eq!(cursor.over(), Some(Over::Gone), "the store knows it no more");
    }

    #[test]
    fn a_space_stream_outlives_its_jobs() {
        let (mut cursor, now) = (open_space(&space(1, 5), None, false, None).cursor, Instant::now());
        cursor.advance(&stretch(event(6, 5, 1, EventType::Completed, None)), now);
        cursor.advance(&stretch(event(7, 6, 1, EventType::Erased, None)), now);
        assert_eq!(cursor.caught_up(now), CaughtUp::Wait(None));
    }

    #[test]
    fn what_retention_dropped_ends_a_stream_that_needed_it_and_no_other() {
        let now = Instant::now();
        let of_space = |events, oldest| {
            let mut cursor = open_space(&space(1, 5), None, false, None).cursor;
            cursor.page(page(events, 20, oldest, false), Some(15), now);
            cursor.over()
        };
        let progress = |seq, prev| vec![event(seq, prev, 1, EventType::Progress, None)];
        assert_eq!(of_space(progress(6, 5), 6), None);
        assert_eq!(of_space(progress(8, 5), 8), Some(Over::Slow));
        assert_eq!(of_space(vec![], 21), Some(Over::Slow));
        let of_job = |events, ring_after| {
            let mut cursor = running();
            cursor.page(page(events, 20, 8, false), ring_after, now);
            cursor.over()
        };
        assert_eq!(of_job(progress(18, 5), Some(15)), None, "only other jobs' events are gone");
        assert_eq!(of_job(progress(18, 7), Some(15)), Some(Over::Slow));
        assert_eq!(of_job(vec![], Some(15)), Some(Over::Slow));
        assert_eq!(of_job(vec![], None), None);
    }

    #[test]
    fn a_page_that_is_not_the_last_leaves_the_cursor_at_its_last_event() {
        let (mut cursor, now) = (open_space(&space(1, 9), Some(3), false, None).cursor, Instant::now());
        let progress = |seq| event(seq, seq - 1, 1, EventType::Progress, None);
        cursor.page(page(vec![progress(4), progress(5)], 9, 1, true), None, now);
        assert_eq!((cursor.seq(), cursor.synced()), (5, false));
        cursor.page(page((6..=9).map(progress).collect(), 9, 1, false), None, now);
        assert_eq!((cursor.seq(), cursor.synced()), (9, true));
        assert_eq!(cursor.subject(), Subject::Space(1));
    }
}
