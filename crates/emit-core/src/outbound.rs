//! What a space sends out besides its jobs' callbacks, and the secret it signs with. Kept and answered as JSON.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::EventType;
use crate::limits::{OLD_SECRET_MS, OLD_SECRETS};
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
    /// The secrets before it, the latest first, each with the time until which it still signs too.
    pub previous: Vec<(Secret, Millis)>,
    /// Messages to Slack.
    pub slack: Option<Slack>,
    /// Wake-ups for workers that do not poll.
    pub push: Option<Push>,
}

impl Outbound {
    /// Nothing but a secret.
    pub fn new(secret: Secret) -> Outbound {
        Outbound { secret, previous: Vec::new(), slack: None, push: None }
    }

    /// Replaces the secret; the old one signs on for its time, and so do those before it. The same secret changes
    /// nothing: a call that is repeated would else make it an old one.
    pub fn rotate(&mut self, secret: Secret, now: Millis) {
        if secret == self.secret {
            return;
        }
        self.previous.retain(|(old, until)| now < *until && *old != secret);
        self.previous.insert(0, (std::mem::replace(&mut self.secret, secret), now + OLD_SECRET_MS));
        self.previous.truncate(OLD_SECRETS);
    }

    /// The secrets before the latest old one as a store keeps them, if there are any.
    pub fn older_to_json(&self) -> Option<String> {
        let older: Vec<(&[u8], Millis)> =
            self.previous.iter().skip(1).map(|(secret, until)| (&*secret.0, *until)).collect();
        (!older.is_empty()).then(|| serde_json::to_string(&older).unwrap_or_default())
    }

    /// The old secrets as a store kept them: the latest, and those before it.
    pub fn previous_of(latest: Option<(Secret, Millis)>, older: Option<&str>) -> Vec<(Secret, Millis)> {
        let older: Vec<(Vec<u8>, Millis)> =
            older.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        latest
            .into_iter()
            .chain(older.into_iter().map(|(bytes, until)| (Secret(bytes.into()), until)))
            .collect()
    }

    /// The secrets that sign at that time, the present one first.
    pub fn secrets(&self, now: Millis) -> impl Iterator<Item = &Secret> {
        let previous = self.previous.iter().filter(move |(_, until)| now < *until).map(|(secret, _)| secret);
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
        outbound.rotate(secret(2), 0);
        let signing = |now| outbound.secrets(now).map(|secret| secret.0[0]).collect::<Vec<_>>();
        assert_eq!((signing(OLD_SECRET_MS - 1), signing(OLD_SECRET_MS)), (vec![2, 1], vec![2]));
    }

    #[test]
    fn each_old_secret_has_its_own_time_however_many_follow() {
        let mut outbound = Outbound::new(secret(1));
        (2..5).for_each(|byte| outbound.rotate(secret(byte), Millis::from(byte)));
        let signing =
            |outbound: &Outbound, now| outbound.secrets(now).map(|secret| secret.0[0]).collect::<Vec<_>>();
        assert_eq!(signing(&outbound, OLD_SECRET_MS + 1), [4, 3, 2, 1]);
        assert_eq!(signing(&outbound, OLD_SECRET_MS + 3), [4, 3]);
        outbound.rotate(secret(2), 9);
        assert_eq!(signing(&outbound, 9), [2, 4, 3, 1], "one that comes back signs once");
        let kept =
            Outbound::previous_of(outbound.previous.first().cloned(), outbound.older_to_json().as_deref());
        assert_eq!(kept, outbound.previous);
        outbound.rotate(secret(6), OLD_SECRET_MS + 3);
        assert_eq!(outbound.previous.len(), 3, "what has had its time is forgotten");
        (0..99).for_each(|byte| outbound.rotate(secret(byte + 100), OLD_SECRET_MS));
        assert_eq!(outbound.previous.len(), OLD_SECRETS);
    }

    #[test]
    fn the_same_secret_again_leaves_the_old_one_its_time() {
        let mut outbound = Outbound::new(secret(1));
        outbound.rotate(secret(2), 100);
        outbound.rotate(secret(2), 200);
        assert_eq!(outbound.previous, [(secret(1), 100 + OLD_SECRET_MS)]);
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
