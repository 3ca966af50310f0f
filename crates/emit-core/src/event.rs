//! Events: durable, numbered facts about a job, and the two views in which watchers see them.

use std::sync::Arc;

use crate::ids::{JobId, JobNo, SpaceNo};
use crate::job::Status;
use crate::json::{RawJson, write_string};
use crate::time::{Millis, Rfc3339Millis};

macro_rules! event_types {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $word:literal;)*) => {
        /// What happened.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum EventType { $($(#[$doc])* $name = $number,)* }

        impl EventType {
            /// All types, in the order of their numbers.
            pub const ALL: &[EventType] = &[$(EventType::$name,)*];

            /// The contract's word.
            pub fn as_str(self) -> &'static str {
                match self { $(EventType::$name => $word,)* }
            }

            /// The type of that word.
            pub fn from_word(word: &str) -> Option<EventType> {
                EventType::ALL.iter().copied().find(|kind| kind.as_str() == word)
            }

            /// The type of that number.
            pub fn from_number(number: u8) -> Option<EventType> {
                match number { $($number => Some(EventType::$name),)* _ => None }
            }
        }
    };
}

event_types! {
    /// A job was created.
    Created = 0, "created";
    /// A scheduled job's time came.
    Enqueued = 1, "enqueued";
    /// A worker took it.
    Delivered = 2, "delivered";
    /// The worker accepted it.
    Acked = 3, "acked";
    /// No ack came in time.
    DeliveryTimeout = 4, "delivery_timeout";
    /// The worker gave it back.
    Released = 5, "released";
    /// Progress.
    Progress = 6, "progress";
    /// A checkpoint.
    Checkpoint = 7, "checkpoint";
    /// A custom event.
    Custom = 8, "custom";
    /// Done.
    Completed = 9, "completed";
    /// Failed, retries left.
    Retried = 10, "retried";
    /// Failed for good.
    Dead = 11, "dead";
    /// Edited.
    Updated = 12, "updated";
    /// Killed.
    Killed = 13, "killed";
    /// A new life.
    Requeued = 14, "requeued";
    /// Its content is gone.
    Erased = 15, "erased";
    /// Log lines were appended.
    Log = 16, "log";
    /// Its end was told.
    CallbackSent = 17, "callback_sent";
    /// A try to tell its end failed.
    CallbackFailed = 18, "callback_failed";
}

impl serde::Serialize for EventType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for EventType {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<EventType, D::Error> {
        let word = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        EventType::from_word(&word).ok_or_else(|| serde::de::Error::custom("no event's word"))
    }
}

/// An event as [`crate::apply`] makes it: not yet numbered.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// What happened.
    pub kind: EventType,
    /// The job's status after it.
    pub status: Status,
    /// Its data, if this type carries any.
    pub data: Option<RawJson>,
}

/// An event with its number: as it is on disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// The space.
    pub space: SpaceNo,
    /// Its number in the space, from 1, without gaps.
    pub seq: i64,
    /// The number of the same job's event before it; 0 for the first.
    pub prev: i64,
    /// When; never falls along `seq`.
    pub at: Millis,
    /// The job's number.
    pub job: JobNo,
    /// The job's id.
    pub job_id: JobId,
    /// The job's name.
    pub job_name: Arc<str>,
    /// What happened.
    pub event: Event,
}

/// Whose eyes an event is encoded for. Chosen once, at the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum View {
    /// `jobs:read`: everything.
    Full,
    /// `jobs:read:progress`: `data` only on progress.
    Progress,
}

/// The head of a message that is no event: `init`, `gap`, `connected`.
#[derive(Debug, Clone)]
pub struct Notice<'a> {
    /// The job and its name, or `null`.
    pub job: Option<(JobId, &'a str)>,
    /// The message's type.
    pub kind: &'a str,
    /// A status, or `null`.
    pub status: Option<Status>,
    /// JSON text, or no such field.
    pub data: Option<&'a str>,
    /// When.
    pub at: Millis,
    /// The position to resume from.
    pub seq: i64,
}

impl Notice<'_> {
    /// The message as JSON.
    pub fn encode(&self) -> String {
        let mut out = String::with_capacity(200);
        match self.job {
            Some((id, name)) => {
                out.push_str(&format!("{{\"jobId\":\"{id}\",\"jobName\":"));
                write_string(&mut out, name);
            }
            None => out.push_str("{\"jobId\":null,\"jobName\":null"),
        }
        encode_rest(&mut out, self.kind, self.status, self.data, self.at, self.seq);
        out
    }
}

impl Recorded {
    /// Appends the message as JSON, in that view.
    pub fn encode(&self, view: View, out: &mut String) {
        use std::fmt::Write;
        let _ = write!(out, "{{\"jobId\":\"{}\",\"jobName\":", self.job_id);
        write_string(out, &self.job_name);
        let data = self.event.data_in(view);
        encode_rest(out, self.event.kind.as_str(), Some(self.event.status), data, self.at, self.seq);
    }
}

impl Event {
    /// The `data` field in that view: `None` is no such field.
    pub fn data_in(&self, view: View) -> Option<&str> {
        match (view, self.kind) {
            (View::Full, _) | (View::Progress, EventType::Progress) => self.data.as_deref(),
            // The seed prints both "stripped to null" and "stripped"; for these two it shows null.
            (View::Progress, EventType::Completed | EventType::Dead) => Some("null"),
            (View::Progress, _) => None,
        }
    }
}

fn encode_rest(
    out: &mut String,
    kind: &str,
    status: Option<Status>,
    data: Option<&str>,
    at: Millis,
    seq: i64,
) {
    use std::fmt::Write;
    let _ = write!(out, ",\"type\":\"{kind}\",\"status\":");
    match status {
        Some(status) => {
            let _ = write!(out, "\"{}\"", status.as_str());
        }
        None => out.push_str("null"),
    }
    if let Some(data) = data {
        out.push_str(",\"data\":");
        out.push_str(data);
    }
    let _ = write!(out, ",\"timestamp\":\"{}\",\"seq\":{seq}}}", Rfc3339Millis(at));
}
