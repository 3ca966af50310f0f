//! The one writer: numbers events, keeps spaces' counters and the rows workers hold in memory.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use emit_core::{Job, JobId, Millis, Recorded, SpaceId, SpaceNo, TokenId};
use rusqlite::Connection;

use super::checkpoint::Checkpointer;
use super::retain::OldestAt;
use super::rows::SHELL;
use super::timers::Timers;
use super::{
    callbacks, claim, contents, event_key, events, jobs, keys, lift, lift_commit, logs, retain, spaces,
    tokens,
};
use crate::{Change, Contents, Figures, Matching, Remembered, Result, Space, StoreError, Token, Writer};

/// Rows of delivered and running jobs kept in memory; about 0.5 KiB each.
const HELD_ROWS: usize = 50_000;
/// A version no file has: memory is to be read again.
const UNKNOWN_VERSION: i64 = -1;

pub(super) struct SqliteWriter {
    connection: Connection,
    file: PathBuf,
    /// Of the file when it was opened.
    identity: (u64, u64),
    checkpointer: Checkpointer,
    /// Frames in the log after the last commit, told by SQLite.
    frames: Arc<AtomicI32>,
    /// What the file's version was when the memory below was true; others' writes change it.
    data_version: i64,
    /// The next job's number.
    next_no: i64,
    /// Rows of jobs that workers hold, as they are in the file: saves reading what was just written.
    held: HashMap<JobId, Job>,
    spaces: HashMap<SpaceNo, Space>,
    space_numbers: HashMap<SpaceId, SpaceNo>,
    /// Spaces whose counters have changed since `begin`.
    changed_spaces: Vec<SpaceNo>,
    timers: Timers,
    oldest_at: OldestAt,
    /// Where the next round of retention goes on.
    retained_up_to: SpaceNo,
    /// Set by a failed sync: see `StoreError::Stopped`.
    stopped: Option<String>,
    /// Something was written since `begin`.
    dirty: bool,
    /// Rows that retention has dropped.
    retained_rows: u64,
}

