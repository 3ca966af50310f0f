//! One lane's writer: a connection, and a transaction whose changes wait in memory for the commit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use emit_core::{Job, JobId, JobNo, Millis, SpaceId, SpaceNo, TokenId, limits};
use tokio_postgres::Row;

use super::connect::Address;
use super::contents::{ALL, contents};
use super::flush;
use super::link::Link;
use super::pending::{Base, Pending, settle};
use super::retain::OldestAt;
use super::rows::{self, Uuid};
use super::session::{CommitTrouble, Outcome, Session, Step};
use super::timers::Timers;
use super::{claim, jobs, keys, retain, spaces, tokens};
use crate::{Change, Contents, Figures, Matching, Remembered, Result, Space, Token, Writer};

/// Spaces read again at the beginning of each transaction, along with its first statement.
const SPACES_READ: usize = 256;

pub(super) struct PostgresWriter {
    link: Link,
    /// Which lane this is, and of how many.
    share: (usize, usize),
    timers: Timers,
    oldest_at: OldestAt,
    /// Where the next round of retention goes on.
    retained_up_to: SpaceNo,
    /// The spaces of the last transactions.
    recent: Vec<SpaceNo>,
    retained_rows: u64,
    /// The engine's time, as it said last.
    now: Millis,
    this: Transaction,
}

/// What belongs to the transaction under way.
#[derive(Default)]
struct Transaction {
    pending: Pending,
    /// As they were when first looked at; what is pending comes on top.
    spaces: HashMap<SpaceNo, Space>,
    numbers: HashMap<SpaceId, SpaceNo>,
    gone: HashSet<SpaceNo>,
    spaces_read: bool,
    /// The jobs that will be changed are locked: see [`Writer::load`].
    loaded: bool,
    /// What polls are offered, by space and names.
    offers: HashMap<(SpaceNo, Vec<Arc<str>>), Offer>,
    contents: HashMap<JobId, Contents>,
    /// Statements for after the lock of the spaces.
    late: Vec<Step<'static>>,
    late_spaces: Vec<SpaceNo>,
    /// Something was written already, beside what is pending.
    dirty: bool,
    administered: bool,
}

/// Jobs locked for the polls of this transaction.
struct Offer {
    jobs: Vec<Job>,
    /// There are no others.
    exhausted: bool,
}

impl PostgresWriter {
    pub(super) fn start(address: Address, lane: usize, lanes: usize) -> Result<PostgresWriter> {
        Ok(PostgresWriter {
            link: Link::start(address)?,
            share: (lane, lanes),
            timers: Timers::default(),
            oldest_at: OldestAt::new(),
            retained_up_to: 0,
            recent: Vec::new(),
            retained_rows: 0,
            now: 0,
            this: Transaction::default(),
        })
    }

    fn session(&self) -> Result<&Session> {
        self.link.session()
    }

