//! Hints by `NOTIFY`, from a connection of its own after the commit: within the transaction a notice would serialise
//! all commits of the database.

use std::time::Duration;

use emit_core::{Millis, SpaceNo, TokenId};

use super::connect::Address;
use super::link::Retry;
use super::rows::Uuid;
use super::session::{Outcome, Session};
use super::tokens;
use crate::neighbours::{Hint, Listener, Speaker};
use crate::{Result, StoreError};

const CHANNEL: &str = "emit";
/// Words of one notice: its payload may have 8,000 bytes.
const WORDS: usize = 150;

/// A connection that is made anew when it is lost.
struct Line {
    address: Address,
    node: String,
    session: Option<Session>,
    retry: Retry,
}

impl Line {
    fn new(address: Address, node: Uuid) -> Line {
        Line { address, node: node.0.to_string(), session: None, retry: Retry::new() }
    }

    /// Does something with the connection, made with `connect` if there is none.
    fn with<T>(
        &mut self,
        connect: fn(&Address) -> Result<Session>,
        work: impl FnOnce(&Session) -> Outcome<T>,
    ) -> Result<T> {
        let session = match self.session.take().filter(|session| !session.is_lost()) {
            Some(session) => session,
            None => self.retry.run(|| connect(&self.address))?,
        };
        let done = work(&session);
        self.session = Some(session);
        Ok(done?)
    }
}

pub(super) struct PostgresSpeaker(Line);

impl PostgresSpeaker {
    pub(super) fn new(address: Address, node: Uuid) -> PostgresSpeaker {
        PostgresSpeaker(Line::new(address, node))
    }
}

impl Speaker for PostgresSpeaker {
    fn tell(&mut self, hints: &[Hint]) -> Result<()> {
        for some in hints.chunks(WORDS) {
            let words: Vec<String> = some.iter().map(word).collect();
            let payload = format!("{} {}", self.0.node, words.join(" "));
            self.0.with(connect_speaking, |session| {
                session.query("SELECT pg_notify($1, $2)", &[&CHANNEL, &payload]).map(|_| ())
            })?;
        }
        Ok(())
    }
}

/// A hint that is lost in a crash costs nothing: its commit need not wait for the disk.
fn connect_speaking(address: &Address) -> Result<Session> {
    let session = Session::connect(address)?;
    session.batch("SET synchronous_commit = off").map_err(StoreError::from)?;
    Ok(session)
}

pub(super) struct PostgresListener(Line);

impl PostgresListener {
    pub(super) fn new(address: Address, node: Uuid) -> PostgresListener {
        PostgresListener(Line::new(address, node))
    }
}

fn connect_listening(address: &Address) -> Result<Session> {
    let session = Session::connect_listening(address)?;
    session.batch(&format!("LISTEN {CHANNEL}")).map_err(StoreError::from)?;
    Ok(session)
}

impl Listener for PostgresListener {
    fn hear(&mut self, patience: Duration) -> Result<Vec<Hint>> {
        let heard = self.0.with(connect_listening, |session| session.notices(patience))?;
        let mine = &self.0.node;
        Ok(heard
            .iter()
            .filter_map(|text| text.split_once(' '))
            .filter(|(node, _)| node != mine)
            .flat_map(read)
            .collect())
    }

    fn administered(&mut self) -> Result<i64> {
        self.0.with(connect_listening, |session| {
            let row = session.row("SELECT value FROM marks WHERE name = 'administered'", &[])?;
            Ok(row.map_or(Ok(0), |row| row.try_get(0))?)
        })
    }

    fn positions(&mut self, spaces: &[SpaceNo]) -> Result<Vec<(SpaceNo, i64)>> {
        self.0.with(connect_listening, |session| {
            let sql = "SELECT no, seq FROM spaces WHERE no = ANY($1) AND NOT deleted";
            let rows = session.query(sql, &[&spaces])?;
            rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
        })
    }

    fn living(&mut self, keys: &[TokenId]) -> Result<Vec<(TokenId, Option<Millis>)>> {
        self.0.with(connect_listening, |session| tokens::living(session, keys))
    }
}

fn word(hint: &Hint) -> String {
    match hint {
        Hint::Reached { space, seq } => format!("{space}:{seq}"),
        Hint::Woken { space } => format!("{space}!"),
        Hint::Administered => "*".to_owned(),
    }
}

/// The hints of a notice. What a newer version may say and this one does not understand is passed over.
fn read((_, words): (&str, &str)) -> Vec<Hint> {
    let hint = |word: &str| {
        if word == "*" {
            return Some(Hint::Administered);
        }
        if let Some(space) = word.strip_suffix('!') {
            return Some(Hint::Woken { space: space.parse().ok()? });
        }
        let (space, seq) = word.split_once(':')?;
        Some(Hint::Reached { space: space.parse().ok()?, seq: seq.parse().ok()? })
    };
    words.split(' ').filter_map(hint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_read_back_and_others_are_passed_over() {
        let hints = [Hint::Reached { space: 3, seq: 77 }, Hint::Woken { space: 4 }, Hint::Administered];
        let words = hints.iter().map(word).collect::<Vec<_>>().join(" ");
        assert_eq!(read(("", &format!("{words} x:y 9? ! 5"))), hints);
    }
}
