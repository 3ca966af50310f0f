//! What stands beside a job's row: its bodies, and the lines of its log. Rules never look into it.

use crate::{Millis, RawJson};

/// What stands beside a job's row.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// As sent.
    pub payload: Option<RawJson>,
    /// The latest progress.
    pub progress: Option<RawJson>,
    /// When it was reported.
    pub progress_at: Option<Millis>,
    /// The latest checkpoint.
    pub checkpoint: Option<RawJson>,
    /// The result, or what it died or was killed of.
    pub result: Option<RawJson>,
}

impl Contents {
    /// How long all of it is.
    pub fn bytes(&self) -> usize {
        let bodies = [&self.payload, &self.progress, &self.checkpoint, &self.result];
        bodies.into_iter().flatten().map(|body| body.len()).sum()
    }
}

/// A log line, numbered from 1 within its job.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLine {
    /// Its number; 0 until it is written.
    pub line: i64,
    /// 0 debug, 1 info, 2 warn, 3 error.
    pub level: u8,
    /// What it says.
    pub message: String,
    /// When, by the worker's clock or ours.
    pub at: Millis,
    /// A JSON object.
    pub fields: Option<RawJson>,
}
