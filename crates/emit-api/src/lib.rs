//! The wire: bodies in, answers out, and their description. No I/O, no clock and no HTTP may come in here.

pub mod fields;
pub mod jobs;
pub mod openapi;
pub mod problem;
pub mod spaces;
#[cfg(test)]
mod testing;
pub mod tokens;
mod write;
