//! Streams: live events over WebSocket and server-sent events.
//!
//! Every event is durable and numbered, so a watcher is a cursor and nothing more. In reading order:
//!
//! - `open`: from a request to a stream (`ask`: what it asks for, `read`: what it reads first);
//! - [`hub`]: topics and their watchers (`topic`, `ring`: recent events, `chunk`: their messages, `bell`: when
//!   watchers wake, `seat`: how they are reached, `registry`: how many there are);
//! - `resume`: what a stream begins with, what comes next and when it is over; `feed`: from the ring or the store;
//! - `ws` (`beat`: its deadlines) and `sse`: the two transports (`parts`: what they write); [`codec`], [`handshake`]: WebSocket as bytes;
//! - `wait`: the end of a job, for REST.
//!
//! Only this room knows sockets. It writes nothing to the store, decides nothing about jobs, and never makes the
//! engine wait: publishing is a look into a table.

pub mod ask;
mod beat;
mod bell;
mod chunk;
pub mod codec;
mod feed;
pub mod handshake;
pub mod hub;
mod open;
mod parts;
mod read;
mod registry;
mod resume;
mod ring;
mod seat;
mod sse;
#[cfg(test)]
pub(crate) mod testing;
mod topic;
mod wait;
mod ws;

pub use hub::Hub;
pub(crate) use hub::Position;
pub use open::{job_stream, space_stream};
pub use wait::wait_for_end;
