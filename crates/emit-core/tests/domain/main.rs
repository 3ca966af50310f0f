//! The domain against a naive model of the contract, as general properties, and against its page.
#![allow(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod ask;
mod life_cycle;
mod model;
mod player;
mod properties;
mod table;
mod views;