impl SqliteWriter {
    pub(super) fn start(
        file: &Path,
        mut connection: Connection,
        for_checkpoints: Connection,
    ) -> Result<SqliteWriter> {
        let identity = file_identity(file).map_err(|why| StoreError::Unavailable(why.to_string()))?;
        let frames = Arc::new(AtomicI32::new(0));
        let told = frames.clone();
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
                told.store(pages, Ordering::Relaxed);
                Ok(())
            }))
            .map_err(lift)?;
        let mut writer = SqliteWriter {
            connection,
            file: file.to_owned(),
            identity,
            checkpointer: Checkpointer::start(for_checkpoints)?,
            frames,
            data_version: 0,
            next_no: 1,
            held: HashMap::new(),
            spaces: HashMap::new(),
            space_numbers: HashMap::new(),
            changed_spaces: Vec::new(),
            timers: Timers::default(),
            oldest_at: OldestAt::new(),
            retained_up_to: 0,
            stopped: None,
            dirty: false,
            retained_rows: 0,
        };
        writer.reread().map_err(lift)?;
        writer.data_version = writer.file_version().map_err(lift)?;
        Ok(writer)
    }

    fn file_version(&self) -> rusqlite::Result<i64> {
        self.connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
    }

    /// Begins a transaction, and reads memory again where somebody else has written.
    fn begin_on_the_truth(&mut self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let version = self.file_version()?;
        if version != self.data_version {
            self.reread()?;
            self.data_version = version;
        }
        Ok(())
    }

    fn end_transaction(&mut self) {
        if !self.connection.is_autocommit() {
            // If even this fails, the next BEGIN does too, and says why.
            let _ = self.connection.prepare_cached("ROLLBACK").and_then(|mut rollback| rollback.execute([]));
        }
    }

    /// Whether the file under our name is still the one we write: otherwise every further 2xx would be a lie.
    fn check_file(&mut self) -> Result<()> {
        let found = file_identity(&self.file).ok();
        if found == Some(self.identity) {
            return Ok(());
        }
        let why = "the data folder was moved or removed under the server".to_owned();
        self.stopped = Some(why.clone());
        Err(StoreError::Stopped(why))
    }

    /// Throws away what memory knows and reads the truth.
    fn reread(&mut self) -> rusqlite::Result<()> {
        self.held.clear();
        self.spaces.clear();
        self.space_numbers.clear();
        self.changed_spaces.clear();
        self.oldest_at.clear();
        self.timers.rebuild(&self.connection)?;
        self.next_no =
            self.connection.query_row("SELECT coalesce(max(no), 0) + 1 FROM jobs", [], |row| row.get(0))?;
        Ok(())
    }

    fn load_one(&mut self, id: JobId) -> rusqlite::Result<Option<Job>> {
        if let Some(job) = self.held.get(&id) {
            return Ok(Some(job.clone()));
        }
        let Some(job) = jobs::by_id(&self.connection, id)? else { return Ok(None) };
        Ok(self.space_cached(job.space)?.is_some().then_some(job))
    }

    fn space_cached(&mut self, no: SpaceNo) -> rusqlite::Result<Option<&mut Space>> {
        if !self.spaces.contains_key(&no) {
            let Some(space) = spaces::by_no(&self.connection, no)? else { return Ok(None) };
            self.space_numbers.insert(space.id, no);
            self.spaces.insert(no, space);
        }
        Ok(self.spaces.get_mut(&no))
    }

    fn write_change(&mut self, now: Millis, change: &mut Change) -> rusqlite::Result<()> {
        let is_new = change.before.is_none();
        if is_new {
            change.job.no = self.next_no;
            self.next_no += 1;
        }
        self.number(now, change)?;
        if is_new {
            jobs::insert(&self.connection, change)?;
        } else {
            jobs::update(&self.connection, change)?;
        }
        if let Some(payload) = &change.payload {
            jobs::write_payload(&self.connection, &change.job, payload)?;
        }
        for event in &change.recorded {
            events::append(&self.connection, event)?;
        }
        callbacks::write(&self.connection, change)?;
        if !change.logs.is_empty() {
            let first = change.job.log_lines - change.logs.len() as i64 + 1;
            logs::append(&self.connection, change.job.no, first, &change.logs)?;
        }
        if change.erase {
            self.erase(&change.job)?;
        }
        let due = if change.erase { None } else { change.job.due_at() };
        self.timers.replace(change.job.id, change.due_before, due);
        self.remember(change);
        Ok(())
    }

    /// Gives the change's events the next numbers of their space, and counts the job where it now stands.
    fn number(&mut self, now: Millis, change: &mut Change) -> rusqlite::Result<()> {
        let no = change.job.space;
        let Some(space) = self.space_cached(no)? else { return Err(rusqlite::Error::QueryReturnedNoRows) };
        let at = now.max(space.last_at);
        change.recorded.clear();
        for event in &change.events {
            space.seq += 1;
            space.last_at = at;
            let prev = change.job.seq;
            change.job.note(event.kind, space.seq);
            change.recorded.push(Recorded {
                space: no,
                seq: space.seq,
                prev,
                at,
                job: change.job.no,
                job_id: change.job.id,
                job_name: change.job.spec.name.clone(),
                event: event.clone(),
            });
        }
        let after = (!change.erase).then_some(change.job.status);
        if change.before != after {
            if let Some(before) = change.before {
                space.counts[before as usize] -= 1;
            }
            if let Some(after) = after {
                space.counts[after as usize] += 1;
            }
        }
        if !self.changed_spaces.contains(&no) {
            self.changed_spaces.push(no);
        }
        Ok(())
    }

    fn remember(&mut self, change: &Change) {
        if change.job.status.is_held() && self.held.len() < HELD_ROWS {
            self.held.insert(change.job.id, change.job.clone());
        } else {
            self.held.remove(&change.job.id);
        }
    }

    /// Leaves of a job only the numbered shells of its events.
    fn erase(&mut self, job: &Job) -> rusqlite::Result<()> {
        contents::forget(&self.connection, job.no)?;
        let mut statement = self
            .connection
            .prepare_cached("UPDATE events SET data = 'null' WHERE key = ?1 AND data IS NOT NULL")?;
        let mut failed = None;
        events::walk_back(&self.connection, &job.into(), |seq| {
            failed = statement.execute([event_key(job.space, seq)]).err();
            failed.is_none()
        })?;
        if let Some(why) = failed {
            return Err(why);
        }
        self.connection
            .prepare_cached(&format!(
                "UPDATE jobs SET status = {SHELL}, tags = NULL, idempotency_key = NULL, traceparent = NULL, \
                 worker_id = NULL, callback_url = NULL, callback_headers = NULL WHERE no = ?1"
            ))?
            .execute([job.no])?;
        Ok(())
    }

    /// Answers how many rows it looked at.
    fn retain_some(&mut self, now: Millis, limit: usize) -> rusqlite::Result<usize> {
        let mut done = retain::expired(&self.connection, now, limit)?;
        done += retain::deleted_spaces(&self.connection, limit)?;
        let order: Vec<SpaceNo> = {
            let mut statement = self
                .connection
                .prepare_cached("SELECT no FROM spaces WHERE deleted = 0 ORDER BY no <= ?1, no")?;
            statement.query_map([self.retained_up_to], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?
        };
        for no in order {
            if done >= limit {
                break;
            }
            self.retained_up_to = no;
            if self.space_cached(no)?.is_none() {
                continue;
            }
            let Some(space) = self.spaces.get_mut(&no) else { continue };
            let dropped =
                retain::space_events(&self.connection, space, &mut self.oldest_at, now, limit - done)?;
            if dropped > 0 && !self.changed_spaces.contains(&no) {
                self.changed_spaces.push(no);
            }
            done += dropped;
        }
        Ok(done)
    }

    fn write_counters(&mut self) -> rusqlite::Result<()> {
        for no in self.changed_spaces.drain(..) {
            if let Some(space) = self.spaces.get(&no) {
                spaces::update_counters(&self.connection, space)?;
            }
        }
        Ok(())
    }
}

