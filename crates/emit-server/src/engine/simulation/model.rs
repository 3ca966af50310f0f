//! A store in memory: what a store promises, in its plainest form. What was committed outlives the writer, as on a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use emit_core::time::DAY;
use emit_core::{Job, JobId, JobNo, Millis, Recorded, SpaceId, SpaceNo, TokenId};
use emit_store::{
    CallbackLane, Change, Contents, EventsPage, FailingEndpoint, Figures, FoundJob, JobsPage, ListQuery,
    LogLine, LogQuery, Matching, Reader, Remembered, Result, Space, Store, StoreError, Token, Writer,
};

#[derive(Default)]
struct State {
    spaces: BTreeMap<SpaceNo, Space>,
    jobs: BTreeMap<JobNo, (Job, Contents)>,
    numbers: HashMap<JobId, JobNo>,
    events: BTreeMap<(SpaceNo, i64), Recorded>,
    keys: HashMap<(SpaceNo, Arc<str>), (Remembered, Millis)>,
    tokens: HashMap<TokenId, Token>,
    next_no: JobNo,
    next_space: SpaceNo,
}

/// Takes one change back.
type Undo = Box<dyn FnOnce(&mut State) + Send>;

/// The store. Every handle sees the same state.
#[derive(Clone, Default)]
pub(super) struct ModelStore(Arc<Mutex<State>>);

impl ModelStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for ModelStore {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(ModelWriter { store: self.clone(), undo: Vec::new(), open: false }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(self.clone()))
    }
}

struct ModelWriter {
    store: ModelStore,
    /// What the open transaction has done, the latest last.
    undo: Vec<Undo>,
    open: bool,
}

impl Drop for ModelWriter {
    /// A crash: what was not committed never was.
    fn drop(&mut self) {
        self.rollback();
    }
}

/// Sets an entry, and says how to take that back.
macro_rules! set {
    ($state:ident.$map:ident, $undo:expr, $key:expr, $value:expr) => {{
        let (key, value) = ($key, $value);
        let before = match value {
            Some(value) => $state.$map.insert(key.clone(), value),
            None => $state.$map.remove(&key),
        };
        $undo.push(Box::new(move |state: &mut State| match before {
            Some(before) => drop(state.$map.insert(key, before)),
            None => drop(state.$map.remove(&key)),
        }));
    }};
}

/// A job goes, and frees its idempotency key.
fn forget(state: &mut State, undo: &mut Vec<Undo>, job: &Job) {
    if let Some(key) = job.spec.idempotency_key.clone() {
        set!(state.keys, undo, (job.space, key), None);
    }
    set!(state.jobs, undo, job.no, None);
    set!(state.numbers, undo, job.id, None);
}

impl ModelWriter {
    fn write_change(&mut self, now: Millis, change: &mut Change) {
        let mut state = self.store.state();
        let state = &mut *state;
        let undo = &mut self.undo;
        if change.before.is_none() {
            state.next_no += 1;
            change.job.no = state.next_no;
            set!(state.numbers, undo, change.job.id, Some(change.job.no));
        }
        let no = change.job.no;
        let mut space = state.spaces[&change.job.space].clone();
        let mut contents = state.jobs.get(&no).map(|(_, contents)| contents.clone()).unwrap_or_default();
        space.last_at = now.max(space.last_at);
        change.recorded.clear();
        for event in &change.events {
            space.seq += 1;
            let prev = change.job.seq;
            change.job.note(event.kind, space.seq);
            let recorded = Recorded {
                space: space.no,
                seq: space.seq,
                prev,
                at: space.last_at,
                job: no,
                job_id: change.job.id,
                job_name: change.job.spec.name.clone(),
                event: event.clone(),
            };
            set!(state.events, undo, (space.no, space.seq), Some(recorded.clone()));
            change.recorded.push(recorded);
        }
        let after = (!change.erase).then_some(change.job.status);
        if let Some(before) = change.before {
            space.counts[before as usize] -= 1;
        }
        if let Some(after) = after {
            space.counts[after as usize] += 1;
        }
        if let Some(key) = change.job.spec.idempotency_key.clone()
            && let Some(fingerprint) = change.fingerprint
        {
            let known = (Remembered { fingerprint, job: change.job.id }, now);
            set!(state.keys, undo, (space.no, key), Some(known));
        }
        if change.payload.is_some() {
            contents.payload.clone_from(&change.payload);
        }
        if change.erase {
            forget(state, undo, &change.job);
        } else {
            set!(state.jobs, undo, no, Some((change.job.clone(), contents)));
        }
        set!(state.spaces, undo, space.no, Some(space));
    }

