//! One connection and the thread that waits for it: queries block, and what need not be waited for one by one goes
//! out together.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, CopyInSink, Row, Statement};

use super::connect::{Address, Notices};
use crate::{Result, StoreError};

/// No statement of ours takes as long on a database that lives: a connection that keeps silent is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// A column of parameters, or a single one.
pub(super) type Param<'a> = Box<dyn ToSql + Sync + Send + 'a>;

/// A statement with its parameters, to be sent with others.
pub(super) struct Step<'a> {
    pub(super) sql: &'a str,
    pub(super) params: Vec<Param<'a>>,
}

/// Why a statement did not go through.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The database refused it; the connection is as good as before.
    Refused(tokio_postgres::Error),
    /// The connection is gone, or the database on it.
    Lost(String),
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> StoreError {
        match trouble {
            Trouble::Refused(why) if why.code() == Some(&SqlState::DISK_FULL) => {
                StoreError::Full(sentence(&why))
            }
            Trouble::Refused(why) => StoreError::Unavailable(sentence(&why)),
            Trouble::Lost(why) => StoreError::Unavailable(why),
        }
    }
}

/// A column that cannot be read.
impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Trouble {
        trouble(error)
    }
}

pub(super) type Outcome<T> = std::result::Result<T, Trouble>;

/// The driver's own words say "db error"; what the database said stands behind them.
pub(super) fn sentence(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(told) => format!("{} ({})", told.message(), told.code().code()),
        None => match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        },
    }
}

/// The connection or the whole database is going away (classes 08 and 57P), or is the primary no more.
fn is_lost(error: &tokio_postgres::Error) -> bool {
    let code = error.code().map(SqlState::code);
    let going = code.is_some_and(|code| {
        code.starts_with("08")
            || code.starts_with("57P")
            || code == SqlState::READ_ONLY_SQL_TRANSACTION.code()
    });
    // Without a code: a broken socket, or a value of ours that did not fit its parameter or column.
    let broken = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
    going || error.is_closed() || broken
}

fn trouble(error: tokio_postgres::Error) -> Trouble {
    if is_lost(&error) { Trouble::Lost(sentence(&error)) } else { Trouble::Refused(error) }
}

fn params<'a>(step: &'a Step<'_>) -> Vec<&'a (dyn ToSql + Sync)> {
    step.params.iter().map(|param| &**param as &(dyn ToSql + Sync)).collect()
}

pub(super) struct Session {
    /// Taken out only when the session is dropped.
    runtime: Option<Runtime>,
    client: Client,
    /// How long an answer may take.
    patience: Duration,
    /// By their text: as many as there are texts in this room.
    statements: RefCell<HashMap<String, Statement>>,
    /// A transaction is to begin with the next statement.
    opening: Cell<Option<&'static str>>,
    /// A transaction is under way.
    open: Cell<bool>,
    /// The connection is of no use any more.
    lost: Cell<bool>,
    /// The notices that have arrived.
    heard: Option<RefCell<UnboundedReceiver<String>>>,
}

impl Session {
    /// Connects, waiting for it.
    pub(super) fn connect(address: &Address) -> Result<Session> {
        Session::open(address, None)
    }

    /// The same for a connection on which notices are awaited.
    pub(super) fn connect_listening(address: &Address) -> Result<Session> {
        let (notices, heard) = unbounded_channel();
        let mut session = Session::open(address, Some(notices))?;
        session.heard = Some(RefCell::new(heard));
        Ok(session)
    }

