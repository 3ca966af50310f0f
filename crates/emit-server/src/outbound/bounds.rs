//! Every bound of what is sent, with its reason.

use std::time::Duration;

use emit_core::Millis;

/// One request, from the name's resolution to the end of what is read of the answer: the contract's.
pub(super) const REQUEST: Duration = Duration::from_secs(10);
/// One address of a host with several: time is left for the others.
pub(super) const CONNECT: Duration = Duration::from_secs(4);
/// Names being resolved at once. Each takes a thread of those that reads need as well, however long a resolver is silent.
pub(super) const LOOKUPS: usize = 64;
/// Of those, one space's: names that nobody answers for leave room for other spaces.
pub(super) const LOOKUPS_PER_SPACE: usize = LOOKUPS / 4;
/// Bytes that are read of an answer: enough to see what a receiver complains of.
pub(super) const ANSWER_BYTES: usize = 1_024;
/// Header values from this length on are hidden where an answer echoes them: shorter ones occur by chance.
pub(super) const HIDDEN_CHARS: usize = 6;
/// Bytes of an answer's head.
pub(super) const HEAD_BYTES: usize = 16 * 1_024;
/// Longest `Retry-After` that is heeded, in milliseconds: a day.
pub(super) const RETRY_AFTER_MS: Millis = 86_400_000;

/// Callbacks under way on this node; each is a socket and at most one payload.
pub(super) const TRIES: usize = 256;
/// Callbacks under way to one endpoint of one space, so that a slow one cannot take them all.
pub(super) const TRIES_PER_LANE: usize = 8;
/// Callbacks under way of one space: its slow endpoints leave room for other spaces.
pub(super) const TRIES_PER_SPACE: usize = TRIES / 4;
/// Lanes that one look at the store visits.
pub(super) const LANES: usize = 200;
/// Lanes whose failures are remembered; beyond it they are learnt anew.
pub(super) const LANES_KNOWN: usize = 20_000;
/// After a failure a lane rests so long, doubled with each further one,
pub(super) const REST: Duration = Duration::from_millis(100);
/// up to this: what waits for a dead endpoint costs the store at most one event a second.
pub(super) const REST_MAX: Duration = Duration::from_secs(1);
/// How often the store is looked at though nothing was heard: another node may have written.
pub(super) const LOOK: Duration = Duration::from_secs(2);
/// On the way out, tries under way are waited for so long; the next start repeats those that were not.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

/// Between two messages to one Slack channel: Slack's own limit is one a second.
pub(super) const SLACK_PACE: Duration = Duration::from_millis(1_050);
/// Jobs that a summing up names, the last ones.
pub(super) const SLACK_NAMED: usize = 5;
/// Characters of an error in a message; Slack takes 3,000 of a text, and an escaped character is up to five.
pub(super) const SLACK_ERROR: usize = 500;
/// Between two wake-ups of one space: a burst becomes few requests.
pub(super) const PUSH_PACE: Duration = Duration::from_millis(200);
/// Pending jobs of one name that are looked at for one that is not delayed: beyond them there is likely one.
pub(super) const PUSH_LOOKED_AT: usize = 100;
/// After a failed message or wake-up the next try waits so long, doubled with each further failure,
pub(super) const BACK_OFF: Duration = Duration::from_secs(1);
/// up to this.
pub(super) const BACK_OFF_MAX: Duration = Duration::from_secs(300);
/// A message or wake-up that failed so often is dropped; later ones wait as long as it would have.
pub(super) const FAILURES: u32 = 6;