impl Writer for SqliteWriter {
    fn begin(&mut self) -> Result<()> {
        if let Some(why) = &self.stopped {
            return Err(StoreError::Stopped(why.clone()));
        }
        let frames = self.frames.load(Ordering::Relaxed);
        self.checkpointer.between_batches(&self.connection, frames);
        if let Some(why) = self.checkpointer.failed_sync() {
            self.stopped = Some(why.clone());
            return Err(StoreError::Stopped(why.clone()));
        }
        self.dirty = false;
        self.begin_on_the_truth().map_err(|why| {
            // Nothing may stay open: the next `begin` is to start afresh.
            self.end_transaction();
            self.data_version = UNKNOWN_VERSION;
            lift(why)
        })
    }

    fn commit(&mut self, _: &mut [Change]) -> Result<()> {
        if !self.dirty && self.changed_spaces.is_empty() {
            self.rollback();
            return Ok(());
        }
        self.dirty = true;
        if let Err(why) = self.write_counters() {
            self.rollback();
            return Err(lift(why));
        }
        let committed = self.connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if let Err(why) = committed {
            let why = lift_commit(why);
            if let StoreError::Stopped(reason) = &why {
                self.stopped = Some(reason.clone());
            }
            self.rollback();
            return Err(why);
        }
        Ok(())
    }

    fn rollback(&mut self) {
        self.end_transaction();
        if self.dirty && self.reread().is_err() {
            // Memory may be wrong now: make the next `begin` read again.
            self.data_version = UNKNOWN_VERSION;
        }
        self.dirty = false;
    }

    fn space(&mut self, id: SpaceId) -> Result<Option<Space>> {
        if let Some(no) = self.space_numbers.get(&id) {
            return Ok(self.spaces.get(no).cloned());
        }
        match spaces::by_id(&self.connection, id).map_err(lift)? {
            Some(space) => self.space_numbered(space.no),
            None => Ok(None),
        }
    }

    fn space_numbered(&mut self, no: SpaceNo) -> Result<Option<Space>> {
        Ok(self.space_cached(no).map_err(lift)?.map(|space| space.clone()))
    }

    fn load(&mut self, ids: &[JobId]) -> Result<Vec<Option<Job>>> {
        ids.iter().map(|id| self.load_one(*id).map_err(lift)).collect()
    }

    fn claimable(&mut self, space: SpaceNo, names: &[Arc<str>], limit: usize, _: usize) -> Result<Vec<Job>> {
        claim::claimable(&self.connection, space, names, limit).map_err(lift)
    }

    fn due(&mut self, now: Millis, limit: usize) -> Result<Vec<Job>> {
        let mut found = Vec::new();
        for (due, id) in self.timers.due(now, limit) {
            match self.load_one(id).map_err(lift)? {
                Some(job) => found.push(job),
                // Its space is gone.
                None => self.timers.replace(id, Some(due), None),
            }
        }
        Ok(found)
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
        keys.iter()
            .map(|key| keys::remembered(&self.connection, space, key, not_before).map_err(lift))
            .collect()
    }

    fn matching(&mut self, space: SpaceNo, which: &Matching, limit: usize) -> Result<Vec<Job>> {
        claim::matching(&self.connection, space, which, limit).map_err(lift)
    }

    fn contents(&mut self, jobs: &[Job], bytes: usize) -> Result<Vec<Contents>> {
        let mut found: Vec<Contents> = Vec::with_capacity(jobs.len());
        let mut read = 0;
        for job in jobs {
            if read > bytes {
                break;
            }
            let contents = contents::contents(&self.connection, job).map_err(lift)?;
            read += contents.bytes();
            found.push(contents);
        }
        Ok(found)
    }

