//! Moving the write-ahead log into the file, beside the writer.
//!
//! A second connection copies at its leisure; then the writer runs one short pass between two batches, so that
//! its next commit starts the log anew. (The second connection alone never gets the log reset, and the writer alone
//! would hold up a batch for the whole copy.)

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};

use rusqlite::{Connection, Result};

use crate::StoreError;

/// Frames in the log (4 KiB each) from which on it is copied: 16 MB.
const FRAMES: i32 = 4_000;

pub(super) struct Checkpointer {
    wake: SyncSender<()>,
    copied: Arc<AtomicBool>,
    under_way: bool,
}

impl Checkpointer {
    /// Gives that connection a thread, which ends with the checkpointer.
    pub(super) fn start(connection: Connection) -> std::result::Result<Checkpointer, StoreError> {
        let (wake, woken) = sync_channel::<()>(1);
        let copied = Arc::new(AtomicBool::new(false));
        let done = copied.clone();
        std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                while woken.recv().is_ok() {
                    // A failure shows in the writer's own pass; the log stays valid and is tried again.
                    let _ = passive(&connection);
                    done.store(true, Ordering::Release);
                }
            })
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        Ok(Checkpointer { wake, copied, under_way: false })
    }

    /// Between two batches of the writer, whose last commit left that many frames in the log.
    pub(super) fn between_batches(&mut self, writer: &Connection, frames: i32) -> Result<()> {
        if self.under_way && self.copied.swap(false, Ordering::Acquire) {
            self.under_way = false;
            return passive(writer);
        }
        if !self.under_way && frames >= FRAMES {
            self.under_way = self.wake.try_send(()).is_ok();
        }
        Ok(())
    }
}

fn passive(connection: &Connection) -> Result<()> {
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], |_| Ok(()))
}