    /// Reads the spaces that are likely to be asked for, once a transaction.
    fn read_spaces(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.this.spaces_read, true) || self.recent.is_empty() {
            return Ok(());
        }
        let found = spaces::by_numbers(self.session()?, &self.recent)?;
        self.this.keep(found);
        Ok(())
    }

    fn space_cached(&mut self, no: SpaceNo) -> Result<Option<Space>> {
        self.read_spaces()?;
        if self.this.gone.contains(&no) {
            return Ok(None);
        }
        if !self.this.spaces.contains_key(&no) {
            let found = spaces::by_no(self.session()?, no)?;
            self.this.keep(found.into_iter().collect());
        }
        Ok(self.this.spaces.get(&no).map(|space| self.this.as_pending(space)))
    }

    /// Fetches up to `likely` jobs for an offer that has fewer than `least` left.
    fn fetch_offer(&mut self, key: &(SpaceNo, Vec<Arc<str>>), least: usize, likely: usize) -> Result<()> {
        let this = &self.this;
        let offered = this.offers.get(key);
        let free = offered.map_or(0, |offer| offer.jobs.iter().filter(|job| this.is_untouched(job)).count());
        if free >= least || offered.is_some_and(|offer| offer.exhausted) {
            return Ok(());
        }
        let mut but: Vec<JobNo> = this
            .pending
            .entries()
            .map(|entry| &entry.job)
            .filter(|job| job.space == key.0 && job.no > 0)
            .map(|job| job.no)
            .collect();
        but.extend(offered.iter().flat_map(|offer| offer.jobs.iter().map(|job| job.no)));
        let limit = likely - free;
        let found = claim::claimable(self.session()?, key.0, &key.1, limit, &but)?;
        let beside = contents(self.session()?, &found, ALL, limits::ANSWER_BYTES)?;
        self.this.contents.extend(found.iter().map(|job| job.id).zip(beside));
        let per_name = key.1.len().max(1);
        let offer = self
            .this
            .offers
            .entry(key.clone())
            .or_insert_with(|| Offer { jobs: Vec::new(), exhausted: false });
        // With several names each was asked for as many.
        offer.exhausted = found.len() < limit && per_name == 1 || found.is_empty();
        offer.jobs.retain(|job| self.this.pending.get(job.id).is_none());
        offer.jobs.extend(found);
        Ok(())
    }

    fn flush(&mut self, written: &mut [Change]) -> Result<()> {
        let this = std::mem::take(&mut self.this);
        let mark = self.link.next_mark();
        let mut locked: Vec<SpaceNo> = this.pending.tallies.keys().copied().collect();
        locked.extend(&this.late_spaces);
        locked.sort_unstable();
        locked.dedup();
        let committed = {
            let mut steps = flush::steps(&this.pending, written, &locked, self.now, mark);
            steps.extend(this.late);
            self.session()?.commit(&steps)
        };
        let bases = match committed {
            Ok(rows) => bases(&rows)?,
            Err(CommitTrouble::Before(trouble)) => return Err(trouble.into()),
            Err(CommitTrouble::During) => self.link.find_out(mark, &locked)?,
        };
        for change in written {
            match bases.get(&change.job.space) {
                Some(base) => settle(change, *base),
                // The space's last row went meanwhile: nobody will ever see what happened there.
                None => change.recorded.clear(),
            }
        }
        Ok(())
    }
}

/// What the locks of the spaces answered.
fn bases(rows: &[Row]) -> Outcome<HashMap<SpaceNo, Base>> {
    rows.iter()
        .map(|row| Ok((row.try_get(0)?, Base { seq: row.try_get(1)?, last_at: row.try_get(2)? })))
        .collect()
}

impl Transaction {
    fn keep(&mut self, found: Vec<Space>) {
        for space in found {
            if !self.gone.contains(&space.no) {
                self.numbers.insert(space.id, space.no);
                self.spaces.insert(space.no, space);
            }
        }
    }

    /// A space with what is pending in it.
    fn as_pending(&self, space: &Space) -> Space {
        let mut space = space.clone();
        if let Some(tally) = self.pending.tallies.get(&space.no) {
            for (count, change) in space.counts.iter_mut().zip(tally.counts) {
                *count += change;
            }
        }
        space
    }

    fn is_untouched(&self, job: &Job) -> bool {
        self.pending.get(job.id).is_none()
    }

    fn late(&mut self, space: SpaceNo, step: Step<'static>) {
        self.late_spaces.push(space);
        self.late.push(step);
        self.administer();
    }

    /// Other nodes are to look at keys and spaces again.
    fn administer(&mut self) {
        if !std::mem::replace(&mut self.administered, true) {
            let sql = "UPDATE marks SET value = value + 1 WHERE name = 'administered'";
            self.late.push(Step { sql, params: Vec::new() });
        }
    }
}

impl Writer for PostgresWriter {
    fn begin(&mut self) -> Result<()> {
        self.this = Transaction::default();
        self.link.ready()?;
        self.session()?.begin("BEGIN");
        Ok(())
    }

    fn commit(&mut self, written: &mut [Change]) -> Result<()> {
        let recent: Vec<SpaceNo> = self.this.spaces.keys().copied().take(SPACES_READ).collect();
        if !recent.is_empty() {
            self.recent = recent;
        }
        let this = &self.this;
        if this.dirty || !this.pending.is_empty() || !this.late.is_empty() {
            return self.flush(written);
        }
        Ok(self.session()?.finish()?)
    }

    fn rollback(&mut self) {
        self.this = Transaction::default();
        // What was written will come again, and be noted again.
        self.timers = Timers::default();
        if let Ok(session) = self.session() {
            session.rollback();
        }
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        self.read_spaces()?;
        if let Some(no) = self.this.numbers.get(&id).copied() {
            return self.space_numbered(no);
        }
        match spaces::by_id(self.session()?, id)? {
            Some(space) => {
                let no = space.no;
                self.this.keep(vec![space]);
                self.space_numbered(no)
            }
            None => Ok(None),
        }
    }

