//! Callbacks: where the end of a job is told, how a try went, and when the next one is due.

use std::sync::Arc;

use crate::json::write_string;
use crate::time::{Millis, Rfc3339Millis, SECOND};

/// Where a job's end is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Callback {
    /// An absolute http or https URL without userinfo.
    pub url: Arc<str>,
    /// Headers to send along: a JSON object of strings, as text.
    pub headers: Option<Arc<str>>,
}

impl Callback {
    /// Scheme, host and port in lower case: what its tries share with those of other jobs.
    pub fn endpoint(&self) -> String {
        let host_at = self.url.find("://").map_or(0, |at| at + 3);
        let rest = &self.url[host_at..];
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        self.url[..host_at + end].to_lowercase()
    }

    /// The URL as events show it: the query may hold what is nobody else's business.
    pub fn shown_url(&self) -> &str {
        &self.url[..self.url.find(['?', '#']).unwrap_or(self.url.len())]
    }
}

/// The delays between the tries of one callback; the first try comes at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(pub Vec<Millis>);

impl Default for Schedule {
    /// Eight tries over some 17 hours: an outage of a night is survived.
    fn default() -> Schedule {
        Schedule([5, 30, 120, 600, 3_600, 14_400, 43_200].map(|seconds| seconds * SECOND).to_vec())
    }
}

impl Schedule {
    /// The delay after try `number` (from 1), a tenth longer or shorter by `chance` (uniform in 0..1), so that what
    /// failed together does not come back together. A longer `Retry-After` wins. `None`: that was the last.
    pub fn delay_ms(&self, number: u32, retry_after_ms: Option<Millis>, chance: f64) -> Option<Millis> {
        let delay = *self.0.get(number.checked_sub(1)? as usize)? as f64 * (0.9 + 0.2 * chance);
        Some((delay.round() as Millis).max(retry_after_ms.unwrap_or(0)))
    }
}

/// How one try went.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The number of the event that ended the job: which end was told.
    pub end_seq: i64,
    /// The job's `callback_round` when it set out.
    pub round: u32,
    /// Which try, from 1.
    pub number: u32,
    /// The answer's status, if there was an answer.
    pub status_code: Option<u16>,
    /// How long it took.
    pub duration_ms: Millis,
    /// The beginning of the answer's body.
    pub answer: Option<String>,
    /// Why there was no answer, or why it does not count.
    pub error: Option<String>,
    /// What the answer asked for.
    pub retry_after_ms: Option<Millis>,
    /// When further tries come.
    pub schedule: Arc<Schedule>,
}

impl Tried {
    /// Success is 2xx.
    pub fn succeeded(&self) -> bool {
        self.status_code.is_some_and(|code| (200..300).contains(&code)) && self.error.is_none()
    }

    /// The delay until the next try, if there is one. 410 means that nobody wants to hear it any more.
    pub(crate) fn delay_ms(&self, chance: f64) -> Option<Millis> {
        if self.succeeded() || self.status_code == Some(410) {
            return None;
        }
        self.schedule.delay_ms(self.number, self.retry_after_ms, chance)
    }

    /// The data of its event.
    pub(crate) fn data(&self, url: &str, next_try_at: Option<Millis>) -> String {
        let mut out = String::from("{\"url\":");
        write_string(&mut out, url);
        let code = self.status_code.map_or("null".to_owned(), |code| code.to_string());
        out.push_str(&format!(",\"statusCode\":{code},\"try\":{},\"nextTryAt\":", self.number));
        match next_try_at {
            Some(at) => out.push_str(&format!("\"{}\"", Rfc3339Millis(at))),
            None => out.push_str("null"),
        }
        out.push_str(&format!(",\"durationMs\":{}", self.duration_ms));
        for (name, text) in [("answer", &self.answer), ("error", &self.error)] {
            out.push_str(&format!(",\"{name}\":"));
            match text {
                Some(text) => write_string(&mut out, text),
                None => out.push_str("null"),
            }
        }
        out.push('}');
        out
    }
}

/// What a transition does to the callback of the job's end. A job has at most one under way.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum CallbackChange {
    /// Nothing.
    #[default]
    Keep,
    /// It is to be tried at that time, so many tries having failed.
    Due {
        /// Tries so far.
        tries: u32,
        /// When the next one is due.
        at: Millis,
        /// The last try, if there was one.
        failure: Option<Failure>,
    },
    /// No further try comes; it is kept for people to see.
    GivenUp {
        /// Tries made.
        tries: u32,
        /// The last one.
        failure: Failure,
    },
    /// It is done, or nobody wants it any more.
    Forget,
}

/// How a failed try is remembered beside its event.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// When.
    pub at: Millis,
    /// The answer's status, if there was an answer.
    pub status_code: Option<u16>,
    /// Why there was no answer, or why it does not count.
    pub error: Option<String>,
}

/// An endpoint that did not take what it was told.
#[derive(Debug, Clone, PartialEq)]
pub struct FailingEndpoint {
    /// Scheme, host and port.
    pub endpoint: String,
    /// Callbacks that failed and will be tried again.
    pub waiting: i64,
    /// Callbacks of which no further try comes.
    pub given_up: i64,
    /// When the next try is due.
    pub next_try_at: Option<Millis>,
    /// The latest failure.
    pub last: Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str) -> Callback {
        Callback { url: url.into(), headers: None }
    }

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for url in ["https://A.example:8443/x?y#z", "HTTPS://a.example:8443", "https://a.example:8443?y=/"] {
            assert_eq!(to(url).endpoint(), "https://a.example:8443");
        }
        assert_eq!(to("http://[::1]:1/a").endpoint(), "http://[::1]:1");
    }

    #[test]
    fn an_event_never_shows_the_query() {
        assert_eq!(to("https://a/b?secret=1").shown_url(), "https://a/b");
        assert_eq!(to("https://a#x?y").shown_url(), "https://a");
    }

    #[test]
    fn eight_tries_with_a_tenth_of_jitter() {
        let schedule = Schedule::default();
        let delays: Vec<_> = (1..9).map(|number| schedule.delay_ms(number, None, 0.5)).collect();
        let seconds = [5, 30, 120, 600, 3_600, 14_400, 43_200].map(|seconds| Some(seconds * SECOND));
        assert_eq!(delays[..7], seconds);
        assert_eq!(delays[7], None);
        assert_eq!(schedule.delay_ms(1, None, 0.0), Some(4_500));
        assert_eq!(schedule.delay_ms(1, Some(60_000), 0.0), Some(60_000));
        assert_eq!(schedule.delay_ms(2, Some(1), 1.0), Some(33_000));
        assert_eq!(schedule.delay_ms(8, Some(60_000), 0.0), None);
    }
}
