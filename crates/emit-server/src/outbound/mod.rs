//! What the server sends of its own accord: callbacks of ended jobs, wake-ups for workers, messages to Slack.
//!
//! Everything in here happens beside the job path and after its commits. No decision about jobs may come in: when
//! a callback is due is decided in `emit-core`.

pub mod sign;
