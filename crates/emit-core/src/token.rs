//! Keys: who may do what, where and until when.

use crate::{JobId, Millis, Scopes, SpaceId, SpaceNo, TokenId};

/// A key.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its public id.
    pub id: TokenId,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    /// The secret itself: only for a space's public token.
    pub secret: Option<String>,
    /// What its owner calls it.
    pub name: String,
    /// The scopes' names as they were granted.
    pub scope_names: Vec<String>,
    /// What they open.
    pub scopes: Scopes,
    /// The space it is bound to.
    pub space: Option<(SpaceNo, SpaceId)>,
    /// The job it is bound to.
    pub job: Option<JobId>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ends.
    pub expires_at: Option<Millis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Millis>,
}

impl Token {
    /// Whether it is made to be published: a space's public key (also while its successor is known already), or one
    /// for a single job. What such keys may do is bounded per address.
    pub fn is_in_many_hands(&self) -> bool {
        self.job.is_some() || self.scopes == Scopes::PROGRESS
    }
}
