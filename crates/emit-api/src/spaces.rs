//! Spaces: their settings in, themselves out.

use emit_core::ids::Id;
use emit_core::limits::{MAX_DELIVERIES, RETENTION_DAYS};
use emit_core::time::Rfc3339Millis;
use emit_store::Space as Row;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::{Errors, Fields, Rejection};

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
    /// Not available yet.
    #[schema(value_type = Option<Object>, required = true)]
    pub slack: Option<()>,
    /// Not available yet.
    #[schema(value_type = Option<Object>, required = true)]
    pub push: Option<()>,
    /// Not available yet.
    #[schema(value_type = Option<String>, required = true)]
    pub webhook_secret: Option<()>,
}

impl<'a> Space<'a> {
    /// A space as it is answered.
    pub fn new(space: &'a Row) -> Space<'a> {
        Space {
            id: space.id,
            created_at: Rfc3339Millis(space.created_at),
            name: &space.name,
            paused: space.paused,
            retention_days: space.retention_days,
            max_pending: space.max_pending,
            max_deliveries: space.max_deliveries,
            slack: None,
            push: None,
            webhook_secret: None,
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
    /// Not available yet.
    #[schema(value_type = Option<Object>)]
    pub slack: Option<serde_json::Value>,
    /// Not available yet.
    #[schema(value_type = Option<Object>)]
    pub push: Option<serde_json::Value>,
    /// Not available yet.
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
}

impl Settings {
    /// Writes them into a space.
    pub fn apply(self, space: &mut Row) {
        space.name = self.name.unwrap_or(std::mem::take(&mut space.name));
        space.paused = self.paused.unwrap_or(space.paused);
        space.retention_days = self.retention_days.unwrap_or(space.retention_days);
        space.max_pending = self.max_pending.unwrap_or(space.max_pending);
        space.max_deliveries = self.max_deliveries.unwrap_or(space.max_deliveries);
    }
}

/// Reads a space's settings. `new`: its name is required.
pub fn settings(body: Option<&str>, new: bool) -> Result<Settings, Rejection> {
    let mut errors = Errors::default();
    let settings = errors.open(body.unwrap_or("{}"), "", FIELDS).map(|mut fields| {
        if new {
            fields.require(&["name"]);
        }
        fields.unavailable(&["slack", "push", "webhookSecret"]);
        Settings {
            name: fields.name("name").map(Into::into),
            paused: fields.flag("paused"),
            retention_days: fields.whole("retentionDays", 0, RETENTION_DAYS),
            max_pending: optional(&mut fields, "maxPending", MAX_PENDING),
            max_deliveries: optional(&mut fields, "maxDeliveries", MAX_DELIVERIES)
                .map(|most| most.map(|most| most as u32)),
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
    use crate::problem::Code;
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
            ("slack", &["null"], &[]),
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
    fn outbound_settings_are_not_available() {
        let rejection = settings(Some(r#"{"name":"x","webhookSecret":"whsec_x"}"#), true).unwrap_err();
        assert_eq!(
            (rejection.code, rejection.errors[0].path.as_str()),
            (Code::NotAvailable, "/webhookSecret")
        );
    }
}
