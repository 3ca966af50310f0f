//! A database that takes over a whole store, in one transaction: see `copy`.

use std::error::Error;
use std::pin::Pin;
use std::time::Duration;

use bytes::BytesMut;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::session::{CommitTrouble, Outcome, Session, Step, Trouble};
use super::{FIRST_START_LOCK, OpenError, PostgresStore, Target};
use crate::StoreError;
use crate::copy::{CopyError, Value};

/// A table may be large, and so may what it makes the database write: whoever waits here is an operator.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// A database that nobody has served yet, and nobody will before this is done.
pub(crate) struct Vessel {
    session: Session,
}

impl From<Trouble> for CopyError {
    fn from(trouble: Trouble) -> CopyError {
        CopyError::Target(StoreError::from(trouble).into())
    }
}

impl Vessel {
    pub(crate) fn open(target: &Target) -> Result<Vessel, CopyError> {
        let store = PostgresStore::open(target, 1).map_err(CopyError::Target)?;
        let connected = Session::connect(&store.address).map_err(OpenError::from);
        let session = connected.map_err(CopyError::Target)?.with_patience(PATIENCE);
        session.batch(&format!(
            "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
             SELECT pg_advisory_xact_lock({FIRST_START_LOCK})"
        ))?;
        // A key may be there before any space is: `emit key create` has made it.
        let used = "SELECT 1 FROM marks WHERE name = 'spaces' UNION ALL SELECT 1 FROM tokens LIMIT 1";
        if session.row(used, &[])?.is_some() {
            return Err(CopyError::NotEmpty);
        }
        Ok(Vessel { session })
    }

    /// Begins to fill a table.
    pub(crate) fn fill(&self, table: &str) -> Result<Filling<'_>, CopyError> {
        let columns = self.session.columns(&format!("SELECT * FROM {table}"))?;
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let types: Vec<Type> = columns.iter().map(|(_, of)| of.clone()).collect();
        let copy = format!("COPY {table} ({}) FROM STDIN BINARY", names.join(", "));
        let rows = Box::pin(BinaryCopyInWriter::new(self.session.copy_in(&copy)?, &types));
        Ok(Filling { session: &self.session, columns, rows })
    }

    /// The numbers of a table's next rows follow that one.
    pub(crate) fn go_on_from(&self, table: &str, last: i64) -> Result<(), CopyError> {
        let sequence = format!("emit.{table}");
        let sql = "SELECT setval(pg_get_serial_sequence($1::text, 'no'), greatest($2::bigint, 1), $2 > 0)";
        self.session.query(sql, &[&sequence, &last])?;
        Ok(())
    }

    /// Looks whether all of it fits together, and makes it durable.
    pub(crate) fn commit(self) -> Result<(), CopyError> {
        let unsound = unsound(&self.session)?;
        if unsound > 0 {
            let what = format!("events or jobs of {unsound} spaces do not agree with what the spaces count");
            return Err(CopyError::Unsound(what));
        }
        let mark = Step { sql: "INSERT INTO marks (name, value) VALUES ('spaces', 1)", params: Vec::new() };
        match self.session.commit(&[mark]) {
            Ok(_) => Ok(()),
            Err(CommitTrouble::Before(trouble)) => Err(trouble.into()),
            Err(CommitTrouble::During) => Err(CopyError::Unknown),
        }
    }
}

/// Spaces whose events have a gap, or whose jobs are not as many as they count in each status.
fn unsound(session: &Session) -> Outcome<i64> {
    let row = session.row(
        "SELECT count(*) FROM spaces s WHERE s.seq - s.oldest_seq + 1 <> \
             (SELECT count(*) FROM events e WHERE e.key > s.no << 40 AND e.key < (s.no + 1) << 40) \
         OR ARRAY[s.scheduled, s.pending, s.delivered, s.running, s.completed, s.dead, s.killed] <> ARRAY( \
             SELECT (SELECT count(*) FROM jobs j WHERE j.space = s.no AND j.status = n::smallint) \
             FROM generate_series(0, 6) AS n ORDER BY n)",
        &[],
    )?;
    row.map_or(Ok(0), |row| Ok(row.try_get(0)?))
}

/// A table that is being filled.
pub(crate) struct Filling<'a> {
    session: &'a Session,
    columns: Vec<(String, Type)>,
    rows: Pin<Box<BinaryCopyInWriter>>,
}

impl Filling<'_> {
    /// The table's columns, as each row must have them.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// Takes a row. Waits where the database is slower than the source.
    pub(crate) fn take(&mut self, row: &[Value<'_>]) -> Result<(), CopyError> {
        Ok(self.session.wait(self.rows.as_mut().write_raw(row))?)
    }

    /// The database has taken all rows, or says what it would not take.
    pub(crate) fn finish(mut self) -> Result<(), CopyError> {
        self.session.wait(self.rows.as_mut().finish())?;
        Ok(())
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, of: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Value::Null => Ok(IsNull::Yes),
            Value::Number(number) if *of == Type::INT8 => number.to_sql(of, out),
            Value::Number(number) if *of == Type::INT4 => i32::try_from(number)?.to_sql(of, out),
            Value::Number(number) if *of == Type::INT2 => i16::try_from(number)?.to_sql(of, out),
            Value::Number(number) if *of == Type::BOOL => (number != 0).to_sql(of, out),
            Value::Text(text) if *of == Type::TEXT => text.to_sql(of, out),
            Value::Bytes(bytes) if *of == Type::BYTEA => bytes.to_sql(of, out),
            // An id: both are 16 bytes.
            Value::Bytes(bytes) if *of == Type::UUID && bytes.len() == 16 => {
                out.extend_from_slice(bytes);
                Ok(IsNull::No)
            }
            _ => Err(format!("a value that a column of type {of} cannot hold").into()),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}
