//! Reads for people and streams: a few read connections, off the threads that serve sockets.

use std::sync::{Arc, Mutex};

use emit_core::Refusal;
use emit_store::{Reader, Store};
use tokio::sync::Semaphore;

/// Read connections: more than there are cores would only wait for each other.
const READERS: usize = 4;

/// The way to the readers: cheap to clone.
#[derive(Clone)]
pub struct Reads {
    pool: Arc<Pool>,
}

struct Pool {
    store: Arc<dyn Store>,
    /// As many as `free` lets in, minus those in use. Locked for a push or a pop only.
    idle: Mutex<Vec<Box<dyn Reader>>>,
    free: Semaphore,
}

impl Reads {
    /// Opens a first reader, to see that it works.
    pub fn open(store: Arc<dyn Store>) -> emit_store::Result<Reads> {
        let idle = Mutex::new(vec![store.reader()?]);
        Ok(Reads { pool: Arc::new(Pool { store, idle, free: Semaphore::new(READERS) }) })
    }

    /// Runs a read on a thread where it may block.
    pub async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut dyn Reader) -> emit_store::Result<T> + Send + 'static,
    ) -> Result<T, Refusal> {
        let pool = self.pool.clone();
        // The permit waits here, so that no blocking thread does.
        let _permit = self.pool.free.acquire().await.map_err(|_| Refusal::StoreUnavailable)?;
        let done = tokio::task::spawn_blocking(move || {
            let mut reader = match pool.take() {
                Some(reader) => reader,
                None => pool.store.reader()?,
            };
            let found = read(&mut *reader);
            pool.give_back(reader);
            found
        });
        match done.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                tracing::error!(%error, "the store could not be read");
                Err(Refusal::StoreUnavailable)
            }
            Err(_) => Err(Refusal::StoreUnavailable),
        }
    }
}

impl Pool {
    fn take(&self) -> Option<Box<dyn Reader>> {
        self.idle.lock().ok()?.pop()
    }

    fn give_back(&self, reader: Box<dyn Reader>) {
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(reader);
        }
    }
}
