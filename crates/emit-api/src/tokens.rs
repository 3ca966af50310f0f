//! Keys: what is asked for and what is told. The secret is told once.

use emit_core::Token as Row;
use emit_core::ids::Id;
use emit_core::limits::GRACE_SECONDS;
use emit_core::scope::GRANTS;
use emit_core::time::Rfc3339Millis;
use emit_core::{JobId, Millis, Scopes};
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::{Errors, Fields, Rejection, plain_text};

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Token<'a> {
    /// Its id.
    #[schema(value_type = String)]
    pub token_id: Id,
    /// What its owner calls it.
    pub name: &'a str,
    /// The scopes as they were granted.
    pub scopes: &'a [String],
    /// The space it is bound to.
    #[schema(value_type = Option<String>, required = true)]
    pub space_id: Option<Id>,
    /// The job it is bound to.
    #[schema(value_type = Option<String>, required = true)]
    pub job_id: Option<Id>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339Millis,
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<Rfc3339Millis>,
    /// When it was last used, to the minute.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub last_used_at: Option<Rfc3339Millis>,
    /// The secret: when it is made, and in lists for the space's public key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub token: Option<&'a str>,
}

impl<'a> Token<'a> {
    /// A key as it is answered, with its secret or without.
    pub fn new(token: &'a Row, secret: Option<&'a str>) -> Token<'a> {
        Token {
            token_id: token.id,
            name: &token.name,
            scopes: &token.scope_names,
            space_id: token.space.map(|(_, id)| id),
            job_id: token.job,
            created_at: Rfc3339Millis(token.created_at),
            expires_at: token.expires_at.map(Rfc3339Millis),
            last_used_at: token.last_used_at.map(Rfc3339Millis),
            token: secret,
        }
    }
}

/// The key that a request came with.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Me<'a> {
    /// Its id.
    #[schema(value_type = String)]
    pub token_id: Id,
    /// The space it is bound to.
    #[schema(value_type = Option<String>, required = true)]
    pub space_id: Option<Id>,
    /// The job it is bound to.
    #[schema(value_type = Option<String>, required = true)]
    pub job_id: Option<Id>,
    /// The scopes as they were granted.
    pub scopes: &'a [String],
    /// When it ends.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub expires_at: Option<Rfc3339Millis>,
}

impl<'a> Me<'a> {
    /// What a key may know of itself.
    pub fn new(token: &'a Row) -> Me<'a> {
        Me {
            token_id: token.id,
            space_id: token.space.map(|(_, id)| id),
            job_id: token.job,
            scopes: &token.scope_names,
            expires_at: token.expires_at.map(Rfc3339Millis),
        }
    }
}

/// A key to be made.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct TokenRequest {
    /// What its owner calls it.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// What it may do.
    #[schema(min_items = 1, max_items = 15)]
    pub scopes: Vec<String>,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// Only for this job.
    pub job_id: Option<String>,
}

const FIELDS: &[&str] = &["name", "scopes", "expiresAt", "jobId"];

/// What a key is to be.
#[derive(Debug, Default)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// The scopes' names as they were given.
    pub scope_names: Vec<String>,
    /// What they open.
    pub scopes: Scopes,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// Only for this job.
    pub job: Option<JobId>,
}

/// Reads a key. `in_space`: whether it will be bound to one.
pub fn create(body: Option<&str>, in_space: bool) -> Result<NewToken, Rejection> {
    let mut errors = Errors::default();
    let token = errors.open(body.unwrap_or("{}"), "", FIELDS).map(|mut fields| {
        fields.require(&["name", "scopes"]);
        fields.null_is_absent(&["expiresAt", "jobId"]);
        let scope_names = scopes(&mut fields, in_space);
        if !in_space && fields.raw("jobId").is_some() {
            fields.wrong("jobId", "is only for keys of a space");
        }
        NewToken {
            name: fields.name("name").unwrap_or_default().into(),
            scopes: Scopes::from_names(scope_names.iter().map(String::as_str)).unwrap_or_default(),
            scope_names,
            expires_at: fields.time("expiresAt"),
            job: fields.id("jobId"),
        }
    });
    errors.finish(token.unwrap_or_default())
}

