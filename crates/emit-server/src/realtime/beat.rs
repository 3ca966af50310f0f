//! When a connection is due for a ping, and when it has been silent or stuck for too long. Pure.

use std::time::Duration;

use tokio::time::Instant;

/// So often we ask whether the client is there.
const PING_EVERY: Duration = Duration::from_secs(30);
/// So long it may take to answer, and so long it may take nothing of what we write.
const PATIENCE: Duration = Duration::from_secs(60);
/// So long the frame under way may take once the connection is to end.
const LAST_FRAME: Duration = Duration::from_secs(5);

/// What a deadline means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// A ping is due.
    Ping,
    /// None of our pings was answered.
    NoPong,
    /// The client takes nothing.
    Stuck,
    /// The key expires.
    Expiry,
    /// Somebody else's deadline.
    Later,
}

/// A connection's deadlines.
#[derive(Debug)]
pub(super) struct Beat {
    next_ping: Instant,
    /// When the answer to the oldest unanswered ping is overdue.
    pong_by: Option<Instant>,
    /// Since when nothing could be written.
    blocked_since: Option<Instant>,
    /// Was blocked during the present write.
    was_blocked: bool,
    /// When the connection ends in any case.
    end_by: Option<Instant>,
}

impl Beat {
    pub(super) fn new(now: Instant) -> Beat {
        Beat {
            next_ping: now + PING_EVERY,
            pong_by: None,
            blocked_since: None,
            was_blocked: false,
            end_by: None,
        }
    }

    /// The next deadline. While the socket is full no ping can be sent, and one that waits in a full pipe cannot
    /// be answered: then only the client's taking counts.
    pub(super) fn next(&self, expires: Option<Instant>, until: Option<Instant>) -> (Instant, Due) {
        let expires = expires.filter(|_| !self.is_ending());
        let own = match self.blocked_since {
            Some(since) => Some((since + PATIENCE, Due::Stuck)),
            None => self.pong_by.map(|at| (at, Due::NoPong)),
        };
        let ping = if self.blocked_since.is_some() { None } else { Some((self.next_ping, Due::Ping)) };
        let rest = [
            expires.map(|at| (at, Due::Expiry)),
            own,
            self.end_by.map(|at| (at, Due::Stuck)),
            until.map(|at| (at, Due::Later)),
            ping,
        ];
        rest.into_iter().flatten().min_by_key(|(at, _)| *at).unwrap_or((self.next_ping, Due::Ping))
    }

    /// Whether to send a ping now.
    pub(super) fn ping(&mut self, now: Instant) -> bool {
        if now < self.next_ping {
            return false;
        }
        self.next_ping = now + PING_EVERY;
        self.pong_by.get_or_insert(now + PATIENCE);
        true
    }

    pub(super) fn pong(&mut self) {
        self.pong_by = None;
    }

    /// The socket is full.
    pub(super) fn blocks(&mut self, now: Instant) {
        self.blocked_since.get_or_insert(now);
        self.was_blocked = true;
    }

    /// The client took something.
    pub(super) fn flows(&mut self) {
        self.blocked_since = None;
    }

    /// Everything is written.
    pub(super) fn done(&mut self, now: Instant) {
        if std::mem::take(&mut self.was_blocked) && self.pong_by.is_some() {
            self.pong_by = Some(now + PATIENCE);
        }
    }

    /// The connection is to end after the frame under way.
    pub(super) fn end(&mut self, now: Instant) {
        self.end_by.get_or_insert(now + LAST_FRAME);
    }

    pub(super) fn is_ending(&self) -> bool {
        self.end_by.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn pings_come_every_30_s_and_must_be_answered_within_60() {
        let start = Instant::now();
        let mut beat = Beat::new(start);
        assert_eq!(beat.next(None, None), (start + 30 * SECOND, Due::Ping));
        assert!(!beat.ping(start + 29 * SECOND) && beat.ping(start + 30 * SECOND));
        assert_eq!(beat.next(None, None), (start + 60 * SECOND, Due::Ping));
        assert!(beat.ping(start + 60 * SECOND));
        assert_eq!(beat.next(None, None), (start + 90 * SECOND, Due::NoPong));
        beat.pong();
        assert_eq!(beat.next(None, None), (start + 90 * SECOND, Due::Ping));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_stuck_and_one_that_takes_slowly_is_not() {
        let start = Instant::now();
        let mut beat = Beat::new(start);
        beat.ping(start + 30 * SECOND);
        beat.blocks(start + 40 * SECOND);
        beat.blocks(start + 50 * SECOND);
        assert_eq!(beat.next(None, None), (start + 100 * SECOND, Due::Stuck), "and not the pong");
        beat.flows();
        beat.blocks(start + 95 * SECOND);
        assert_eq!(beat.next(None, None), (start + 155 * SECOND, Due::Stuck));
        beat.flows();
        beat.done(start + 96 * SECOND);
        assert!(beat.ping(start + 96 * SECOND), "was due in between");
        assert_eq!(beat.next(None, None), (start + 126 * SECOND, Due::Ping));
        beat.ping(start + 126 * SECOND);
        assert_eq!(beat.next(None, None).1, Due::NoPong, "the old ping's time begins when the pipe is free");
    }

    #[tokio::test]
    async fn the_earliest_deadline_counts() {
        let start = Instant::now();
        let mut beat = Beat::new(start);
        let (expires, until) = (start + 10 * SECOND, start + 5 * SECOND);
        assert_eq!(beat.next(Some(expires), Some(until)), (until, Due::Later));
        assert_eq!(beat.next(Some(expires), None), (expires, Due::Expiry));
        beat.end(start);
        assert_eq!(beat.next(Some(start), None), (start + 5 * SECOND, Due::Stuck));
    }
}
