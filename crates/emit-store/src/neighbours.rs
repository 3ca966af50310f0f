//! What nodes on one store tell each other: the other half of the seam, which an embedded store has no use for.
//!
//! Hints carry nothing to be trusted and may be lost. Who hears one looks for himself, and looks from time to time
//! even if he hears nothing.

use std::time::Duration;

use emit_core::{Millis, SpaceNo, TokenId};

use crate::Result;

/// Something happened; go and look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// A space has events up to that number.
    Reached {
        /// Which space.
        space: SpaceNo,
        /// The number.
        seq: i64,
    },
    /// Jobs of a space have become available, or whoever waits there has to be told something.
    Woken {
        /// Which space.
        space: SpaceNo,
    },
    /// Keys or spaces were changed or deleted.
    Administered,
}

/// The way to the other nodes.
pub trait Speaker: Send {
    /// Tells all other nodes.
    fn tell(&mut self, hints: &[Hint]) -> Result<()>;
}

/// The way from the other nodes, and what to look at.
pub trait Listener: Send {
    /// What others have told since the last call, waiting for it at most that long.
    fn hear(&mut self, patience: Duration) -> Result<Vec<Hint>>;
    /// Grows with each change of keys and spaces.
    fn administered(&mut self) -> Result<i64>;
    /// The newest number of each of these spaces, unless it is deleted.
    fn positions(&mut self, spaces: &[SpaceNo]) -> Result<Vec<(SpaceNo, i64)>>;
    /// Those of these keys that are still there, with their ends.
    fn living(&mut self, keys: &[TokenId]) -> Result<Vec<(TokenId, Option<Millis>)>>;
}

/// Both ways.
pub struct Neighbours {
    /// To the others.
    pub speaker: Box<dyn Speaker>,
    /// From the others.
    pub listener: Box<dyn Listener>,
}