    fn space_numbered(&mut self, no: SpaceNo) -> Result<Option<Space>> {
        self.space_cached(no)
    }

    fn load(&mut self, ids: &[JobId]) -> Result<Vec<Option<Job>>> {
        let lock = !std::mem::replace(&mut self.this.loaded, true);
        let wanted: Vec<Uuid> =
            ids.iter().filter(|id| self.this.pending.get(**id).is_none()).copied().map(Uuid).collect();
        let mut found: HashMap<JobId, Job> = HashMap::new();
        if !wanted.is_empty() {
            let rows = self.session()?.query(&jobs::select(lock), &[&wanted])?;
            found = rows::jobs(&rows)?.into_iter().map(|job| (job.id, job)).collect();
        }
        let mut jobs = Vec::with_capacity(ids.len());
        for id in ids {
            let job = match self.this.pending.get(*id) {
                Some(entry) => (!entry.erase).then(|| entry.job.clone()),
                None => found.get(id).cloned(),
            };
            jobs.push(match job {
                Some(job) if self.space_cached(job.space)?.is_some() => Some(job),
                _ => None,
            });
        }
        Ok(jobs)
    }

    fn claimable(
        &mut self,
        space: SpaceNo,
        names: &[Arc<str>],
        limit: usize,
        likely: usize,
    ) -> Result<Vec<Job>> {
        let key = (space, names.to_vec());
        self.fetch_offer(&key, limit, likely.max(limit))?;
        let this = &self.this;
        let offered = this.offers.get(&key).into_iter().flat_map(|offer| &offer.jobs);
        let mut found: Vec<&Job> = offered.filter(|job| this.is_untouched(job)).collect();
        found.extend(this.pending.entries().filter(|entry| !entry.erase).map(|entry| &entry.job).filter(
            |job| job.space == space && job.available && (names.is_empty() || names.contains(&job.spec.name)),
        ));
        // New jobs come after all that have a number, in the order of their creation.
        found.sort_by_key(|job| (-job.priority, job.available_at, job.no < 0, job.no.abs()));
        found.dedup_by_key(|job| job.id);
        Ok(found.into_iter().take(limit).cloned().collect())
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Job>> {
        self.now = now;
        if !self.timers.is_time(now) {
            return Ok(Vec::new());
        }
        let session = self.link.session()?;
        Ok(self.timers.due(session, self.share, now, limit)?)
    }

    fn next_due(&mut self) -> Result<Option<Millis>> {
        Ok(self.timers.next())
    }

    fn remembered(
        &mut self,
        space: SpaceNo,
        keys: &[Arc<str>],
        not_before: Millis,
    ) -> Result<Vec<Option<Remembered>>> {
        let known = keys::remembered(self.session()?, space, keys, not_before)?;
        let pending = &self.this.pending;
        Ok(keys
            .iter()
            .map(|key| pending.remembered(space, key).or_else(|| known.get(&**key)).cloned())
            .collect())
    }

    fn matching(&mut self, space: SpaceNo, which: &Matching, limit: usize) -> Result<Vec<Job>> {
        let pending = &self.this.pending;
        let mine = || pending.entries().map(|entry| &entry.job).filter(|job| job.space == space);
        let but: Vec<JobNo> = mine().map(|job| job.no).filter(|no| *no > 0).collect();
        let mut found = claim::matching(self.session()?, space, which, limit, &but)?;
        let fits = |job: &&Job| {
            job.status == which.status
                && which.name.as_deref().is_none_or(|name| name == &*job.spec.name)
                && which.created_before.is_none_or(|before| job.created_at < before)
        };
        found.extend(mine().filter(fits).cloned());
        found.sort_by_key(|job| (job.no < 0, job.no.abs()));
        found.truncate(limit);
        Ok(found)
    }

    fn contents(&mut self, jobs: &[Job], bytes: usize) -> Result<Vec<Contents>> {
        let unknown: Vec<Job> = jobs
            .iter()
            .filter(|job| job.no > 0 && !self.this.contents.contains_key(&job.id))
            .cloned()
            .collect();
        let read = contents(self.session()?, &unknown, ALL, bytes)?;
        self.this.contents.extend(unknown.iter().map(|job| job.id).zip(read));
        let this = &self.this;
        let mut found: Vec<Contents> = Vec::with_capacity(jobs.len());
        let mut taken = 0;
        for job in jobs {
            let known = this.contents.get(&job.id);
            if taken > bytes || (known.is_none() && job.no > 0) {
                break;
            }
            let mut contents = known.cloned().unwrap_or_default();
            this.pending.complete(job, &mut contents);
            taken += contents.bytes();
            found.push(contents);
        }
        Ok(found)
    }

    fn write(&mut self, now: Millis, changes: &mut [Change]) -> Result<()> {
        self.now = now;
        for change in changes {
            self.this.pending.take(now, change);
            self.timers.note(if change.erase { None } else { change.job.due_at() });
        }
        Ok(())
    }

    fn insert_space(&mut self, space: &Space) -> Result<Space> {
        self.this.dirty = true;
        // What it sends is a matter of all nodes.
        self.this.administer();
        let no = spaces::insert(self.session()?, space)?;
        let space = Space { no, ..space.clone() };
        self.this.keep(vec![space.clone()]);
        Ok(space)
    }

    fn update_space(&mut self, space: &Space) -> Result<()> {
        self.this.late(space.no, spaces::update_settings(space));
        if let Some(known) = self.this.spaces.get_mut(&space.no) {
            let (seq, oldest_seq, last_at, counts) =
                (known.seq, known.oldest_seq, known.last_at, known.counts);
            *known = Space { seq, oldest_seq, last_at, counts, ..space.clone() };
        }
        self.oldest_at.remove(&space.no);
        Ok(())
    }

    fn delete_space(&mut self, no: SpaceNo) -> Result<()> {
        self.this.late(no, spaces::delete(no));
        self.this.spaces.remove(&no);
        self.this.numbers.retain(|_, known| *known != no);
        self.this.gone.insert(no);
        Ok(())
    }

    fn insert_token(&mut self, token: &Token) -> Result<()> {
        self.this.dirty = true;
        Ok(tokens::insert(self.session()?, token)?)
    }

    fn token(&mut self, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>> {
        Ok(tokens::by_id(self.session()?, space, id)?)
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        Ok(tokens::by_hash(self.session()?, hash)?)
    }

    fn has_admin_token(&mut self, now: Millis) -> Result<bool> {
        Ok(tokens::has_admin(self.session()?, now)?)
    }

    fn is_new(&mut self) -> Result<bool> {
        // Of several nodes that start at once only one finds it new.
        let sql = "SELECT pg_advisory_xact_lock($1)";
        self.session()?.query(sql, &[&super::FIRST_START_LOCK])?;
        Ok(self.session()?.row("SELECT 1 FROM marks WHERE name = 'spaces'", &[])?.is_none())
    }

    fn update_token(&mut self, token: &Token) -> Result<()> {
        self.this.dirty = true;
        self.this.administer();
        Ok(tokens::update(self.session()?, token)?)
    }

    fn delete_token(&mut self, id: TokenId) -> Result<()> {
        self.this.dirty = true;
        self.this.administer();
        Ok(tokens::delete(self.session()?, id)?)
    }

    fn touch_tokens(&mut self, used: &[(TokenId, Millis)]) -> Result<()> {
        self.this.dirty = true;
        Ok(tokens::touch(self.session()?, used)?)
    }

    fn retain(&mut self, now: Millis, limit: usize) -> Result<bool> {
        let session = self.link.session()?;
        let mut done = retain::expired(session, now, limit)? + retain::deleted_spaces(session, limit)?;
        for past in retain::spaces(session, self.retained_up_to)? {
            if done >= limit {
                break;
            }
            self.retained_up_to = past.no();
            if !past.is_recent(&self.oldest_at, now) {
                done += retain::space_events(session, &past, &mut self.oldest_at, now, limit - done)?;
            }
        }
        self.this.dirty |= done > 0;
        self.retained_rows += done as u64;
        Ok(done >= limit)
    }

    fn probe(&mut self) -> Result<()> {
        self.this.dirty = true;
        Ok(())
    }

    fn figures(&mut self) -> Figures {
        Figures { retained_rows: self.retained_rows, ..Figures::default() }
    }
}
