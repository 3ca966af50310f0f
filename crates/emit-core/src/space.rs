//! A space: the name, rules and counts that its jobs share.

use std::sync::Arc;

use crate::outbound::Outbound;
use crate::{Millis, SpaceId, SpaceNo, Status};

/// A space, with what its commits keep up to date.
#[derive(Debug, Clone, PartialEq)]
pub struct Space {
    /// Its number, 0 until it is written.
    pub no: SpaceNo,
    /// Its public id.
    pub id: SpaceId,
    /// 1 to 200 characters.
    pub name: String,
    /// Hands out no jobs.
    pub paused: bool,
    /// 0 to 3,650: how long ended jobs and events are kept.
    pub retention_days: i64,
    /// Most jobs that may wait.
    pub max_pending: Option<i64>,
    /// Delivery timeouts of one attempt until the job is dead.
    pub max_deliveries: Option<u32>,
    /// What it signs with and sends. Shared: spaces are copied a lot, and this rarely changes.
    pub outbound: Arc<Outbound>,
    /// When it was created.
    pub created_at: Millis,
    /// The newest event's number; 0 before the first.
    pub seq: i64,
    /// The oldest kept event's number; `seq + 1` when none is kept.
    pub oldest_seq: i64,
    /// The newest event's time, or the space's creation.
    pub last_at: Millis,
    /// Jobs by status.
    pub counts: [i64; 7],
}

impl Space {
    /// Jobs that wait for a worker or their time.
    pub fn waiting(&self) -> i64 {
        self.counts[Status::Scheduled as usize] + self.counts[Status::Pending as usize]
    }
}
