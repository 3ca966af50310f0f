//! The wall clock, read here and nowhere else.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use emit_core::Millis;

/// UTC milliseconds that never step: the wall clock's at start, then as fast as the machine's monotonic clock.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    wall_at_start: Millis,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { start: Instant::now(), wall_at_start: wall.as_millis() as Millis }
    }

    /// The present time.
    pub fn now(&self) -> Millis {
        self.wall_at_start + self.start.elapsed().as_millis() as Millis
    }
}
