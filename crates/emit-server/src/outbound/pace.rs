//! One message after the other to an address, whoever sends there.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// When each address may be sent to again.
#[derive(Debug)]
pub(super) struct Pace {
    between: Duration,
    free_at: Mutex<HashMap<String, Instant>>,
}

impl Pace {
    pub(super) fn new(between: Duration) -> Pace {
        Pace { between, free_at: Mutex::default() }
    }

    /// Waits for the next turn to send there.
    pub(super) async fn turn(&self, address: &str) {
        sleep_until(self.take_turn(address)).await;
    }

    fn take_turn(&self, address: &str) -> Instant {
        let now = Instant::now();
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        free_at.retain(|_, at| *at > now);
        let turn = free_at.get(address).copied().unwrap_or(now);
        free_at.insert(address.to_owned(), turn + self.between);
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn turns_at_one_address_are_apart_and_others_are_free() {
        let (pace, start) = (Pace::new(Duration::from_secs(1)), Instant::now());
        for turn in 0..3 {
            pace.turn("a").await;
            assert_eq!(start.elapsed().as_secs(), turn);
        }
        pace.turn("b").await;
        assert_eq!(start.elapsed().as_secs(), 2);
        tokio::time::advance(Duration::from_secs(60)).await;
        pace.turn("b").await;
        assert_eq!(start.elapsed().as_secs(), 62, "who waited long waits no longer");
        assert_eq!(pace.free_at.lock().unwrap().len(), 1, "addresses that are free are forgotten");
    }
}
