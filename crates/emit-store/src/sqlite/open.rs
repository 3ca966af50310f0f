//! From a data folder to a connection: the folder's lock, the file's format, and how a connection is set up.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

/// The store's file within its folder.
pub(super) const FILE: &str = "emit.db";
/// Append-only: what has been released is never edited.
pub(super) const MIGRATIONS: [&str; 3] = [
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_outbound.sql"),
    include_str!("../migrations/0003_rounds.sql"),
];
/// "EmIt" in the file's header, so that `file` and we can tell what it is.
const APPLICATION_ID: i32 = 0x456d_4974;
/// Statements one connection keeps prepared: more than there are.
const STATEMENTS: usize = 160;

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
    /// There is no store.
    Missing(PathBuf),
    /// There is one already.
    Exists(PathBuf),
    /// The file is not one of Emit's.
    Foreign,
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
            OpenError::Missing(folder) => {
                write!(f, "there is no store in {}; `emit serve` makes one", folder.display())
            }
            OpenError::Exists(folder) => {
                write!(f, "there is a store in {} already; move it away first", folder.display())
            }
            OpenError::Foreign => write!(f, "the file is no store of Emit"),
            OpenError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

pub(super) fn failed(what: &str, why: &dyn std::fmt::Display) -> OpenError {
    OpenError::Failed(format!("{what}: {why}"))
}

/// Why a file cannot be read as a store.
pub(super) fn unreadable(why: rusqlite::Error) -> OpenError {
    match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign,
        _ => failed("the store cannot be read", &why),
    }
}

/// Makes the folder if it is not there, for its owner alone: it will hold everybody's payloads.
pub(super) fn create_folder(folder: &Path) -> Result<(), OpenError> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|why| failed("the data folder cannot be made", &why))
}

/// Opens a file of the store, or makes it for its owner alone; SQLite gives the files beside it the same mode.
pub(super) fn create_file(file: &Path) -> Result<File, OpenError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
        .map_err(|why| failed("the data folder cannot be written", &why))
}

/// Takes the folder for this process, until the file is dropped.
pub(super) fn lock(folder: &Path) -> Result<File, OpenError> {
    let lock = File::create(folder.join("emit.lock")).map_err(|why| failed("no lock file", &why))?;
    lock.try_lock().map_err(|why| match why {
        std::fs::TryLockError::WouldBlock => OpenError::Locked,
        std::fs::TryLockError::Error(why) => failed("the lock file cannot be locked", &why),
    })?;
    Ok(lock)
}

pub(super) fn connect(file: &Path, read_only: bool) -> rusqlite::Result<Connection> {
    let mode = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE
    };
    let connection = Connection::open_with_flags(file, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    // Otherwise a bound LIMIT makes SQLite plan the statement anew each time it runs.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if !read_only {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
        // What is erased or purged is gone from the file's bytes too. Measured on a purge in batches: no cost beyond
        // noise, for whole pages are freed, and written anyway.
        connection.pragma_update(None, "secure_delete", true)?;
    }
    // KiB. Small: the system's page cache holds the file once for all connections.
    connection.pragma_update(None, "cache_size", if read_only { -4_096 } else { -16_384 })?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    Ok(connection)
}

/// Brings the file to the present format; only ever forward.
pub(super) fn migrate(connection: &Connection) -> Result<(), OpenError> {
    let failed =
        |why: rusqlite::Error| OpenError::Failed(format!("the store cannot be brought up to date: {why}"));
    let is_empty: bool = connection
        .query_row("SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))
        .map_err(unreadable)?;
    // Somebody else's tables are not ours to add to.
    let found = if is_empty { 0 } else { format_of(connection)? };
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

/// The format's number of a file that is one of Emit's.
pub(super) fn format_of(connection: &Connection) -> Result<usize, OpenError> {
    let application: i32 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(unreadable)?;
    if application == APPLICATION_ID { version_of(connection) } else { Err(OpenError::Foreign) }
}

fn version_of(connection: &Connection) -> Result<usize, OpenError> {
    let found: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(unreadable)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    let known = MIGRATIONS.len();
    if found > known { Err(OpenError::Newer { found, known }) } else { Ok(found) }
}