    fn jobs(&self, which: impl Fn(&Job) -> bool) -> Vec<Job> {
        let state = self.store.state();
        state.jobs.values().map(|(job, _)| job).filter(|job| which(job)).cloned().collect()
    }
}

impl Writer for ModelWriter {
    fn begin(&mut self) -> Result<()> {
        assert!(!self.open, "the last transaction is still open");
        self.open = true;
        Ok(())
    }

    fn commit(&mut self, _: &mut [Change]) -> Result<()> {
        assert!(self.open, "nothing was begun");
        self.open = false;
        self.undo.clear();
        Ok(())
    }

    fn rollback(&mut self) {
        self.open = false;
        let mut state = self.store.state();
        while let Some(undo) = self.undo.pop() {
            undo(&mut state);
        }
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        Ok(self.store.state().spaces.values().find(|space| space.id == id).cloned())
    }

    fn space_numbered(&mut self, no: SpaceNo) -> Result<Option<Space>> {
        Ok(self.store.state().spaces.get(&no).cloned())
    }

    fn load(&mut self, ids: &[JobId]) -> Result<Vec<Option<Job>>> {
        let state = self.store.state();
        let find = |id| state.numbers.get(id).and_then(|no| state.jobs.get(no)).map(|(job, _)| job.clone());
        Ok(ids.iter().map(find).collect())
    }