    fn write(&mut self, now: Millis, changes: &mut [Change]) -> Result<()> {
        self.dirty |= !changes.is_empty();
        changes.iter_mut().try_for_each(|change| self.write_change(now, change)).map_err(lift)
    }

    fn insert_space(&mut self, space: &Space) -> Result<Space> {
        self.dirty = true;
        let no = spaces::insert(&self.connection, space).map_err(lift)?;
        self.space_numbered(no)?.ok_or_else(|| StoreError::Unavailable("the new space is not there".into()))
    }

    fn update_space(&mut self, space: &Space) -> Result<()> {
        self.dirty = true;
        spaces::update_settings(&self.connection, space).map_err(lift)?;
        // The counters in memory may be ahead of the row's; only the settings are new.
        if let Some(cached) = self.space_cached(space.no).map_err(lift)? {
            cached.name = space.name.clone();
            cached.paused = space.paused;
            cached.retention_days = space.retention_days;
            cached.max_pending = space.max_pending;
            cached.max_deliveries = space.max_deliveries;
            cached.outbound = space.outbound.clone();
        }
        self.oldest_at.remove(&space.no);
        Ok(())
    }

    fn delete_space(&mut self, no: SpaceNo) -> Result<()> {
        self.dirty = true;
        self.connection
            .prepare_cached("UPDATE spaces SET deleted = 1 WHERE no = ?1")
            .and_then(|mut statement| statement.execute([no]))
            .map_err(lift)?;
        if let Some(space) = self.spaces.remove(&no) {
            self.space_numbers.remove(&space.id);
        }
        self.changed_spaces.retain(|changed| *changed != no);
        self.held.retain(|_, job| job.space != no);
        Ok(())
    }

    fn insert_token(&mut self, token: &Token) -> Result<()> {
        self.dirty = true;
        tokens::insert(&self.connection, token).map_err(lift)
    }

    fn token(&mut self, space: Option<SpaceNo>, id: TokenId) -> Result<Option<Token>> {
        tokens::by_id(&self.connection, space, id).map_err(lift)
    }

    fn token_by_hash(&mut self, hash: &[u8; 32]) -> Result<Option<Token>> {
        tokens::by_hash(&self.connection, hash).map_err(lift)
    }

    fn has_admin_token(&mut self, now: Millis) -> Result<bool> {
        tokens::has_admin(&self.connection, now).map_err(lift)
    }

    fn is_new(&mut self) -> Result<bool> {
        // SQLite remembers here the highest number a table has ever given.
        self.connection
            .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'spaces')", [], |row| {
                row.get(0)
            })
            .map_err(lift)
    }

    fn update_token(&mut self, token: &Token) -> Result<()> {
        self.dirty = true;
        tokens::update(&self.connection, token).map_err(lift)
    }

    fn delete_token(&mut self, id: TokenId) -> Result<()> {
        self.dirty = true;
        tokens::delete(&self.connection, id).map_err(lift)
    }

    fn touch_tokens(&mut self, used: &[(TokenId, Millis)]) -> Result<()> {
        self.dirty = true;
        tokens::touch(&self.connection, used).map_err(lift)
    }

    fn retain(&mut self, now: Millis, limit: usize) -> Result<bool> {
        self.check_file()?;
        // Set before: a failure half way must make memory be read again.
        let was_dirty = std::mem::replace(&mut self.dirty, true);
        let done = self.retain_some(now, limit).map_err(lift)?;
        self.dirty = was_dirty || done > 0;
        self.retained_rows += done as u64;
        Ok(done >= limit)
    }

    fn probe(&mut self) -> Result<()> {
        self.dirty = true;
        let version: i64 =
            self.connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(lift)?;
        self.connection.pragma_update(None, "user_version", version).map_err(lift)
    }

    fn figures(&mut self) -> Figures {
        let checkpoints = self.checkpointer.counts();
        let size = |file: &Path| std::fs::metadata(file).map_or(0, |found| found.len());
        Figures {
            retained_rows: self.retained_rows,
            checkpoints: checkpoints.done.load(Ordering::Relaxed),
            checkpoints_failed: checkpoints.failed.load(Ordering::Relaxed),
            file_bytes: size(&self.file),
            log_bytes: size(&self.file.with_extension("db-wal")),
        }
    }
}

/// What tells one file from another under the same name: device and inode.
fn file_identity(file: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(file).map(|found| (found.dev(), found.ino()))
}
