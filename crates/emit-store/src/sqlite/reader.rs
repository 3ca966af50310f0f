//! One read connection: each method reads one moment and lets go of it, so that the log can be reset.

use std::sync::Arc;

use emit_core::{Job, JobId, JobNo, Millis, Recorded, SpaceId, SpaceNo, TokenId};
use rusqlite::Connection;

use super::{callbacks, claim, contents, events, jobs, lift, lists, logs, spaces, tokens};
use crate::landmarks::Landmarks;
use crate::{
    CallbackLane, EndpointLane, EventsPage, FailingEndpoint, FoundJob, JobsPage, ListQuery, LogLine,
    LogQuery, Reader, Result, Space, Token,
};

pub(super) struct SqliteReader {
    pub(super) connection: Connection,
    /// Shared by all readers of the store.
    pub(super) landmarks: Arc<Landmarks>,
}

impl SqliteReader {
    /// Reads in one transaction: what is read together was true together.
    fn moment<T>(&mut self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let transaction = self.connection.transaction().map_err(lift)?;
        let found = read(&transaction).map_err(lift)?;
        transaction.finish().map_err(lift)?;
        Ok(found)
    }
}

impl Reader for SqliteReader {
    fn job(&mut self, id: JobId) -> Result<Option<FoundJob>> {
        self.moment(|connection| {
            let Some(job) = jobs::by_id(connection, id)? else { return Ok(None) };
            let Some(space) = spaces::by_no(connection, job.space)? else { return Ok(None) };
            let contents = contents::contents(connection, &job)?;
            Ok(Some(FoundJob { job, space, contents }))
        })
    }

    fn jobs(&mut self, space: SpaceId, query: &ListQuery, bytes: usize) -> Result<Option<JobsPage>> {
        self.moment(|connection| lists::page(connection, space, query, bytes))
    }

    fn latest_events(&mut self, job: &Job, limit: usize, bytes: usize) -> Result<Vec<Recorded>> {
        self.moment(|connection| events::latest_of_job(connection, &job.into(), limit, bytes))
    }

    fn job_events(
        &mut self,
        id: JobId,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Option<EventsPage>> {
        let landmarks = self.landmarks.clone();
        self.moment(|connection| {
            // A shell answers too: its last event tells a watcher that the job was erased.
            let Some(job) = events::job_ref(connection, id)? else { return Ok(None) };
            let Some(space) = spaces::by_no(connection, job.space)? else { return Ok(None) };
            let (found, more) = events::of_job(connection, &landmarks, &job, after, limit, bytes)?;
            Ok(Some(events_page(found, more, &space)))
        })
    }

    fn space_events(
        &mut self,
        no: SpaceNo,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Option<EventsPage>> {
        self.moment(|connection| {
            let Some(space) = spaces::by_no(connection, no)? else { return Ok(None) };
            let (found, more) = events::of_space(connection, no, after, limit, bytes)?;
            Ok(Some(events_page(found, more, &space)))
        })
    }

    fn logs(&mut self, job: JobNo, query: &LogQuery, bytes: usize) -> Result<(Vec<LogLine>, bool)> {
        self.moment(|connection| logs::read(connection, job, query, bytes))
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        self.moment(|connection| spaces::by_id(connection, id))
    }

    fn spaces(&mut self, after: Option<SpaceId>, limit: usize) -> Result<Vec<Space>> {
        self.moment(|connection| spaces::page(connection, after, limit))
    }

    fn oldest_available(&mut self, space: SpaceNo) -> Result<Option<Millis>> {
        self.moment(|connection| claim::oldest(connection, space))
    }

    fn tokens(&mut self, space: Option<SpaceNo>, after: Option<TokenId>, limit: usize) -> Result<Vec<Token>> {
        self.moment(|connection| tokens::page(connection, space, after, limit))
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        self.moment(|connection| tokens::by_hash(connection, hash))
    }

    fn callback_lanes(
        &mut self,
        now: Millis,
        after: &EndpointLane,
        lanes: usize,
        each: usize,
    ) -> Result<Vec<CallbackLane>> {
        self.moment(|connection| callbacks::lanes(connection, now, after, lanes, each))
    }

    fn next_callback(&mut self, after: Millis) -> Result<Option<Millis>> {
        self.moment(|connection| callbacks::next(connection, after))
    }

    fn failing_endpoints(
        &mut self,
        space: SpaceNo,
        after: &str,
        limit: usize,
    ) -> Result<Vec<FailingEndpoint>> {
        self.moment(|connection| callbacks::failing(connection, space, after, limit))
    }

    fn ping(&mut self) -> Result<()> {
        self.moment(|connection| connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |_| Ok(())))
    }
}

fn events_page(events: Vec<Recorded>, more: bool, space: &Space) -> EventsPage {
    EventsPage { events, position: space.seq, oldest: space.oldest_seq, last_at: space.last_at, more }
}
