//! An expected no: data with a stable code. Only the HTTP room knows which status each becomes.

use crate::Status;

/// Why a command was not carried out. Nothing has changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    /// The job's present status does not allow it.
    WrongState(Status),
    /// The report comes from an earlier delivery than the latest.
    StaleDelivery(Status),
    /// A pending job whose delay still runs cannot be claimed.
    NotYetAvailable(Status),
    /// A job of a paused space cannot be claimed.
    SpacePaused(Status),
    /// The job has no `callbackUrl`.
    NoCallback(Status),
    /// No such job, or it is erased or purged.
    JobNotFound,
    /// No such space, or it is deleted.
    SpaceNotFound,
    /// No such key.
    TokenNotFound,
    /// The key belongs to another space.
    WrongSpace,
    /// The key is bound to another job.
    WrongJob,
    /// A key cannot be bound to a job that is not in its space.
    NoJobToBind,
    /// `maxPending` would be passed.
    QueueFull,
    /// The idempotency key was used with another body.
    IdempotencyMismatch {
        /// Which of the jobs, from 0.
        item: usize,
    },
    /// The space still has jobs.
    SpaceNotEmpty,
    /// The folder has a key with these very bytes already.
    TokenExists,
    /// The engine's queue is full.
    Overloaded,
    /// The server is on its way out.
    Draining,
    /// The store cannot be reached or is full; certainly nothing was written.
    StoreUnavailable,
    /// The commit failed in a way that leaves open whether it is on disk.
    OutcomeUnknown,
    /// The store stopped taking writes after a failed sync, until a restart.
    StoreStopped,
}
