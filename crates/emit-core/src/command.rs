//! What may be asked of a job, whoever asks: a request, a timer, the bulk calls.

use std::sync::Arc;

use crate::RawJson;
use crate::callback::Tried;
use crate::ids::DeliveryId;
use crate::job::{Spec, Status};
use crate::time::Millis;

/// A job as its creator describes it, checked and with the defaults filled in.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What never changes.
    pub spec: Arc<Spec>,
    /// Any JSON, forwarded as sent.
    pub payload: Option<RawJson>,
    /// Retries after the first attempt.
    pub max_retries: u32,
    /// Higher first.
    pub priority: i64,
    /// In the past: due at once.
    pub scheduled_for: Option<Millis>,
    /// A waiting job dies then.
    pub expires_at: Option<Millis>,
    /// SHA-256 of the body as sent: what an idempotency key is compared by.
    pub fingerprint: [u8; 32],
}

/// What a worker says about a job it holds.
#[derive(Debug, Clone)]
pub enum Report {
    /// Accepted, now running (elsewhere "ack" often means done).
    Ack,
    /// Given back without penalty, available again after a delay.
    Release {
        /// The delay.
        after_ms: Millis,
    },
    /// A progress object.
    Progress(RawJson),
    /// A checkpoint object.
    Checkpoint(RawJson),
    /// A custom event.
    Custom(RawJson),
    /// That many log lines.
    Logs {
        /// How many.
        lines: i64,
    },
    /// Still alive.
    Keepalive,
    /// Done, with a result.
    Complete(RawJson),
    /// Not done.
    Fail {
        /// The error, as a JSON string literal.
        error: RawJson,
        /// `false`: no further attempt.
        retryable: bool,
        /// Beats the back-off.
        retry_after_ms: Option<Millis>,
    },
}

/// A change to a waiting job. `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct Edit {
    /// New priority.
    pub priority: Option<i64>,
    /// New start; the inner `None` means now.
    pub scheduled_for: Option<Option<Millis>>,
    /// New number of retries.
    pub max_retries: Option<u32>,
    /// New payload.
    pub payload: Option<RawJson>,
    /// New expiry; the inner `None` clears it.
    pub expires_at: Option<Option<Millis>>,
    /// The names of the fields, as sent, for the event.
    pub fields: Vec<&'static str>,
}

/// A command for one job.
#[derive(Debug, Clone)]
pub enum Command {
    /// Hand it to a worker.
    Deliver {
        /// The new delivery.
        delivery: DeliveryId,
        /// Who took it.
        worker: Option<Arc<str>>,
        /// Ack in the same step.
        auto_ack: bool,
    },
    /// A worker's report.
    Report {
        /// The delivery the worker says it comes from; text that is no id fits no delivery.
        fence: Option<Fence>,
        /// What it says.
        report: Report,
    },
    /// End it from outside.
    Kill {
        /// The event's data: the request's body.
        data: RawJson,
    },
    /// A new life for an ended job.
    Requeue,
    /// Change a waiting job.
    Edit(Edit),
    /// Forget an ended job.
    Erase,
    /// The end of the job was told, or not.
    CallbackTried(Box<Tried>),
    /// Tell the end of an ended job anew.
    ResendCallback,
    /// Whatever time alone brings.
    Tick,
}

/// What a worker sent as `x-emit-delivery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// A delivery.
    Delivery(DeliveryId),
    /// Something that cannot be one.
    Unreadable,
}

/// Which jobs a bulk call means.
#[derive(Debug, Clone)]
pub struct Matching {
    /// Their status.
    pub status: Status,
    /// Their name.
    pub name: Option<String>,
    /// Created before.
    pub created_before: Option<Millis>,
}