    fn claimable(&mut self, space: SpaceNo, names: &[Arc<str>], limit: usize, _: usize) -> Result<Vec<Job>> {
        let fits = |job: &Job| names.is_empty() || names.contains(&job.spec.name);
        let mut found = self.jobs(|job| job.space == space && job.available && fits(job));
        found.sort_by_key(|job| (-job.priority, job.available_at, job.no));
        found.truncate(limit);
        Ok(found)
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Job>> {
        let mut found = self.jobs(|job| job.due_at().is_some_and(|due| due <= now));
        found.sort_by_key(|job| (job.due_at(), job.no));
        found.truncate(limit);
        Ok(found)
    }

    fn next_due(&mut self) -> Result<Option<Millis>> {
        Ok(self.store.state().jobs.values().filter_map(|(job, _)| job.due_at()).min())
    }

    fn remembered(
        &mut self,
        space: SpaceNo,
        keys: &[Arc<str>],
        not_before: Millis,
    ) -> Result<Vec<Option<Remembered>>> {
        let state = self.store.state();
        let known = |key: &Arc<str>| state.keys.get(&(space, key.clone())).filter(|(_, at)| *at > not_before);
        Ok(keys.iter().map(|key| known(key).map(|(known, _)| known.clone())).collect())
    }

    fn matching(&mut self, space: SpaceNo, which: &Matching, limit: usize) -> Result<Vec<Job>> {
        let mut found = self.jobs(|job| job.space == space && job.status == which.status);
        found.truncate(limit);
        Ok(found)
    }

    fn contents(&mut self, jobs: &[Job], _: usize) -> Result<Vec<Contents>> {
        let state = self.store.state();
        let find = |job: &Job| state.jobs.get(&job.no).map(|(_, contents)| contents.clone());
        Ok(jobs.iter().map(|job| find(job).unwrap_or_default()).collect())
    }

    fn write(&mut self, now: Millis, changes: &mut [Change]) -> Result<()> {
        assert!(self.open, "nothing was begun");
        changes.iter_mut().for_each(|change| self.write_change(now, change));
        Ok(())
    }

    fn insert_space(&mut self, space: &Space) -> Result<Space> {
        let mut state = self.store.state();
        // A number that was given up in a rollback is not given again, which does no harm.
        state.next_space += 1;
        let no = state.next_space;
        let space = Space { no, ..space.clone() };
        set!(state.spaces, self.undo, no, Some(space.clone()));
        Ok(space)
    }

    fn update_space(&mut self, space: &Space) -> Result<()> {
        let mut state = self.store.state();
        let paused = Space { paused: space.paused, ..state.spaces[&space.no].clone() };
        set!(state.spaces, self.undo, space.no, Some(paused));
        Ok(())
    }

    /// Its jobs stay, unreadable as nothing names them any more.
    fn delete_space(&mut self, no: SpaceNo) -> Result<()> {
        let mut state = self.store.state();
        set!(state.spaces, self.undo, no, None);
        Ok(())
    }

    fn insert_token(&mut self, token: &Token) -> Result<()> {
        let mut state = self.store.state();
        set!(state.tokens, self.undo, token.id, Some(token.clone()));
        Ok(())
    }

    fn token(&mut self, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>> {
        let state = self.store.state();
        let of_space = |token: &&Token| token.space.map(|(no, _)| no) == space;
        Ok(state.tokens.get(&id).filter(of_space).cloned())
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        Ok(self.store.state().tokens.values().find(|token| token.hash == *hash).cloned())
    }

    fn has_admin_token(&mut self, _: Millis) -> Result<bool> {
        Ok(true)
    }

    fn is_new(&mut self) -> Result<bool> {
        Ok(self.store.state().spaces.is_empty())
    }

    fn update_token(&mut self, token: &Token) -> Result<()> {
        self.insert_token(token)
    }

    fn delete_token(&mut self, id: TokenId) -> Result<()> {
        let mut state = self.store.state();
        set!(state.tokens, self.undo, id, None);
        Ok(())
    }

    fn touch_tokens(&mut self, _: &[(TokenId, Millis)]) -> Result<()> {
        Ok(())
    }

    /// Events from the oldest on; with the one that ended it goes the job.
    fn retain(&mut self, now: Millis, limit: usize) -> Result<bool> {
        let mut state = self.store.state();
        let (state, undo) = (&mut *state, &mut self.undo);
        let mut left = limit;
        for mut space in state.spaces.values().cloned().collect::<Vec<_>>() {
            let cutoff = now - space.retention_days * DAY;
            while left > 0
                && let Some(event) = state.events.get(&(space.no, space.oldest_seq))
                && event.at <= cutoff
            {
                left -= 1;
                let job = state.jobs.get(&event.job).map(|(job, _)| job.clone());
                if let Some(job) =
                    job.filter(|job| job.status.is_terminal() && job.result_seq == Some(event.seq))
                {
                    space.counts[job.status as usize] -= 1;
                    forget(state, undo, &job);
                }
                set!(state.events, undo, (space.no, space.oldest_seq), None);
                space.oldest_seq += 1;
            }
            set!(state.spaces, undo, space.no, Some(space));
        }
        Ok(left == 0)
    }

    fn probe(&mut self) -> Result<()> {
        Ok(())
    }

    fn figures(&mut self) -> Figures {
        Figures::default()
    }
}

impl Reader for ModelStore {
    fn job(&mut self, id: JobId) -> Result<Option<FoundJob>> {
        let state = self.state();
        let found = state.numbers.get(&id).and_then(|no| state.jobs.get(no));
        Ok(found.map(|(job, contents)| FoundJob {
            job: job.clone(),
            space: state.spaces[&job.space].clone(),
            contents: contents.clone(),
        }))
    }

    fn jobs(&mut self, space: SpaceId, query: &ListQuery, _: usize) -> Result<Option<JobsPage>> {
        let state = self.state();
        let Some(space) = state.spaces.values().find(|one| one.id == space) else { return Ok(None) };
        let older = |no: JobNo| query.before.is_none_or(|before| no < before);
        let fits = |job: &Job| query.statuses.is_empty() || query.statuses.contains(&job.status);
        let wanted = |job: &Job| job.space == space.no && older(job.no) && fits(job);
        let all = state.jobs.values().rev().filter(|(job, _)| wanted(job));
        let mut jobs: Vec<_> = all.take(query.limit + 1).cloned().collect();
        let more = jobs.len() > query.limit;
        jobs.truncate(query.limit);
        Ok(Some(JobsPage { jobs, space: space.clone(), more }))
    }

    fn latest_events(&mut self, _: &Job, _: usize, _: usize) -> Result<Vec<Recorded>> {
        Err(nothing_of_the_kind())
    }

    fn job_events(&mut self, id: JobId, after: i64, limit: usize, _: usize) -> Result<Option<EventsPage>> {
        let state = self.state();
        let Some((job, _)) = state.numbers.get(&id).and_then(|no| state.jobs.get(no)) else {
            return Ok(None);
        };
        let space = &state.spaces[&job.space];
        let rest = state.events.range((space.no, after + 1)..(space.no + 1, 0));
        let mut events: Vec<_> =
            rest.map(|(_, event)| event).filter(|event| event.job_id == id).cloned().collect();
        let more = events.len() > limit;
        events.truncate(limit);
        Ok(Some(page(space, events, more)))
    }

    fn space_events(
        &mut self,
        no: SpaceNo,
        after: i64,
        limit: usize,
        _: usize,
    ) -> Result<Option<EventsPage>> {
        let state = self.state();
        let space = &state.spaces[&no];
        let rest = state.events.range((no, after + 1)..(no + 1, 0));
        let events: Vec<_> = rest.take(limit).map(|(_, event)| event.clone()).collect();
        let more = events.last().is_some_and(|last| last.seq < space.seq);
        Ok(Some(page(space, events, more)))
    }

    fn logs(&mut self, _: JobNo, _: &LogQuery, _: usize) -> Result<(Vec<LogLine>, bool)> {
        Err(nothing_of_the_kind())
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        Ok(self.state().spaces.values().find(|space| space.id == id).cloned())
    }

    fn spaces(&mut self, _: Option<SpaceId>, _: usize) -> Result<Vec<Space>> {
        Ok(self.state().spaces.values().cloned().collect())
    }

    fn tokens(&mut self, _: Option<SpaceNo>, _: Option<TokenId>, _: usize) -> Result<Vec<Token>> {
        Ok(Vec::new())
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        let state = self.state();
        let is_there = |token: &&Token| token.space.is_none_or(|(no, _)| state.spaces.contains_key(&no));
        Ok(state.tokens.values().filter(is_there).find(|token| token.hash == *hash).cloned())
    }

    fn oldest_available(&mut self, _: SpaceNo) -> Result<Option<Millis>> {
        Ok(None)
    }

    fn callback_lanes(
        &mut self,
        _: Millis,
        _: &(i64, String),
        _: usize,
        _: usize,
    ) -> Result<Vec<CallbackLane>> {
        Ok(Vec::new())
    }

    fn next_callback(&mut self, _: Millis) -> Result<Option<Millis>> {
        Ok(None)
    }

    fn failing_endpoints(&mut self, _: SpaceNo, _: &str, _: usize) -> Result<Vec<FailingEndpoint>> {
        Ok(Vec::new())
    }

    fn ping(&mut self) -> Result<()> {
        Ok(())
    }
}

/// The simulation's clients ask for nothing of the kind.
fn nothing_of_the_kind() -> StoreError {
    StoreError::Unavailable("the model does not know this".into())
}

fn page(space: &Space, events: Vec<Recorded>, more: bool) -> EventsPage {
    EventsPage { events, position: space.seq, oldest: space.oldest_seq, last_at: space.last_at, more }
}
