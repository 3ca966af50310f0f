//! How a store fails: what is certain afterwards, and what is not.

use std::fmt;

/// Why a store did not do what it was asked to. Unexpected, unlike a refusal.
#[derive(Debug, Clone)]
pub enum StoreError {
    /// No space on the disk; the transaction is certainly rolled back. Heals by itself.
    Full(String),
    /// The statement failed before the commit; certainly rolled back.
    Unavailable(String),
    /// The commit failed and may be on disk or not.
    Unknown(String),
    /// A sync failed: nothing more is taken until a restart rereads the truth.
    Stopped(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Full(why) => write!(f, "the disk is full: {why}"),
            StoreError::Unavailable(why) => write!(f, "the store cannot be used: {why}"),
            StoreError::Unknown(why) => write!(f, "the commit failed: {why}"),
            StoreError::Stopped(why) => write!(f, "the store takes no writes until a restart: {why}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// What store methods answer.
pub type Result<T> = std::result::Result<T, StoreError>;
