//! A bound for keys that anybody may hold: public ones and those of one job. Secret keys have none.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderName;
use emit_core::TokenId;
use emit_store::Token;

use super::problem::{Code, Problem};

/// Pairs of key and address remembered at once. Beyond it those that are idle are forgotten, then all.
const REMEMBERED: usize = 100_000;
/// A burst may take what a second allows, at once.
const BURST: Duration = Duration::from_secs(1);

/// How many requests a second each public key may make from each address, counted on this node.
pub(super) struct RateLimit {
    per_second: u32,
    /// When each pair would be back at rest: the "theoretical arrival time" of the generic cell rate algorithm.
    /// Locked for a look-up only.
    rest_at: Mutex<HashMap<(TokenId, IpAddr), Instant>>,
}

impl RateLimit {
    pub(super) fn new(per_second: u32) -> RateLimit {
        RateLimit { per_second: per_second.max(1), rest_at: Mutex::default() }
    }

    /// Counts one request, or refuses it.
    pub(super) fn count(&self, token: &Token, client: IpAddr) -> Result<(), Problem> {
        if !token.is_in_many_hands() {
            return Ok(());
        }
        self.take((token.id, client), Instant::now()).map_err(|wait| self.problem(wait))
    }

    fn take(&self, pair: (TokenId, IpAddr), now: Instant) -> Result<(), Duration> {
        let mut rest_at = self.rest_at.lock().unwrap_or_else(PoisonError::into_inner);
        if rest_at.len() >= REMEMBERED && !rest_at.contains_key(&pair) {
            rest_at.retain(|_, at| *at > now);
            if rest_at.len() >= REMEMBERED {
                rest_at.clear();
            }
        }
        let at = rest_at.entry(pair).or_insert(now);
        let next = (*at).max(now) + Duration::from_secs(1) / self.per_second;
        let ahead = next.saturating_duration_since(now);
        if ahead > BURST {
            return Err(ahead - BURST);
        }
        *at = next;
        Ok(())
    }

    fn problem(&self, wait: Duration) -> Problem {
        let reset = wait.as_millis().div_ceil(1_000).max(1).to_string();
        Problem::of(Code::RateLimited, format!("This key may make {} requests a second", self.per_second))
            .retry_after(wait)
            .with(HeaderName::from_static("ratelimit-limit"), &self.per_second.to_string())
            .with(HeaderName::from_static("ratelimit-remaining"), "0")
            .with(HeaderName::from_static("ratelimit-reset"), &reset)
    }
}

#[cfg(test)]
mod tests {
    use emit_core::ids::Id;

    use super::*;

    #[test]
    fn a_second_allows_its_number_and_the_next_one_again() {
        let limit = RateLimit::new(10);
        let pair = |n: u128| (Id(n), IpAddr::from([127, 0, 0, 1]));
        let now = Instant::now();
        assert_eq!((0..20).filter(|_| limit.take(pair(1), now).is_ok()).count(), 10);
        assert!(limit.take(pair(2), now).is_ok());
        let wait = limit.take(pair(1), now).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(100), "{wait:?}");
        assert!(limit.take(pair(1), now + wait).is_ok());
        let later = now + Duration::from_secs(5);
        assert_eq!((0..20).filter(|_| limit.take(pair(1), later).is_ok()).count(), 10);
    }
}
