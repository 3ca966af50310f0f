//! HTTP: from a request to a command or a read, and back. The only room that knows status codes.
//!
//! [`router`] holds the table of all routes; `serve` takes every request through the same checks, in the order of
//! the contract, and hands it to a handler: take the body apart, build a command, await the engine, render.
//! No decision about jobs and no SQL may come in here.

pub mod auth;
mod body;
mod call;
mod cors;
mod dashboard;
mod docs;
mod handed;
pub mod headers;
mod health;
mod html;
mod insight;
mod jobs;
mod key_use;
pub mod lists;
mod log;
mod metrics;
mod openapi;
mod page;
pub mod problem;
pub mod query;
mod rate_limit;
mod reading;
mod reports;
mod request_id;
mod route;
pub mod router;
mod serve;
mod spaces;
mod table;
mod tokens;

pub use key_use::{note_key_use, note_used_keys};

/// What a handler answers.
type Answer = Result<axum::response::Response, problem::Problem>;
