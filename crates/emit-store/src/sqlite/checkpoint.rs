//! Moving the write-ahead log into the file, beside the writer.
//!
//! A second connection copies at its leisure; then the writer runs one short pass between two batches, so that
//! its next commit starts the log anew. (The second connection alone never gets the log reset, and the writer alone
//! would hold up a batch for the whole copy.)

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};

use rusqlite::{Connection, Error, Result};

use super::is_failed_sync;
use crate::StoreError;

/// Frames in the log (4 KiB each) from which on it is copied: 16 MB.
const FRAMES: i32 = 4_000;

pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    copied: Arc<AtomicBool>,
    under_way: bool,
    counts: Arc<Counts>,
    failed_sync: Arc<OnceLock<String>>,
}

/// What has become of checkpoints.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) done: AtomicU64,
    pub(super) failed: AtomicU64,
}

impl Counts {
    fn note(&self, passed: &Result<bool>) {
        let count = if matches!(passed, Ok(true)) { &self.done } else { &self.failed };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Checkpointer {
    /// Gives that connection a thread, which ends with the checkpointer.
    pub(super) fn start(connection: Connection) -> std::result::Result<Checkpointer, StoreError> {
        let (wake, woken) = sync_channel::<()>(1);
        let copied = Arc::new(AtomicBool::new(false));
        let done = copied.clone();
        let counts = Arc::new(Counts::default());
        let told = counts.clone();
        let failed_sync = Arc::new(OnceLock::new());
        let found = failed_sync.clone();
        std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // The log stays valid and is tried again, unless it was a sync that failed.
                    if let Err(why) = passive(&connection) {
                        told.failed.fetch_add(1, Ordering::Relaxed);
                        note_failed_sync(&found, &why);
                    }
                    done.store(true, Ordering::Release);
                }
            })
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok(Checkpointer { wake, copied, under_way: false, counts, failed_sync })
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Why a sync has failed, if one has: what the system holds of the file may never reach the disk.
    pub(super) fn failed_sync(&self) -> Option<&String> {
        self.failed_sync.get()
    }

    /// Between two batches of the writer, whose last commit left that many frames in the log. Another failure than
    /// a sync's loses nothing: a full disk shows in the next commit.
    pub(super) fn between_batches(&mut self, writer: &Connection, frames: i32) {
        if self.under_way && self.copied.swap(false, Ordering::Acquire) {
            self.under_way = false;
            let passed = passive(writer);
            self.counts.note(&passed);
            passed.inspect_err(|why| note_failed_sync(&self.failed_sync, why)).ok();
        }
        if !self.under_way && frames >= FRAMES {
            self.under_way = self.wake.try_send(()).is_ok();
        }
    }
}

fn note_failed_sync(found: &OnceLock<String>, why: &Error) {
    if is_failed_sync(why) {
        let _ = found.set(why.to_string());
    }
}

/// One pass; whether all of the log is in the file now. A reader that looks at an old moment holds some of it back.
fn passive(connection: &Connection) -> Result<bool> {
    connection
        .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
        .query_row([], |row| Ok(row.get::<_, i64>(0)? == 0 && row.get::<_, i64>(1)? == row.get::<_, i64>(2)?))
}
