//! The wall clock, read here and nowhere else.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use emit_core::Millis;
use rustix::time::{ClockId, clock_gettime};

/// UTC milliseconds that never step: the wall clock's at start, then as fast as the machine's monotonic clock.
pub struct Clock {
    read: Box<dyn Fn() -> Millis + Send + Sync>,
}

impl Clock {
    /// A clock that starts now.
    pub fn start() -> Clock {
        let offset = wall() - since_boot();
        Clock::reading(move || offset + since_boot())
    }

    /// A clock that somebody else drives.
    pub fn reading(read: impl Fn() -> Millis + Send + Sync + 'static) -> Clock {
        Clock { read: Box::new(read) }
    }

    /// The present time.
    pub fn now(&self) -> Millis {
        (self.read)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clock({})", self.now())
    }
}

/// The wall clock's present time, steps and all: for what others compare with theirs. Nothing here is due by it.
pub(crate) fn wall() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as Millis
}

/// Not stepped by anybody, and unlike `Instant` it goes on while the machine sleeps: otherwise timeouts would be late
/// by that sleep until a restart.
fn since_boot() -> Millis {
    #[cfg(target_os = "linux")]
    let clock = ClockId::Boottime;
    #[cfg(not(target_os = "linux"))]
    let clock = ClockId::Monotonic;
    let time = clock_gettime(clock);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}
