//! What operators ask of a space: its pace, its workers, its failures.

use emit_core::time::Rfc3339Millis;
use serde::Serialize;
use utoipa::ToSchema;

/// A space's pace, from its newest events.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// Where the events that were looked at begin.
    #[schema(value_type = String, format = DateTime)]
    pub from: Rfc3339Millis,
    /// And where they end: now.
    #[schema(value_type = String, format = DateTime)]
    pub to: Rfc3339Millis,
    /// How many they were: the newest 20,000, of the last hour at most.
    pub events: usize,
    /// The same span in equal parts.
    pub buckets: Vec<Bucket>,
    /// By job name, the busiest first; at most 100.
    pub names: Vec<NameStats>,
    /// Who worked lately, by the newest 200 jobs that were taken; the latest first.
    pub workers: Vec<WorkerSeen>,
    /// Since when the longest-waiting job that may be claimed has waited.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub oldest_pending_at: Option<Rfc3339Millis>,
}

/// What happened in one part of the span.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Bucket {
    /// Jobs created.
    pub created: u32,
    /// Jobs completed.
    pub completed: u32,
    /// Attempts that failed with retries left.
    pub retried: u32,
    /// Jobs that died.
    pub dead: u32,
    /// Jobs that were killed.
    pub killed: u32,
}

/// The same of one name, over the whole span.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NameStats {
    /// The jobs' name.
    pub name: String,
    /// What happened.
    pub total: Bucket,
    /// From ack to the attempt's end.
    #[schema(required = true)]
    pub run_seconds: Option<Percentiles>,
    /// From being available, or a retry, to delivery; a back-off's delay included.
    #[schema(required = true)]
    pub wait_seconds: Option<Percentiles>,
}

/// A spread of durations, in seconds.
#[derive(Debug, Serialize, ToSchema)]
pub struct Percentiles {
    /// Half took at most that.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// How many there were.
    pub count: usize,
}

/// A worker, by its own words.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkerSeen {
    /// From its `x-emit-worker`.
    pub worker_id: String,
    /// When one of its jobs last changed.
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Rfc3339Millis,
    /// Jobs it holds, among those looked at.
    pub running: usize,
    /// Jobs of its among those looked at.
    pub jobs: usize,
}

/// What jobs die of, among the newest 10,000 that did.
#[derive(Debug, Serialize, ToSchema)]
pub struct Failures {
    /// How many were looked at.
    pub looked: usize,
    /// Others died before them.
    pub more: bool,
    /// The most frequent first; at most 100.
    pub groups: Vec<FailureGroup>,
}

/// Errors of one shape: alike but for numbers, ids and what stands in quotes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailureGroup {
    /// The error, with `…` where they differ.
    pub shape: String,
    /// A text that all of them hold: search for it with `error:`.
    pub common: String,
    /// How many.
    pub count: usize,
    /// Names of their jobs; at most 5.
    pub names: Vec<String>,
    /// The newest of them.
    pub newest_job_id: String,
    /// And when it died.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    pub newest_at: Option<Rfc3339Millis>,
    /// And of what.
    pub newest_error: String,
}