fn scopes(fields: &mut Fields<'_, '_>, in_space: bool) -> Vec<String> {
    let mut names = Vec::new();
    for (index, item) in fields.items("scopes", 1, GRANTS.len()).unwrap_or_default().into_iter().enumerate() {
        match plain_text(item) {
            Ok(name) if in_space && name == "admin" => {
                fields.wrong("scopes", "must not contain admin: this key would be bound to a space");
            }
            Ok(name) if GRANTS.iter().any(|(known, _)| *known == name) => names.push(name.into_owned()),
            Ok(_) => fields.wrong_within("scopes", &index.to_string(), "is no scope there is"),
            Err(fault) => fields.wrong_within("scopes", &index.to_string(), fault),
        }
    }
    names
}

/// How a key is to be replaced.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct RotateRequest {
    /// How long the old one works on.
    #[schema(required = false, minimum = 0, maximum = 2_592_000, default = 0)]
    pub grace_seconds: f64,
}

const ROTATE_FIELDS: &[&str] = &["graceSeconds"];

/// Reads how long the old key works on.
pub fn rotate(body: Option<&str>) -> Result<Millis, Rejection> {
    let mut errors = Errors::default();
    let grace = errors
        .open(body.unwrap_or("{}"), "", ROTATE_FIELDS)
        .and_then(|mut fields| fields.seconds_ms("graceSeconds", GRACE_SECONDS));
    errors.finish(grace.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{properties, wrong};

    #[test]
    fn the_description_names_the_fields_that_are_read() {
        assert_eq!(properties::<TokenRequest>(), FIELDS);
        assert_eq!(properties::<RotateRequest>(), ROTATE_FIELDS);
    }

    #[test]
    fn a_key_needs_a_name_and_scopes_there_are() {
        let token =
            create(Some(r#"{"name":"x","scopes":["jobs:read:space","jobs:kill"],"jobId":null}"#), true);
        assert_eq!(token.unwrap().scope_names, ["jobs:read:space", "jobs:kill"]);
        for (body, paths) in [
            ("{}", &["/name", "/scopes"][..]),
            (r#"{"name":"","scopes":[]}"#, &["/scopes", "/name"]),
            (r#"{"name":"x","scopes":["jobs:read","jobs:all",1]}"#, &["/scopes/1", "/scopes/2"]),
            (r#"{"name":"x","scopes":"jobs:read"}"#, &["/scopes"]),
            (r#"{"name":"x","scopes":["admin"]}"#, &["/scopes"]),
            (r#"{"name":"x","scopes":["jobs:read"],"jobId":"x","expiresAt":"x"}"#, &["/expiresAt", "/jobId"]),
        ] {
            assert_eq!(wrong(create(Some(body), true)), paths, "{body}");
        }
    }

    #[test]
    fn keys_of_no_space_may_be_admins_and_have_no_job() {
        assert!(create(Some(r#"{"name":"x","scopes":["admin"]}"#), false).is_ok());
        let bound = r#"{"name":"x","scopes":["jobs:read"],"jobId":"01JMVS5XE00000000000000000"}"#;
        assert_eq!(wrong(create(Some(bound), false)), ["/jobId"]);
        assert!(create(Some(bound), true).unwrap().job.is_some());
    }

    #[test]
    fn grace_is_at_most_thirty_days() {
        for (body, expected) in [
            (None, Some(0)),
            (Some("{}"), Some(0)),
            (Some(r#"{"graceSeconds":0.5}"#), Some(500)),
            (Some(r#"{"graceSeconds":2592000}"#), Some(2_592_000_000)),
            (Some(r#"{"graceSeconds":2592001}"#), None),
            (Some("null"), None),
        ] {
            assert_eq!(rotate(body).ok(), expected, "{body:?}");
        }
    }
}