    fn open(address: &Address, notices: Option<Notices>) -> Result<Session> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|why| StoreError::Unavailable(why.to_string()))?;
        let client = match runtime.block_on(address.connect(notices)) {
            Ok((client, connection)) => {
                runtime.spawn(connection);
                client
            }
            Err(why) => {
                runtime.shutdown_background();
                return Err(why);
            }
        };
        Ok(Session {
            runtime: Some(runtime),
            client,
            patience: PATIENCE,
            statements: RefCell::default(),
            opening: Cell::new(None),
            open: Cell::new(false),
            lost: Cell::new(false),
            heard: None,
        })
    }

    /// The same, again and again for that long.
    pub(super) fn connect_within(address: &Address, patience: Duration) -> Result<Session> {
        let until = Instant::now() + patience;
        loop {
            match Session::connect(address) {
                Err(_) if Instant::now() < until => pause()?,
                done => return done,
            }
        }
    }

    /// The same, for statements that may take that long.
    pub(super) fn with_patience(mut self, patience: Duration) -> Session {
        self.patience = patience;
        self
    }

    /// Whether it is of no use any more.
    pub(super) fn is_lost(&self) -> bool {
        // Nobody has driven the connection since the last statement: let it notice that the other side is gone.
        if let (false, Some(runtime)) = (self.lost.get(), &self.runtime) {
            runtime.block_on(async {
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
            });
        }
        self.lost.get() || self.client.is_closed()
    }

    /// Begins a transaction with the next statement: the two travel together.
    pub(super) fn begin(&self, how: &'static str) {
        self.opening.set(Some(how));
    }

    /// Gives the transaction up, if there is one.
    pub(super) fn rollback(&self) {
        self.opening.set(None);
        if self.open.replace(false) && self.batch("ROLLBACK").is_err() {
            // A transaction without a known end: never used again.
            self.lost.set(true);
        }
    }

    /// Ends a transaction that only read.
    pub(super) fn finish(&self) -> Outcome<()> {
        self.opening.set(None);
        if self.open.replace(false) { self.batch("COMMIT") } else { Ok(()) }
    }

    /// The payloads of the notices that have arrived, waiting for the first at most that long.
    pub(super) fn notices(&self, patience: Duration) -> Outcome<Vec<String>> {
        let (Some(runtime), Some(heard)) = (&self.runtime, &self.heard) else { return Ok(Vec::new()) };
        let mut heard = heard.borrow_mut();
        let first = runtime.block_on(async { timeout(patience, heard.recv()).await });
        let mut all = match first {
            Ok(Some(first)) => vec![first],
            Ok(None) => {
                self.lost.set(true);
                return Err(Trouble::Lost("the connection was closed".into()));
            }
            Err(_) => Vec::new(),
        };
        while let Ok(next) = heard.try_recv() {
            all.push(next);
        }
        Ok(all)
    }

    /// Runs one statement and answers its rows.
    pub(super) fn query(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Outcome<Vec<Row>> {
        let statement = self.prepared(sql)?;
        let opening = self.opening.take();
        self.open.set(self.open.get() || opening.is_some());
        self.wait(async {
            match opening {
                None => self.client.query(&statement, params).await,
                Some(begin) => {
                    let (begun, rows) =
                        join(self.client.batch_execute(begin), self.client.query(&statement, params)).await;
                    begun.and(rows)
                }
            }
        })
    }

    /// Runs one statement and answers its row, if there is one.
    pub(super) fn row(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Outcome<Option<Row>> {
        Ok(self.query(sql, params)?.into_iter().next())
    }

    /// Runs one statement and answers how many rows it has touched.
    pub(super) fn execute(&self, sql: &str, params: &[&(dyn ToSql + Sync)]) -> Outcome<u64> {
        let statement = self.prepared(sql)?;
        if let Some(begin) = self.opening.take() {
            self.open.set(true);
            self.batch(begin)?;
        }
        self.wait(self.client.execute(&statement, params))
    }

    /// Runs the steps one by one, within the transaction under way.
    pub(super) fn run(&self, steps: &[Step<'_>]) -> Outcome<()> {
        for step in steps {
            self.execute(step.sql, &params(step))?;
        }
        Ok(())
    }

    /// Runs statements without parameters that answer nothing.
    pub(super) fn batch(&self, sql: &str) -> Outcome<()> {
        self.wait(self.client.batch_execute(sql))
    }

    /// Sends all steps and the commit at once, and answers the rows of the first. Everything was refused unless
    /// every step was taken: the database answers a commit after an error with a rollback.
    pub(super) fn commit(&self, steps: &[Step<'_>]) -> std::result::Result<Vec<Row>, CommitTrouble> {
        let mut prepared = Vec::with_capacity(steps.len());
        for step in steps {
            prepared.push(self.prepared(step.sql).map_err(CommitTrouble::Before)?);
        }
        let params: Vec<Vec<&(dyn ToSql + Sync)>> = steps.iter().map(params).collect();
        let begin = self.opening.take();
        self.open.set(false);
        let sent = self.wait(async {
            let begun = async {
                match begin {
                    Some(begin) => self.client.batch_execute(begin).await,
                    None => Ok(()),
                }
            };
            let taken = join_all(
                prepared.iter().zip(&params).map(|(statement, params)| self.client.query(statement, params)),
            );
            // The order in which they are first polled is the order in which they are sent.
            Ok(join(begun, join(taken, self.client.batch_execute("COMMIT"))).await)
        });
        let (begun, (taken, committed)) = sent.map_err(|_| CommitTrouble::During)?;
        let mut rows = Vec::new();
        let mut lost = false;
        for taken in begun.err().map(Err).into_iter().chain(taken) {
            match taken.map_err(|why| self.note(why)) {
                Ok(these) => rows.push(these),
                // Whatever came before it: the transaction is certainly gone.
                Err(refused @ Trouble::Refused(_)) => return Err(CommitTrouble::Before(refused)),
                Err(Trouble::Lost(_)) => lost = true,
            }
        }
        if lost || committed.map_err(|why| self.note(why)).is_err() {
            return Err(CommitTrouble::During);
        }
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// The names and types of what a statement would answer.
    pub(super) fn columns(&self, sql: &str) -> Outcome<Vec<(String, Type)>> {
        let statement = self.prepared(sql)?;
        Ok(statement.columns().iter().map(|it| (it.name().to_owned(), it.type_().clone())).collect())
    }

    /// Begins a `COPY … FROM STDIN`.
    pub(super) fn copy_in(&self, sql: &str) -> Outcome<CopyInSink<Bytes>> {
        let statement = self.prepared(sql)?;
        self.wait(self.client.copy_in(&statement))
    }

    fn prepared(&self, sql: &str) -> Outcome<Statement> {
        if let Some(known) = self.statements.borrow().get(sql) {
            return Ok(known.clone());
        }
        let statement = self.wait(self.client.prepare(sql))?;
        self.statements.borrow_mut().insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    fn note(&self, error: tokio_postgres::Error) -> Trouble {
        let trouble = trouble(error);
        if matches!(trouble, Trouble::Lost(_)) {
            self.lost.set(true);
        }
        trouble
    }

    /// Drives the connection until the work is done.
    pub(super) fn wait<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> Outcome<T> {
        let Some(runtime) = &self.runtime else { return Err(Trouble::Lost("no runtime".into())) };
        match runtime.block_on(async { timeout(self.patience, work).await }) {
            Ok(done) => done.map_err(|why| self.note(why)),
            Err(_) => {
                self.lost.set(true);
                Err(Trouble::Lost(format!(
                    "the database did not answer within {} s",
                    self.patience.as_secs()
                )))
            }
        }
    }
}

/// Lets a moment pass between two tries.
fn pause() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|why| StoreError::Unavailable(why.to_string()))?;
    // A sleep is made where its clock is: within.
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(100)).await });
    Ok(())
}

/// Why a commit did not come back well.
#[derive(Debug)]
pub(super) enum CommitTrouble {
    /// A step was refused: all of it is certainly rolled back.
    Before(Trouble),
    /// The connection was lost while the commit was under way.
    During,
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may be dropped where waiting is forbidden.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Target;
    use super::*;

    #[test]
    fn a_database_that_is_away_is_asked_again_until_patience_ends() {
        let target = Target::new("postgres://u@%2Fnowhere/d".to_owned(), None);
        let address = Address::read(&target).unwrap();
        let (began, patience) = (Instant::now(), Duration::from_millis(250));
        assert!(Session::connect_within(&address, patience).is_err());
        assert!(began.elapsed() >= patience);
    }
}
