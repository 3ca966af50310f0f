//! What streams count. A stream that waits counts nothing.

use std::time::Duration;

use super::names;
use super::text::Text;
use super::value::{Counter, Gauge, Histogram};

/// The streams of this process.
pub(crate) static STREAMS: Streams = Streams {
    open: [const { Gauge::new() }; Transport::ALL.len()],
    behind: Gauge::new(),
    lag: Histogram::times(),
    pages: Counter::new(),
    closed: [const { Counter::new() }; Closed::ALL.len()],
};

/// How a stream reaches its client.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Transport {
    WebSocket,
    Sse,
}

impl Transport {
    const ALL: [(Transport, &str); 2] = [(Transport::WebSocket, "websocket"), (Transport::Sse, "sse")];
}

/// Why a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Closed {
    /// The job is over.
    Ended,
    /// Its subject was deleted.
    Deleted,
    /// The client lagged beyond what is kept.
    Slow,
    /// The client took nothing for too long.
    Stuck,
    /// The client answered no ping.
    NoPong,
    /// The key is over.
    Revoked,
    /// The server is.
    Draining,
    /// The store did not answer.
    Failed,
    /// The client broke the protocol.
    Protocol,
    /// The client went.
    Client,
}

impl Closed {
    const ALL: [(Closed, &str); 10] = [
        (Closed::Ended, "ended"),
        (Closed::Deleted, "deleted"),
        (Closed::Slow, "slow"),
        (Closed::Stuck, "stuck"),
        (Closed::NoPong, "no_pong"),
        (Closed::Revoked, "revoked"),
        (Closed::Draining, "draining"),
        (Closed::Failed, "failed"),
        (Closed::Protocol, "protocol"),
        (Closed::Client, "client"),
    ];
}

pub(crate) struct Streams {
    open: [Gauge; Transport::ALL.len()],
    behind: Gauge,
    lag: Histogram,
    pages: Counter,
    closed: [Counter; Closed::ALL.len()],
}

/// A stream that counts as open until it is dropped.
#[derive(Debug)]
pub(crate) struct OpenStream(Transport);

impl Drop for OpenStream {
    fn drop(&mut self) {
        STREAMS.open[self.0 as usize].add(-1);
    }
}

/// A stream that counts as behind until it is dropped.
#[derive(Debug)]
pub(crate) struct Behind;

impl Drop for Behind {
    fn drop(&mut self) {
        STREAMS.behind.add(-1);
    }
}

impl Streams {
    /// A stream begins.
    pub(crate) fn opened(&self, transport: Transport) -> OpenStream {
        self.open[transport as usize].add(1);
        OpenStream(transport)
    }

    /// A stream ended.
    pub(crate) fn closed(&self, why: Closed) {
        self.closed[why as usize].add(1);
    }

    /// A stream fell behind, or begins in the past.
    pub(crate) fn fell_behind(&self) -> Behind {
        self.behind.add(1);
        Behind
    }

    /// A stream reads a page of the store.
    pub(crate) fn reads_page(&self) {
        self.pages.add(1);
    }

    /// A stream that keeps up took an event of that age.
    pub(crate) fn took(&self, age: Duration) {
        self.lag.observe_time(age);
    }

    pub(super) fn show(&self, text: &mut Text) {
        let mut open = text.metric(&names::STREAMS);
        for ((_, transport), count) in Transport::ALL.iter().zip(&self.open) {
            open.value(&[transport], count.get());
        }
        text.single(&names::STREAMS_BEHIND, self.behind.get());
        text.metric(&names::STREAM_LAG).histogram(&[], &self.lag);
        text.single(&names::STREAM_PAGES, self.pages.get());
        let mut closed = text.metric(&names::STREAMS_CLOSED);
        for ((_, reason), count) in Closed::ALL.iter().zip(&self.closed) {
            closed.value(&[reason], count.get());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_where_their_numbers_point() {
        assert!(Transport::ALL.iter().enumerate().all(|(index, (which, _))| *which as usize == index));
        assert!(Closed::ALL.iter().enumerate().all(|(index, (which, _))| *which as usize == index));
    }
}
