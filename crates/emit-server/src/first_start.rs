//! What a first start makes: an admin key, and the space `default`.

use emit_core::{Scope, SpaceId, Token};
use emit_store::Writer;

use crate::clock::Clock;
use crate::fresh::{admin_token, new_space, public_token};
use crate::keyring;
use crate::start::StartError;

/// What a first start has made.
pub struct FirstSteps {
    /// The space `default`.
    pub space: Option<SpaceId>,
    /// The admin key, unless the operator brought one.
    pub admin_key: Option<String>,
}

/// A folder without an admin key gets one, a folder without anything the space `default` too.
pub(crate) fn first_start(
    writer: &mut dyn Writer,
    clock: &Clock,
    own_key: Option<&str>,
) -> Result<Option<FirstSteps>, StartError> {
    let now = clock.now();
    writer.begin()?;
    let is_new = writer.is_new()?;
    let has_admin = writer.has_admin_token(now)?;
    let mut steps = FirstSteps { space: None, admin_key: None };
    if is_new {
        steps.space = Some(default_space(writer, now)?);
    }
    match own_key {
        Some(key) => {
            let hash = keyring::hash(key);
            match writer.token_by_hash(&hash)? {
                None => writer.insert_token(&admin_token(hash, "EMIT_ADMIN_KEY", now))?,
                Some(found) if is_admin(&found, now) => {}
                Some(_) => return Err(StartError::NoAdmin),
            }
        }
        None if !has_admin => {
            let key = keyring::new_secret(false);
            writer.insert_token(&admin_token(keyring::hash(&key), "admin", now))?;
            steps.admin_key = Some(key);
        }
        None => {}
    }
    writer.commit(&mut [])?;
    Ok((steps.space.is_some() || steps.admin_key.is_some()).then_some(steps))
}

fn is_admin(token: &Token, now: i64) -> bool {
    let is_bound = token.space.is_some() || token.job.is_some();
    token.scopes.allow(Scope::Admin) && !is_bound && token.expires_at.is_none_or(|end| now < end)
}

fn default_space(writer: &mut dyn Writer, now: i64) -> Result<SpaceId, StartError> {
    let space = writer.insert_space(&new_space("default", now))?;
    writer.insert_token(&Token { space: Some((space.no, space.id)), ..public_token(now) })?;
    Ok(space.id)
}
