//! What an operator can see of a running server, in Prometheus' text form.
//!
//! `names` holds every name there is; [`ENGINE`], [`STREAMS`], [`OUTBOUND`] and [`HTTP`] hold the values, which belong to the
//! process as its memory does; `scrape` puts them together with what only the store knows. Counting is a few
//! relaxed atomics: no lock, no allocation and no label look-up may come into a hot path. A label's values must be
//! few and never come from a request.

mod engine;
mod http;
mod names;
mod outbound;
mod process;
mod scrape;
mod streams;
mod text;
mod value;

pub(crate) use engine::{ENGINE, LaneTold};
pub(crate) use http::{HTTP, OpenConnection, RouteMeter};
pub(crate) use outbound::{OUTBOUND, Outcome, Sent};
pub(crate) use scrape::{Scrape, SpaceFigures, scrape};
pub(crate) use streams::{Behind, Closed, OpenStream, STREAMS, Transport};
