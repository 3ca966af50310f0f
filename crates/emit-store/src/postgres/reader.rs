//! One read connection: each method reads one moment.

use std::sync::Arc;

use emit_core::{Job, JobId, JobNo, Millis, Recorded, SpaceId, SpaceNo, TokenId};

use super::connect::Address;
use super::rows::Uuid;
use super::session::{Outcome, Session, Trouble};
use super::{callbacks, claim, contents, events, jobs, lists, logs, spaces, tokens};
use crate::landmarks::Landmarks;
use crate::{
    CallbackLane, EndpointLane, EventsPage, FailingEndpoint, FoundJob, JobsPage, ListQuery, LogLine,
    LogQuery, Reader, Result, Space, StoreError, Token,
};

pub(super) struct PostgresReader {
    address: Address,
    /// This process among those on the database.
    node: Uuid,
    session: Option<Session>,
    /// Shared by all readers of the store.
    landmarks: Arc<Landmarks>,
}

impl PostgresReader {
    pub(super) fn start(address: Address, node: Uuid, landmarks: Arc<Landmarks>) -> Result<PostgresReader> {
        let session = Some(Session::connect(&address)?);
        Ok(PostgresReader { address, node, session, landmarks })
    }

    /// Reads in one transaction: what is read together was true together. A connection that was lost while nobody
    /// looked is made anew, once.
    fn moment<T>(&mut self, read: impl Fn(&Session) -> Outcome<T>) -> Result<T> {
        self.within("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", read)
    }

    /// Reads with one statement, which needs no transaction to be one moment.
    fn at_once<T>(&mut self, read: impl Fn(&Session) -> Outcome<T>) -> Result<T> {
        self.within("", read)
    }

    fn within<T>(&mut self, begin: &'static str, read: impl Fn(&Session) -> Outcome<T>) -> Result<T> {
        let mut fresh = false;
        loop {
            let session = match self.session.take().filter(|session| !session.is_lost()) {
                Some(session) => session,
                None => {
                    fresh = true;
                    Session::connect(&self.address)?
                }
            };
            if !begin.is_empty() {
                session.begin(begin);
            }
            match read(&session).and_then(|found| session.finish().map(|()| found)) {
                Ok(found) => {
                    self.session = Some(session);
                    return Ok(found);
                }
                Err(Trouble::Lost(_)) if !fresh => {}
                Err(trouble) => {
                    session.rollback();
                    self.session = Some(session);
                    return Err(StoreError::from(trouble));
                }
            }
        }
    }
}

impl Reader for PostgresReader {
    fn job(&mut self, id: JobId) -> Result<Option<FoundJob>> {
        self.moment(|session| {
            let Some(job) = jobs::by_id(session, id)? else { return Ok(None) };
            let Some(space) = spaces::by_no(session, job.space)? else { return Ok(None) };
            let contents =
                contents::contents(session, std::slice::from_ref(&job), contents::ALL, usize::MAX)?;
            let contents = contents.into_iter().next().unwrap_or_default();
            Ok(Some(FoundJob { job, space, contents }))
        })
    }

    fn jobs(&mut self, space: SpaceId, query: &ListQuery, bytes: usize) -> Result<Option<JobsPage>> {
        self.moment(|session| lists::page(session, space, query, bytes))
    }

    fn latest_events(&mut self, job: &Job, limit: usize, bytes: usize) -> Result<Vec<Recorded>> {
        self.at_once(|session| events::latest_of_job(session, &job.into(), limit, bytes))
    }

    fn job_events(
        &mut self,
        id: JobId,
        after: i64,
        limit: usize,
        bytes: usize,
    ) -> Result<Option<EventsPage>> {
        let landmarks = self.landmarks.clone();
        self.moment(|session| {
            // A shell answers too: its last event tells a watcher that the job was erased.
            let Some(job) = events::job_ref(session, id)? else { return Ok(None) };
            let Some(space) = spaces::by_no(session, job.space)? else { return Ok(None) };
            let (found, more) = events::of_job(session, &landmarks, &job, after, limit, bytes)?;
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
        self.moment(|session| {
            let Some(space) = spaces::by_no(session, no)? else { return Ok(None) };
            let (found, more) = events::of_space(session, no, after, limit, bytes)?;
            Ok(Some(events_page(found, more, &space)))
        })
    }

    fn logs(&mut self, job: JobNo, query: &LogQuery, bytes: usize) -> Result<(Vec<LogLine>, bool)> {
        self.at_once(|session| logs::read(session, job, query, bytes))
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        self.at_once(|session| spaces::by_id(session, id))
    }

    fn spaces(&mut self, after: Option<SpaceId>, limit: usize) -> Result<Vec<Space>> {
        self.moment(|session| spaces::page(session, after, limit))
    }

    fn tokens(&mut self, space: Option<SpaceNo>, after: Option<TokenId>, limit: usize) -> Result<Vec<Token>> {
        self.moment(|session| tokens::page(session, space, after, limit))
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        self.at_once(|session| tokens::by_hash(session, hash))
    }

    fn oldest_available(&mut self, space: SpaceNo) -> Result<Option<Millis>> {
        self.at_once(|session| claim::oldest(session, space))
    }

    fn callback_lanes(
        &mut self,
        now: Millis,
        after: &EndpointLane,
        lanes: usize,
        each: usize,
    ) -> Result<Vec<CallbackLane>> {
        let node = self.node;
        self.at_once(|session| callbacks::lanes(session, node, now, after, (lanes, each)))
    }

    fn next_callback(&mut self, after: Millis) -> Result<Option<Millis>> {
        self.at_once(|session| callbacks::next(session, after))
    }

    fn failing_endpoints(
        &mut self,
        space: SpaceNo,
        after: &str,
        limit: usize,
    ) -> Result<Vec<FailingEndpoint>> {
        self.at_once(|session| callbacks::failing(session, space, after, limit))
    }

    fn ping(&mut self) -> Result<()> {
        self.at_once(|session| session.query("SELECT 1", &[]).map(|_| ()))
    }
}

fn events_page(events: Vec<Recorded>, more: bool, space: &Space) -> EventsPage {
    EventsPage { events, position: space.seq, oldest: space.oldest_seq, last_at: space.last_at, more }
}
