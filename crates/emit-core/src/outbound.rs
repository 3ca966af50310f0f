//! What a space sends out besides its jobs' callbacks, and the secret it signs with. Kept and answered as JSON.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::time::Millis;

/// A signing key. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub Arc<[u8]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// A space's outbound settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Outbound {
    /// What requests are signed with.
    pub secret: Secret,
    /// The secret before it, and until when it still signs too.
    pub previous: Option<(Secret, Millis)>,
    /// Messages to Slack.
    pub slack: Option<Slack>,
    /// Wake-ups for workers that do not poll.
    pub push: Option<Push>,
}

impl Outbound {
    /// Nothing but a secret.
    pub fn new(secret: Secret) -> Outbound {
        Outbound { secret, previous: None, slack: None, push: None }
    }

    /// Replaces the secret; the old one signs on until then. The same secret changes nothing: a call that is repeated
    /// would else end the old one at once.
    pub fn rotate(&mut self, secret: Secret, old_until: Millis) {
        if secret == self.secret {
            return;
        }
        self.previous = Some((std::mem::replace(&mut self.secret, secret), old_until));
    }

    /// The secrets that sign at that time, the present one first.
    pub fn secrets(&self, now: Millis) -> impl Iterator<Item = &Secret> {
        let previous = self.previous.as_ref().filter(|(_, until)| now < *until).map(|(secret, _)| secret);
        std::iter::once(&self.secret).chain(previous)
    }
}

/// Messages to a Slack channel.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Slack {
    /// The incoming webhook: whoever knows it can post, so that it is never printed.
    pub url: String,
    /// Which events are told.
    pub events: Vec<EventType>,
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slack").field("events", &self.events).finish_non_exhaustive()
    }
}

/// `job.pending` requests.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// Where to.
    pub url: String,
    /// Headers to send along: a JSON object of strings, as text. Never printed.
    pub headers: Option<String>,
    /// Only for jobs of these names; empty: for all.
    pub names: Vec<Arc<str>>,
}

impl fmt::Debug for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Push").field("names", &self.names).finish_non_exhaustive()
    }
}

impl Slack {
    /// The events that may be chosen.
    pub const EVENTS: [EventType; 6] = [
        EventType::Created,
        EventType::Acked,
        EventType::Completed,
        EventType::Retried,
        EventType::Dead,
        EventType::Killed,
    ];

    /// As a store keeps it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a store kept it.
    pub fn from_json(text: &str) -> Option<Slack> {
        serde_json::from_str(text).ok()
    }
}

impl Push {
    /// As a store keeps it.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// As a store kept it.
    pub fn from_json(text: &str) -> Option<Push> {
        serde_json::from_str(text).ok()
    }

    /// Whether a job of that name wakes.
    pub fn wants(&self, name: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|wanted| **wanted == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Secret {
        Secret([byte; 32].as_slice().into())
    }

    #[test]
    fn an_old_secret_signs_until_its_end() {
        let mut outbound = Outbound::new(secret(1));
        outbound.rotate(secret(2), 100);
        let signing = |now| outbound.secrets(now).map(|secret| secret.0[0]).collect::<Vec<_>>();
        assert_eq!((signing(99), signing(100)), (vec![2, 1], vec![2]));
    }

    #[test]
    fn the_same_secret_again_leaves_the_old_one_its_time() {
        let mut outbound = Outbound::new(secret(1));
        outbound.rotate(secret(2), 100);
        outbound.rotate(secret(2), 200);
        assert_eq!(outbound.previous, Some((secret(1), 100)));
    }

    #[test]
    fn settings_read_back_and_are_never_printed() {
        let slack = Slack { url: "https://hooks/secret".into(), events: Slack::EVENTS.to_vec() };
        let push = Push {
            url: "https://w".into(),
            headers: Some("{\"k\":\"secret\"}".into()),
            names: vec!["a".into()],
        };
        assert_eq!(Slack::from_json(&slack.to_json()).as_ref(), Some(&slack));
        assert_eq!(Push::from_json(&push.to_json()).as_ref(), Some(&push));
        let outbound = Outbound { slack: Some(slack), push: Some(push), ..Outbound::new(secret(77)) };
        let printed = format!("{outbound:?}");
        assert!(
            !printed.contains("secret\"") && !printed.contains("/secret") && !printed.contains("77"),
            "{printed}"
        );
    }
}
