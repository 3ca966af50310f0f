//! How long a failed job waits for its next attempt.

use crate::time::{Millis, SECOND};
use serde::Serialize;

/// How the delay grows with the attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// None was given: as `None`, but answered as `null`.
    Unset,
    /// Pending again at once.
    None,
    /// The same delay each time.
    Fixed,
    /// Doubled with each attempt.
    Exponential,
}

/// `retryBackoff`: delay = min(delaySeconds · 2^(n−1), maxDelaySeconds) for the n-th retry.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Backoff {
    /// How the delay grows.
    pub strategy: Strategy,
    /// The first delay, 0 to 86,400 s.
    pub delay_seconds: f64,
    /// No delay is longer, 0 to 86,400 s.
    pub max_delay_seconds: f64,
    /// Whether the delay is drawn uniformly from 0 to the computed one.
    pub jitter: bool,
}

impl Default for Backoff {
    fn default() -> Self {
        Backoff {
            strategy: Strategy::Unset,
            delay_seconds: 0.0,
            max_delay_seconds: crate::limits::DELAY_SECONDS as f64,
            jitter: false,
        }
    }
}

impl Backoff {
    /// The delay before retry `n` (from 1). `chance` is uniform in 0..1.
    pub fn delay_ms(&self, n: u32, chance: f64) -> Millis {
        let grown = match self.strategy {
            Strategy::Unset | Strategy::None => return 0,
            Strategy::Fixed => self.delay_seconds,
            Strategy::Exponential => self.delay_seconds * 2f64.powi(n.saturating_sub(1).min(64) as i32),
        };
        let bounded = grown.min(self.max_delay_seconds);
        let drawn = if self.jitter { bounded * chance } else { bounded };
        (drawn * SECOND as f64).round() as Millis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_doubles_up_to_its_bound() {
        let backoff = Backoff {
            strategy: Strategy::Exponential,
            delay_seconds: 2.0,
            max_delay_seconds: 10.0,
            jitter: false,
        };
        let delays: Vec<_> = (1..=5).map(|n| backoff.delay_ms(n, 0.5)).collect();
        assert_eq!(delays, [2_000, 4_000, 8_000, 10_000, 10_000]);
    }

    #[test]
    fn jitter_draws_from_zero_to_the_delay() {
        let backoff =
            Backoff { strategy: Strategy::Fixed, delay_seconds: 10.0, jitter: true, ..Backoff::default() };
        assert_eq!(backoff.delay_ms(1, 0.0), 0);
        assert_eq!(backoff.delay_ms(9, 0.25), 2_500);
    }

    #[test]
    fn the_bound_holds_for_a_fixed_delay_too() {
        let backoff =
            Backoff { strategy: Strategy::Fixed, delay_seconds: 10.0, max_delay_seconds: 3.0, jitter: false };
        assert_eq!(backoff.delay_ms(1, 0.0), 3_000);
    }
}
