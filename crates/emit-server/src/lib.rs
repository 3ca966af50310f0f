//! The server: the engine, HTTP, the streams, what is sent out, and what operators see of it all.

pub mod app;
pub mod clock;
pub mod demo;
pub mod engine;
pub mod first_start;
pub mod fresh;
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
mod target;
pub mod traces;
mod trust;
