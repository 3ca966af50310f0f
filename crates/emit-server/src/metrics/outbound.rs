//! What is sent out, and how it is taken.

use std::time::Duration;

use super::names;
use super::text::Text;
use super::value::{Counter, Histogram};

/// What this process sends.
pub(crate) static OUTBOUND: Outbound = Outbound {
    requests: [const { [const { Counter::new() }; Outcome::ALL.len()] }; Sent::ALL.len()],
    seconds: [const { Histogram::times() }; Sent::ALL.len()],
};

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Sent {
    /// The end of a job.
    Callback,
    /// A wake-up.
    Push,
    /// A message to Slack.
    Slack,
}

impl Sent {
    const ALL: [(Sent, &str); 3] =
        [(Sent::Callback, "callback"), (Sent::Push, "push"), (Sent::Slack, "slack")];
}

/// What became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// The receiver answered 2xx.
    Taken,
    /// The receiver answered something else.
    Refused,
    /// There was no answer: a refused address, no connection, no time left.
    Unanswered,
}

impl Outcome {
    const ALL: [(Outcome, &str); 3] =
        [(Outcome::Taken, "taken"), (Outcome::Refused, "refused"), (Outcome::Unanswered, "unanswered")];
}

pub(crate) struct Outbound {
    requests: [[Counter; Outcome::ALL.len()]; Sent::ALL.len()],
    seconds: [Histogram; Sent::ALL.len()],
}

impl Outbound {
    /// A request is over.
    pub(crate) fn sent(&self, what: Sent, outcome: Outcome, took: Duration) {
        self.requests[what as usize][outcome as usize].add(1);
        self.seconds[what as usize].observe_time(took);
    }

    pub(super) fn show(&self, text: &mut Text) {
        let mut requests = text.metric(&names::OUTBOUND_REQUESTS);
        for ((_, what), counts) in Sent::ALL.iter().zip(&self.requests) {
            for ((_, outcome), count) in Outcome::ALL.iter().zip(counts) {
                requests.value(&[what, outcome], count.get());
            }
        }
        let mut seconds = text.metric(&names::OUTBOUND_SECONDS);
        for ((_, what), histogram) in Sent::ALL.iter().zip(&self.seconds) {
            seconds.histogram(&[what], histogram);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_where_their_numbers_point() {
        assert!(Sent::ALL.iter().enumerate().all(|(index, (what, _))| *what as usize == index));
        assert!(Outcome::ALL.iter().enumerate().all(|(index, (outcome, _))| *outcome as usize == index));
    }
}
