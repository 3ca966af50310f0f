//! Small things that both stores keep as text.

use emit_core::json;
use emit_core::retry::{Backoff, Strategy};

/// `strategy delay max jitter`; `None` where none was given, as with most jobs.
pub(crate) fn write_backoff(backoff: &Backoff) -> Option<String> {
    let strategy = match backoff.strategy {
        Strategy::Unset => return None,
        Strategy::None => "none",
        Strategy::Fixed => "fixed",
        Strategy::Exponential => "exponential",
    };
    Some(format!("{strategy} {} {} {}", backoff.delay_seconds, backoff.max_delay_seconds, backoff.jitter))
}

/// What `write_backoff` wrote.
pub(crate) fn read_backoff(text: &str) -> Option<Backoff> {
    let mut words = text.split(' ');
    let strategy = match words.next()? {
        "none" => Strategy::None,
        "fixed" => Strategy::Fixed,
        "exponential" => Strategy::Exponential,
        _ => return None,
    };
    Some(Backoff {
        strategy,
        delay_seconds: words.next()?.parse().ok()?,
        max_delay_seconds: words.next()?.parse().ok()?,
        jitter: words.next()? == "true",
    })
}

/// The texts `key:value` under which a job's tags are found. Keys hold no colon.
pub(crate) fn tag_texts(tags: &str) -> impl Iterator<Item = String> {
    json::members(tags).map(|(key, value)| format!("{key}:{}", json::string(value)))
}
