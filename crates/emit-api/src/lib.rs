//! The wire: bodies in, answers out, and their description. No I/O and no clock may come in here, and of
//! HTTP only the grammar of URLs and headers.

pub mod asyncapi;
pub mod fields;
pub mod insight;
pub mod jobs;
pub mod openapi;
pub mod outbound;
pub mod problem;
pub mod search;
pub mod spaces;
#[cfg(test)]
mod testing;
pub mod tokens;
mod write;
