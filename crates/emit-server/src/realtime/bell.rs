//! The hub's one timer: wakes the watchers of busy topics at their pace, and has rings forget.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::seat::lock;
use super::topic::Topic;

/// What to do when it is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ring {
    /// Wake the watchers.
    Wake,
    /// Drop what nobody needs.
    Fade,
}

/// One timer for all topics, so that neither topics nor connections need their own.
#[derive(Debug, Default)]
pub(super) struct Bell {
    due: Mutex<BinaryHeap<Reverse<Due>>>,
    news: Notify,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Due(Instant, Ring, Weak<Topic>);

impl Bell {
    /// Rings for a topic at that time.
    pub(super) fn ring_at(&self, at: Instant, ring: Ring, topic: &Arc<Topic>) {
        let first = {
            let mut due = lock(&self.due);
            let first = due.peek().is_none_or(|Reverse(next)| at < next.0);
            due.push(Reverse(Due(at, ring, Arc::downgrade(topic))));
            first
        };
        if first {
            self.news.notify_one();
        }
    }

    /// Lets `run` end.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.news.notify_one();
    }

    /// Rings whatever is due, for as long as there is a hub.
    pub(super) async fn run(self: Arc<Bell>) {
        while !self.closed.load(Ordering::Acquire) {
            match self.ring_due(Instant::now()) {
                Some(next) => {
                    tokio::select! {
                        () = tokio::time::sleep_until(next) => {}
                        () = self.news.notified() => {}
                    }
                }
                None => self.news.notified().await,
            }
        }
    }

    /// Rings what is due; when the next is.
    fn ring_due(&self, now: Instant) -> Option<Instant> {
        loop {
            let Due(_, ring, topic) = {
                let mut due = lock(&self.due);
                let Reverse(next) = due.peek()?;
                if next.0 > now {
                    return Some(next.0);
                }
                let Reverse(next) = due.pop()?;
                next
            };
            let Some(topic) = topic.upgrade() else { continue };
            match ring {
                Ring::Wake => topic.wake(now),
                Ring::Fade => {
                    if let Some(at) = topic.fade(now) {
                        self.ring_at(at, Ring::Fade, &topic);
                    }
                }
            }
        }
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Due) -> bool {
        self.0 == other.0
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
