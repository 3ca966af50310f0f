//! The embedded store: one SQLite file that users can open, copy and replicate with tools they know.
//!
//! One writer connection on the engine's thread, several read-only ones for people and streams, one more that
//! checkpoints. `synchronous=FULL` in WAL mode: a commit is on disk when it returns.

mod checkpoint;
mod claim;
mod contents;
mod events;
mod jobs;
mod lists;
mod logs;
mod reader;
mod retain;
mod rows;
mod spaces;
mod timers;
mod tokens;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};

use crate::{Reader, Result, Store, StoreError, Writer};

/// Append-only: what has been released is never edited.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_start.sql")];
/// "EmIt" in the file's header, so that `file` and we can tell what it is.
const APPLICATION_ID: i32 = 0x456d_4974;
/// Statements one connection keeps prepared: more than there are.
const STATEMENTS: usize = 160;

/// An embedded store on a folder. Holds the folder's lock as long as it lives.
pub struct SqliteStore {
    file: PathBuf,
    _lock: File,
}

/// Why a folder could not be opened.
#[derive(Debug)]
pub enum OpenError {
    /// Another process serves it.
    Locked,
    /// A newer version wrote it.
    Newer {
        /// Its format.
        found: usize,
        /// The newest format this version knows.
        known: usize,
    },
    /// Something else.
    Failed(String),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Locked => write!(f, "another emit serves this data folder"),
            OpenError::Newer { found, known } => {
                write!(
                    f,
                    "the data folder has format {found}, written by a newer emit; this one knows {known}"
                )
            }
            OpenError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

impl SqliteStore {
    /// Opens or makes the store in a folder, which only this process may serve.
    pub fn open(folder: &Path) -> std::result::Result<SqliteStore, OpenError> {
        let failed = |what: &str, why: &dyn std::fmt::Display| OpenError::Failed(format!("{what}: {why}"));
        std::fs::create_dir_all(folder).map_err(|why| failed("the data folder cannot be made", &why))?;
        let lock = File::create(folder.join("emit.lock")).map_err(|why| failed("no lock file", &why))?;
        lock.try_lock().map_err(|why| match why {
            std::fs::TryLockError::WouldBlock => OpenError::Locked,
            std::fs::TryLockError::Error(why) => failed("the lock file cannot be locked", &why),
        })?;
        let store = SqliteStore { file: folder.join("emit.db"), _lock: lock };
        let connection = store.connect(false).map_err(|why| failed("the store cannot be opened", &why))?;
        migrate(&connection)?;
        // The directory entry of a new file has to reach the disk too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| failed("no sync", &why))?;
        Ok(store)
    }

    fn connect(&self, read_only: bool) -> rusqlite::Result<Connection> {
        let mode = if read_only {
            OpenFlags::SQLITE_OPEN_READ_ONLY
        } else {
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
        };
        let connection = Connection::open_with_flags(&self.file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.busy_timeout(std::time::Duration::from_secs(5))?;
        // Otherwise a bound LIMIT makes SQLite plan the statement anew each time it runs.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        if !read_only {
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "FULL")?;
            connection.pragma_update(None, "wal_autocheckpoint", 0)?;
            connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        }
        // KiB. Small: the system's page cache holds the file once for all connections.
        connection.pragma_update(None, "cache_size", if read_only { -4_096 } else { -16_384 })?;
        connection.pragma_update(None, "temp_store", "MEMORY")?;
        Ok(connection)
    }
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(writer::SqliteWriter::start(
            &self.file,
            self.connect(false).map_err(lift)?,
            self.connect(false).map_err(lift)?,
        )?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(reader::SqliteReader { connection: self.connect(true).map_err(lift)? }))
    }
}

/// Brings the file to the present format; only ever forward.
fn migrate(connection: &Connection) -> std::result::Result<(), OpenError> {
    let failed =
        |why: rusqlite::Error| OpenError::Failed(format!("the store cannot be brought up to date: {why}"));
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if found > MIGRATIONS.len() {
        return Err(OpenError::Newer { found, known: MIGRATIONS.len() });
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(found) {
        let version = done + 1;
        connection
            .execute_batch(&format!(
                "BEGIN IMMEDIATE; {migration} PRAGMA application_id = {APPLICATION_ID}; \
                 PRAGMA user_version = {version}; COMMIT;"
            ))
            .map_err(failed)?;
    }
    Ok(())
}

/// A failure of a statement, before the commit: what it wrote is rolled back for certain.
fn lift(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        _ => StoreError::Unavailable(error.to_string()),
    }
}

/// A failure of the commit itself.
fn lift_commit(error: rusqlite::Error) -> StoreError {
    let extended = error.sqlite_error().map_or(0, |error| error.extended_code);
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        // A failed sync may leave the commit on disk, and SQLite would gladly go on after it.
        Some(ErrorCode::SystemIoFailure)
            if matches!(extended, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) =>
        {
            StoreError::Stopped(error.to_string())
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable(error.to_string())
        }
        // A failed write (a quota, say): its frames are overwritten by the next commit.
        _ => StoreError::Unknown(error.to_string()),
    }
}

/// The key of an event: see the schema.
fn event_key(space: i64, seq: i64) -> i64 {
    (space << 40) | seq
}

/// The `seq` of an event's key.
fn seq_of(key: i64) -> i64 {
    key & ((1 << 40) - 1)
}
