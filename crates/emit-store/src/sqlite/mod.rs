//! The embedded store: one SQLite file that users can open, copy and replicate with tools they know.
//!
//! One writer connection on the engine's thread, several read-only ones for people and streams, one more that
//! checkpoints. `synchronous=FULL` in WAL mode: a commit is on disk when it returns.

mod backup;
mod callbacks;
mod checkpoint;
mod claim;
mod contents;
pub mod doctor;
mod events;
mod jobs;
mod keys;
mod lists;
mod logs;
mod open;
mod reader;
mod retain;
mod rows;
mod source;
mod spaces;
mod timers;
mod tokens;
mod writer;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{ErrorCode, ffi};

use crate::landmarks::Landmarks;
use crate::{Reader, Result, Store, StoreError, Writer};

pub use backup::{backup, restore};
pub use open::OpenError;
use open::{FILE, connect, create_file, create_folder, failed, lock, migrate, unreadable};
pub(crate) use source::Source;

/// An embedded store on a folder. Holds the folder's lock as long as it lives.
pub struct SqliteStore {
    file: PathBuf,
    /// Of the readers.
    landmarks: Arc<Landmarks>,
    _lock: File,
}

impl SqliteStore {
    /// Opens or makes the store in a folder, which only this process may serve.
    ///
    /// # Errors
    /// Where another process serves it, or a newer version wrote it, or it cannot be read or written.
    pub fn open(folder: &Path) -> std::result::Result<SqliteStore, OpenError> {
        create_folder(folder)?;
        let lock = lock(folder)?;
        let store = SqliteStore { file: folder.join(FILE), landmarks: Arc::default(), _lock: lock };
        drop(create_file(&store.file)?);
        let connection = connect(&store.file, false).map_err(unreadable)?;
        migrate(&connection)?;
        // The directory entry of a new file has to reach the disk too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|why| failed("no sync", &why))?;
        Ok(store)
    }

    /// The same, where there must be one.
    ///
    /// # Errors
    /// As `open`, and where there is none.
    pub fn open_existing(folder: &Path) -> std::result::Result<SqliteStore, OpenError> {
        if !folder.join(FILE).exists() {
            return Err(OpenError::Missing(folder.to_owned()));
        }
        SqliteStore::open(folder)
    }
}

impl Store for SqliteStore {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(writer::SqliteWriter::start(
            &self.file,
            connect(&self.file, false).map_err(lift)?,
            connect(&self.file, false).map_err(lift)?,
        )?))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        let connection = connect(&self.file, true).map_err(lift)?;
        Ok(Box::new(reader::SqliteReader { connection, landmarks: self.landmarks.clone() }))
    }
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
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full(error.to_string()),
        // It may leave the commit on disk, and SQLite would gladly go on after it.
        _ if is_failed_sync(&error) => StoreError::Stopped(error.to_string()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::Unavailable(error.to_string())
        }
        // A failed write (a quota, say): its frames are overwritten by the next commit.
        _ => StoreError::Unknown(error.to_string()),
    }
}

/// Whether the disk refused to say that something has reached it.
fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map_or(0, |error| error.extended_code);
    matches!(code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
}

/// The key of an event: see the schema.
fn event_key(space: i64, seq: i64) -> i64 {
    (space << 40) | seq
}

/// The `seq` of an event's key.
fn seq_of(key: i64) -> i64 {
    key & ((1 << 40) - 1)
}
