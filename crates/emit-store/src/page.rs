//! How much fits on a page: both stores stop at the same place.

use emit_core::{Job, Recorded};

use crate::Contents;

/// Gathers up to a number of events and about a number of bytes, always at least one.
pub(crate) struct Page {
    pub(crate) events: Vec<Recorded>,
    limit: usize,
    bytes_left: usize,
}

impl Page {
    /// An empty page.
    pub(crate) fn new(limit: usize, bytes: usize) -> Page {
        Page { events: Vec::new(), limit, bytes_left: bytes }
    }

    /// Takes the next event if there is room for it.
    pub(crate) fn take(&mut self, event: Recorded) -> bool {
        let size = event.event.data.as_ref().map_or(0, |data| data.len()) + event.job_name.len() + 150;
        if self.events.len() == self.limit || (!self.events.is_empty() && size > self.bytes_left) {
            return false;
        }
        self.bytes_left = self.bytes_left.saturating_sub(size);
        self.events.push(event);
        true
    }
}

/// About how long the job will be as JSON.
pub(crate) fn job_size(job: &Job, beside: &Contents) -> usize {
    beside.bytes() + job.spec.name.len() + job.spec.tags.as_ref().map_or(0, |tags| tags.len()) + 1_200
}
