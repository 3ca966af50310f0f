//! New spaces and keys, with what nobody has chosen yet.

use std::sync::Arc;

use emit_core::outbound::Outbound;
use emit_core::{Scopes, Space, Token};

use crate::keyring;
use crate::outbound::sign::fresh_secret;

/// A space with the default settings.
pub fn new_space(name: &str, now: i64) -> Space {
    Space {
        no: 0,
        id: keyring::fresh_id(now),
        name: name.to_owned(),
        paused: false,
        retention_days: 14,
        max_pending: None,
        max_deliveries: None,
        outbound: Arc::new(Outbound::new(fresh_secret())),
        created_at: now,
        seq: 0,
        oldest_seq: 1,
        last_at: now,
        counts: [0; 7],
    }
}

/// A public token, not yet of any space.
pub fn public_token(now: i64) -> Token {
    let secret = keyring::new_secret(true);
    Token {
        hash: keyring::hash(&secret),
        secret: Some(secret),
        ..token("Public read-only (progress)", "jobs:read:progress", now)
    }
}

/// A key that may everything.
pub fn admin_token(hash: [u8; 32], name: &str, now: i64) -> Token {
    Token { hash, ..token(name, "admin", now) }
}

fn token(name: &str, scope: &str, now: i64) -> Token {
    Token {
        id: keyring::fresh_id(now),
        hash: [0; 32],
        secret: None,
        name: name.to_owned(),
        scope_names: vec![scope.to_owned()],
        scopes: Scopes::from_names([scope]).unwrap_or_default(),
        space: None,
        job: None,
        created_at: now,
        expires_at: None,
        last_used_at: None,
    }
}
