//! Spaces: their settings in, themselves out.

use emit_core::ids::Id;
use std::sync::Arc;

use emit_core::Millis;
use emit_core::Space as Row;
use emit_core::limits::{MAX_DELIVERIES, RETENTION_DAYS};
use emit_core::outbound::{Push, Secret, Slack};
use emit_core::time::Rfc3339Millis;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::{Errors, Fields, Rejection};
use crate::outbound::{NewSecret, PushSettings, SlackSettings, push, secret, secret_text, slack};

/// Highest `maxPending`: more than any store holds.
const MAX_PENDING: i64 = 1_000_000_000;

/// A space and its settings.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Space<'a> {
    /// Its id.
    #[schema(value_type = String)]
    pub id: Id,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339Millis,
    /// What people call it.
    pub name: &'a str,
    /// Hands out no jobs.
    pub paused: bool,
    /// How long ended jobs and events are kept.
    pub retention_days: i64,
    /// Most jobs that may wait.
    #[schema(required = true)]
    pub max_pending: Option<i64>,
    /// Delivery timeouts of one attempt until the job is dead.
    #[schema(required = true)]
    pub max_deliveries: Option<u32>,
    /// Messages to Slack.
    #[schema(required = true)]
    pub slack: Option<SlackSettings>,
    /// Wake-ups for workers that do not poll.
    #[schema(required = true)]
    pub push: Option<PushSettings>,
    /// What callbacks are signed with: shown once, when it is made or given; else `whsec_***`.
    pub webhook_secret: String,
}

impl<'a> Space<'a> {
    /// A space as it is answered. `revealed`: with its secret.
    pub fn new(space: &'a Row, revealed: bool) -> Space<'a> {
        Space {
            id: space.id,
            created_at: Rfc3339Millis(space.created_at),
            name: &space.name,
            paused: space.paused,
            retention_days: space.retention_days,
            max_pending: space.max_pending,
            max_deliveries: space.max_deliveries,
            slack: space.outbound.slack.as_ref().map(SlackSettings::new),
            push: space.outbound.push.as_ref().map(PushSettings::new),
            webhook_secret: secret_text(&space.outbound.secret, revealed),
        }
    }
}

/// A space's settings; `name` is required when it is created, what is left out stays when it is changed.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct SpaceRequest {
    /// What people call it.
    #[schema(required = false, min_length = 1, max_length = 200)]
    pub name: String,
    /// Hands out no jobs.
    #[schema(required = false, default = false)]
    pub paused: bool,
    /// How long ended jobs and events are kept.
    #[schema(required = false, minimum = 0, maximum = 3_650, default = 14)]
    pub retention_days: i64,
    /// Most jobs that may wait; `null`: any number.
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub max_pending: Option<i64>,
    /// Delivery timeouts of one attempt until the job is dead; `null`: never.
    #[schema(minimum = 1, maximum = 1_000)]
    pub max_deliveries: Option<i64>,
    /// Messages to Slack; `null`: none.
    pub slack: Option<SlackSettings>,
    /// Wake-ups for workers that do not poll; `null`: none.
    pub push: Option<PushSettings>,
    /// What callbacks are signed with: `whsec_` and 24 to 64 bytes in base64; `null`: a fresh one. The one before
    /// signs on for 24 hours.
    pub webhook_secret: Option<String>,
}

const FIELDS: &[&str] =
    &["name", "paused", "retentionDays", "maxPending", "maxDeliveries", "slack", "push", "webhookSecret"];

/// Settings that are to change. `None` leaves one as it is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    /// Its name.
    pub name: Option<String>,
    /// Whether it hands out jobs.
    pub paused: Option<bool>,
    /// Retention.
    pub retention_days: Option<i64>,
    /// The inner `None`: any number.
    pub max_pending: Option<Option<i64>>,
    /// The inner `None`: never.
    pub max_deliveries: Option<Option<u32>>,
    /// The inner `None`: no messages.
    pub slack: Option<Option<Slack>>,
    /// The inner `None`: no wake-ups.
    pub push: Option<Option<Push>>,
    /// A new signing secret.
    pub secret: Option<NewSecret>,
}

