//! Which spaces have messengers, and what these share. Settings change, so do they.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, PoisonError, RwLock, RwLockWriteGuard};

use emit_core::{Refusal, SpaceNo};
use emit_store::{Change, Space};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::client::Client;
use super::pace::Pace;
use super::push::Waker;
use super::slack::Channel;
use crate::clock::Clock;
use crate::reads::Reads;

/// Spaces that are read at once when the server starts.
const PAGE: usize = 1_000;

/// What all messengers share.
pub(super) struct Office {
    pub(super) client: Client,
    pub(super) reads: Reads,
    pub(super) clock: Arc<Clock>,
    /// Where people reach this server: links lead there.
    pub(super) public_url: String,
    /// Turns at Slack's addresses: spaces may share one.
    pub(super) slack_pace: Pace,
    /// Where messengers run: settings change on the engine's thread, which is none of the runtime's.
    pub(super) runtime: Handle,
}

/// The messengers of all spaces that have any.
#[derive(Default)]
pub(super) struct Messengers {
    office: OnceLock<Arc<Office>>,
    /// Locked for a look or a change of the map only.
    of_spaces: RwLock<HashMap<SpaceNo, OfSpace>>,
    /// Spaces in the map: with none, a commit is one load.
    count: AtomicUsize,
}

/// Those of one space.
#[derive(Default)]
struct OfSpace {
    slack: Option<Messenger<Channel>>,
    push: Option<Messenger<Waker>>,
}

/// One at work; its task ends with it.
struct Messenger<M> {
    at_work: Arc<M>,
    task: AbortHandle,
}

impl<M> Drop for Messenger<M> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The messenger that is to be from now on: the old one if it goes on as the new one would.
fn settled<M>(
    old: Option<Messenger<M>>,
    new: Option<M>,
    goes_on: fn(&M, &M) -> bool,
    start: impl FnOnce(Arc<M>) -> AbortHandle,
) -> Option<Messenger<M>> {
    let new = new?;
    if let Some(old) = old.filter(|old| goes_on(&old.at_work, &new)) {
        return Some(old);
    }
    let at_work = Arc::new(new);
    Some(Messenger { task: start(at_work.clone()), at_work })
}

impl Messengers {
    /// Opens the office, and gives messengers to the spaces that are to have some.
    pub(super) async fn open(&self, office: Office) -> Result<(), Refusal> {
        let reads = office.reads.clone();
        if self.office.set(Arc::new(office)).is_err() {
            return Ok(());
        }
        let mut after = None;
        loop {
            let spaces = reads.read(move |reader| reader.spaces(after, PAGE)).await?;
            // Whoever has some already has newer ones: a commit was faster than this look.
            spaces
                .iter()
                .filter(|space| !self.serve(space.no))
                .for_each(|space| self.settings_changed(space));
            if spaces.len() < PAGE {
                return Ok(());
            }
            after = spaces.last().map(|space| space.id);
        }
    }

    fn serve(&self, no: SpaceNo) -> bool {
        self.of_spaces.read().unwrap_or_else(PoisonError::into_inner).contains_key(&no)
    }

    /// A space has these settings from now on. What waited for another address is dropped; a messenger that sends
    /// where it did goes on, with what waits, its pace and its back-off.
    pub(super) fn settings_changed(&self, space: &Space) {
        let Some(office) = self.office.get() else { return };
        let mut of_spaces = self.change();
        let old = of_spaces.remove(&space.no).unwrap_or_default();
        let slack = settled(old.slack, Channel::of(space), Channel::goes_on_as, |slack| {
            office.runtime.spawn(slack.run(office.clone())).abort_handle()
        });
        let push = settled(old.push, Waker::of(space), Waker::is_like, |push| {
            office.runtime.spawn(push.run(office.clone())).abort_handle()
        });
        if slack.is_some() || push.is_some() {
            of_spaces.insert(space.no, OfSpace { slack, push });
        }
        self.count.store(of_spaces.len(), Ordering::Relaxed);
    }

    /// There are no spaces but these.
    pub(super) fn spaces_living(&self, living: &HashSet<SpaceNo>) {
        let mut of_spaces = self.change();
        of_spaces.retain(|no, _| living.contains(no));
        self.count.store(of_spaces.len(), Ordering::Relaxed);
    }

    /// A space is gone.
    pub(super) fn space_deleted(&self, no: SpaceNo) {
        let mut of_spaces = self.change();
        of_spaces.remove(&no);
        self.count.store(of_spaces.len(), Ordering::Relaxed);
    }

    /// The server is on its way out.
    pub(super) fn close(&self) {
        self.change().clear();
        self.count.store(0, Ordering::Relaxed);
    }

    /// Tells the messengers what a commit has changed.
    pub(super) fn note(&self, changes: &[Change]) {
        if self.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let of_spaces = self.of_spaces.read().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            if let Some(OfSpace { slack: Some(slack), .. }) = of_spaces.get(&change.job.space) {
                slack.at_work.note(change);
            }
        }
        // The last change of each job: one that was taken in the very commit that brought it wakes nobody.
        let mut seen = HashSet::new();
        for change in changes.iter().rev() {
            if let Some(OfSpace { push: Some(push), .. }) = of_spaces.get(&change.job.space)
                && seen.insert(change.job.id)
            {
                push.at_work.note(change);
            }
        }
    }

    fn change(&self) -> RwLockWriteGuard<'_, HashMap<SpaceNo, OfSpace>> {
        self.of_spaces.write().unwrap_or_else(PoisonError::into_inner)
    }
}
