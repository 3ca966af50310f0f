//! A file for each phase of a job's life; [`crate::apply`] is their table of contents.

pub(crate) mod callback;
pub(crate) mod claim;
pub(crate) mod create;
pub(crate) mod finish;
pub(crate) mod kill;
pub(crate) mod report;
pub(crate) mod tick;