impl Settings {
    /// Writes them into a space. `fresh` is taken where the server is to make the secret.
    pub fn apply(self, space: &mut Row, fresh: Secret, now: Millis) {
        space.name = self.name.unwrap_or(std::mem::take(&mut space.name));
        space.paused = self.paused.unwrap_or(space.paused);
        space.retention_days = self.retention_days.unwrap_or(space.retention_days);
        space.max_pending = self.max_pending.unwrap_or(space.max_pending);
        space.max_deliveries = self.max_deliveries.unwrap_or(space.max_deliveries);
        if self.slack.is_none() && self.push.is_none() && self.secret.is_none() {
            return;
        }
        let is_new = space.no == 0;
        let outbound = Arc::make_mut(&mut space.outbound);
        outbound.slack = self.slack.unwrap_or(outbound.slack.take());
        outbound.push = self.push.unwrap_or(outbound.push.take());
        match self.secret {
            // Nothing was ever signed with the secret of a space that is only coming into being.
            Some(NewSecret::Given(secret)) if is_new => outbound.secret = secret,
            Some(NewSecret::Fresh) if is_new => outbound.secret = fresh,
            Some(NewSecret::Given(secret)) => outbound.rotate(secret, now),
            Some(NewSecret::Fresh) => outbound.rotate(fresh, now),
            None => {}
        }
    }
}

/// Reads a space's settings. `new`: its name is required.
pub fn settings(body: Option<&str>, new: bool) -> Result<Settings, Rejection> {
    let mut errors = Errors::default();
    let settings = errors.open(body.unwrap_or("{}"), "", FIELDS).map(|mut fields| {
        if new {
            fields.require(&["name"]);
        }
        Settings {
            name: fields.name("name").map(Into::into),
            paused: fields.flag("paused"),
            retention_days: fields.whole("retentionDays", 0, RETENTION_DAYS),
            max_pending: optional(&mut fields, "maxPending", MAX_PENDING),
            max_deliveries: optional(&mut fields, "maxDeliveries", MAX_DELIVERIES)
                .map(|most| most.map(|most| most as u32)),
            slack: slack(&mut fields),
            push: push(&mut fields),
            secret: secret(&mut fields),
        }
    });
    errors.finish(settings.unwrap_or_default())
}

fn optional(fields: &mut Fields<'_, '_>, name: &str, max: i64) -> Option<Option<i64>> {
    if fields.is_null(name) {
        return Some(None);
    }
    fields.whole(name, 1, max).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{properties, wrong};

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<SpaceRequest>(), FIELDS);
        assert_eq!(properties::<Space<'_>>()[2..], *FIELDS);
    }

    #[test]
    fn a_new_space_needs_a_name_and_a_change_nothing() {
        assert_eq!(wrong(settings(Some("{}"), true)), ["/name"]);
        assert_eq!(settings(Some("{}"), false).unwrap(), Settings::default());
        assert_eq!(wrong(settings(Some(r#"{"name":null}"#), false)), ["/name"]);
    }

    #[test]
    fn limits_hold_on_both_sides() {
        for (field, fine, bad) in [
            ("retentionDays", &["0", "3650"][..], &["-1", "3651", "null"][..]),
            ("maxPending", &["null", "1"], &["0", "1000000001"]),
            ("maxDeliveries", &["null", "1", "1000"], &["0", "1001"]),
            ("paused", &["true"], &["1", "null"]),
            ("slack", &["null", r#"{"webhookUrl":"https://a/b","events":["dead","created"]}"#], &["1"]),
            ("push", &["null", r#"{"url":"https://a","headers":{"x":"y"},"names":["n"]}"#], &["[]"]),
            (
                "webhookSecret",
                &["null", "\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\""],
                &["1", "\"whsec_x\"", "\"MfKQ\""],
            ),
            ("seq", &[], &["1"]),
        ] {
            for value in fine {
                assert!(
                    settings(Some(&format!("{{\"{field}\":{value}}}")), false).is_ok(),
                    "{field} {value}"
                );
            }
            for value in bad {
                let paths = wrong(settings(Some(&format!("{{\"{field}\":{value}}}")), false));
                assert_eq!(paths, [format!("/{field}")], "{value}");
            }
        }
    }

    #[test]
    fn what_is_wrong_within_is_pointed_at() {
        let body = r#"{"slack":{"webhookUrl":"https://a/***","events":["dead","log"]},
            "push":{"headers":{"host":"a"},"names":[""]}}"#;
        assert_eq!(
            wrong(settings(Some(body), false)),
            ["/slack/webhookUrl", "/slack/events/1", "/push/url", "/push/headers/host", "/push/names/0"]
        );
    }
}
