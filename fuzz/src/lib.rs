//! The targets, for cargo-fuzz. A crate of its own, outside the workspace: libFuzzer is built for nobody else.

pub mod targets;
