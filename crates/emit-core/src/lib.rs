//! What a job may do, as pure values: no I/O, no clock, no randomness, no async may come in here.
//!
//! [`apply`] reads as the contract's state table: a [`Job`], a [`Command`] and the circumstances go in, a
//! [`Transition`] (the new state and its events) or a [`Refusal`] (an expected no) comes out.

pub mod apply;
pub mod callback;
pub mod command;
pub mod contents;
pub mod event;
pub mod ids;
pub mod job;
pub mod json;
mod lifecycle;
pub mod limits;
pub mod outbound;
pub mod refusal;
pub mod retry;
pub mod scope;
pub mod space;
pub mod time;
pub mod token;
pub mod transition;

pub use apply::{Circumstances, apply};
pub use command::{Command, Edit, Matching, NewJob, Report};
pub use contents::{Contents, LogLine};
pub use event::{Event, EventType, Recorded, View};
pub use ids::{DeliveryId, JobId, JobNo, SpaceId, SpaceNo, TokenId};
pub use job::{Job, Spec, Status};
pub use json::RawJson;
pub use refusal::Refusal;
pub use scope::{Scope, Scopes};
pub use space::Space;
pub use time::Millis;
pub use token::Token;
pub use transition::Transition;
