//! Bodies about jobs and their answers.

mod answer;
mod calls;
mod create;
mod report;
mod small;

pub use answer::{Event, Job, JobAnswer, Show, array};
pub use calls::{
    BulkCall, BulkRequest, EditRequest, KillRequest, MintRequest, PollCall, PollRequest, bulk, edit, kill,
    mint, nothing, poll,
};
pub use create::{CreateRequest, Created, RetryBackoff, create};
pub use report::{
    FailRequest, Item, ItemRefusal, LogLineRequest, LogsRequest, ReleaseRequest, ReportItem, ReportKind,
    fence, item, report,
};
pub use small::{
    Bulk, Counts, Keepalive, LogLine, LogRange, Poll, Progress, ReportAnswer, demo, level_number, log_lines,
    progress,
};
