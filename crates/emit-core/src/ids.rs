//! Identifiers. Outside they are ULIDs (<https://github.com/ulid/spec>), inside the store small integers.

use std::fmt;
use std::str::FromStr;

/// A ULID: 48 bits of milliseconds, 80 random bits that are fresh in every id.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u128);

/// The public id of a job.
pub type JobId = Id;
/// The public id of a space.
pub type SpaceId = Id;
/// A worker's right to one delivery of a job: its epoch.
pub type DeliveryId = Id;
/// The public id of a key.
pub type TokenId = Id;
/// A job's number in its store: rising in the order of creation, never on the wire but in cursors.
pub type JobNo = i64;
/// A space's number in its store, from 1.
pub type SpaceNo = i64;

impl Id {
    /// An id from its time (milliseconds since 1970) and at least 80 random bits, of which it takes the lowest.
    pub fn from_parts(now: i64, random: u128) -> Self {
        Id(ulid::Ulid::from_parts(now.max(0) as u64, random).0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; ulid::ULID_LEN];
        f.write_str(ulid::Ulid(self.0).array_to_str(&mut text))
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is no ULID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidId;

impl FromStr for Id {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // A first digit above 7 would not fit 128 bits and decode to another id's value.
        if text.as_bytes().first().is_none_or(|first| !(b'0'..=b'7').contains(first)) {
            return Err(InvalidId);
        }
        ulid::Ulid::from_string(text).map(|id| Id(id.0)).map_err(|_| InvalidId)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [0; ulid::ULID_LEN];
        serializer.serialize_str(ulid::Ulid(self.0).array_to_str(&mut text))
    }
}
