//! The server: the engine and its agents, HTTP, and the streams.

pub mod app;
pub mod clock;
pub mod demo;
pub mod engine;
pub mod http;
mod insight;
pub mod keyring;
mod metrics;
pub mod neighbours;
pub mod net;
pub mod operator;
pub mod outbound;
pub mod reads;
pub mod realtime;
pub mod start;
pub mod traces;
