//! The shared store: many equal nodes on one PostgreSQL.
//!
//! The same tables and the same files as the embedded store's. What differs: a space's numbers are given in the
//! statement that writes, under the lock of the space's row; rows of jobs are locked by whoever changes them; and
//! everything that need not be waited for travels together, so that a batch costs two or three round trips.
//!
//! Locks are taken in one order, so that no two nodes wait for each other: rows of named jobs by id, idempotency
//! keys by hash, rows of spaces by number. What is claimed or due is skipped where somebody else has it.

mod callbacks;
mod claim;
mod connect;
mod contents;
mod events;
mod flush;
mod hints;
mod jobs;
mod keys;
mod link;
mod lists;
mod logs;
pub mod migrations;
mod pending;
mod reader;
mod retain;
mod rows;
mod session;
mod spaces;
mod timers;
mod tokens;
mod vessel;
mod writer;

use std::sync::Arc;

use connect::Address;
pub use connect::Target;
use rows::Uuid;
use session::Session;
pub(crate) use vessel::Vessel;

use crate::landmarks::Landmarks;
use crate::neighbours::Neighbours;
use crate::{Reader, Result, Store, StoreError, Writer};

/// The advisory lock under which a first start makes what it makes.
const FIRST_START_LOCK: i64 = migrations::LOCK + 1;

/// A shared store, reached through any number of connections.
pub struct PostgresStore {
    address: Address,
    lanes: usize,
    /// This process among those on the database.
    node: Uuid,
    /// Of the readers.
    landmarks: Arc<Landmarks>,
}

/// Why a database could not be used.
#[derive(Debug)]
pub enum OpenError {
    /// A newer version wrote it.
    Newer {
        /// Its format.
        found: i64,
        /// The newest format this version knows.
        known: usize,
    },
    /// The URL cannot be read.
    Address(String),
    /// Between us and the database stands somebody who gives every transaction another session.
    Pooled,
    /// Something else.
    Failed(String),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Newer { found, known } => {
                write!(f, "the database has format {found}, written by a newer emit; this one knows {known}")
            }
            OpenError::Address(why) => write!(f, "the store's URL cannot be read: {why}"),
            OpenError::Pooled => f.write_str(
                "a pooler that shares sessions stands before the database (pgbouncer with pool_mode = transaction or \
                 statement); connect to the database itself, or through a pool with pool_mode = session",
            ),
            OpenError::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> OpenError {
        OpenError::Failed(error.to_string())
    }
}

impl PostgresStore {
    /// Opens a database, and brings its tables up to date. `lanes`: how many writers there will be.
    pub fn open(target: &Target, lanes: usize) -> std::result::Result<PostgresStore, OpenError> {
        let address = Address::read(target).map_err(OpenError::Address)?;
        let session = Session::connect(&address)?;
        migrations::refuse_poolers(&address, &session)?;
        migrations::apply(&session)?;
        let node = fresh_uuid(&session).map_err(StoreError::from)?;
        Ok(PostgresStore { address, lanes: lanes.max(1), node, landmarks: Arc::default() })
    }
}

/// A name for a node or a lane. The database draws it: the store has no randomness of its own.
fn fresh_uuid(session: &Session) -> session::Outcome<Uuid> {
    match session.row("SELECT gen_random_uuid()", &[])? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(session::Trouble::Lost("the database gave no id".into())),
    }
}

impl Store for PostgresStore {
    fn writer(&self) -> Result<Box<dyn Writer>> {
        Ok(Box::new(writer::PostgresWriter::start(self.address.clone(), 0, 1)?))
    }

    fn writers(&self) -> Result<Vec<Box<dyn Writer>>> {
        (0..self.lanes)
            .map(|lane| {
                let writer = writer::PostgresWriter::start(self.address.clone(), lane, self.lanes)?;
                Ok(Box::new(writer) as Box<dyn Writer>)
            })
            .collect()
    }

    fn neighbours(&self) -> Result<Option<Neighbours>> {
        Ok(Some(Neighbours {
            speaker: Box::new(hints::PostgresSpeaker::new(self.address.clone(), self.node)),
            listener: Box::new(hints::PostgresListener::new(self.address.clone(), self.node)),
        }))
    }

    fn reader(&self) -> Result<Box<dyn Reader>> {
        Ok(Box::new(reader::PostgresReader::start(self.address.clone(), self.node, self.landmarks.clone())?))
    }
}

/// The key of an event: see the schema.
fn event_key(space: i64, seq: i64) -> i64 {
    (space << 40) | seq
}

/// A number of bytes as a parameter.
fn as_number(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The `seq` of an event's key.
fn seq_of(key: i64) -> i64 {
    key & ((1 << 40) - 1)
}
