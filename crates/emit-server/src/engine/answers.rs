//! What the engine answers once the commit is on disk.

use emit_core::{Job, SpaceId};
use emit_store::{Contents, Space, Token};

/// A job after a command.
#[derive(Debug, Clone)]
pub struct Done {
    /// The job; its `seq` is its last event's.
    pub job: Job,
    /// Its space.
    pub space: SpaceId,
    /// What stands beside the row, where the command asked for it.
    pub contents: Contents,
}

/// One item of a create.
#[derive(Debug, Clone)]
pub struct Created {
    /// The job.
    pub done: Done,
    /// It was there already, under the same idempotency key.
    pub replayed: bool,
}

/// What a bulk call did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulk {
    /// Jobs changed (a dry run: that would be).
    pub count: usize,
    /// Others match beyond the limit.
    pub more: bool,
}

/// A space that was made, with its public token.
#[derive(Debug, Clone)]
pub struct NewSpace {
    /// The space.
    pub space: Space,
    /// Its public token.
    pub public_token: Token,
}
