//! The engine and the hub over a store that fails, in a time of their own: one seed is one history, the same each time.
//!
//! The lane is driven turn by turn; clients and watchers are tasks of one thread whose clock jumps to whatever is due
//! next. A history has slow turns, rough weather, callers who hang up in the middle of a commit, and crashes. `./task
//! simulate SEED` plays one again.

mod clients;
mod faults;
mod followers;
mod journal;
mod lanes;
mod lines;
mod model;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use emit_store::Store;
use emit_store::sqlite::SqliteStore;

use faults::{Kind, METHODS, Weather};
use model::ModelStore;
use world::{Course, World};

use super::Shared;
use crate::clock::Clock;
use crate::keyring::Keyring;
use crate::reads::Reads;
use crate::realtime::Hub;

/// As many as a short run plays.
const SEEDS: u64 = 2_000;

/// What the lanes of a node share that talks to nobody.
fn shared(store: &Arc<dyn Store>, clock: Arc<Clock>) -> Shared {
    let keyring = Arc::new(Keyring::new(Reads::open(store.clone()).unwrap(), clock.clone()));
    Shared { clock, hub: Arc::new(Hub::new()), keyring, outlet: Arc::default(), outbox: Arc::default() }
}

fn play(seed: u64, store: Arc<dyn Store>, course: Course) -> world::Summary {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(World::play(seed, store, course))
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// «No 2xx without the commit, no commit without its events, nothing refused that is there, nobody forgotten»: for
/// every seed.
#[test]
fn every_history_keeps_the_promises() {
    if let Some(seed) = setting("EMIT_SIMULATE_SEED") {
        println!("{:?}", play(seed, Arc::new(ModelStore::default()), Course::Random));
        return;
    }
    let count = setting("EMIT_SIMULATE_COUNT").unwrap_or(SEEDS);
    let first = setting("EMIT_SIMULATE_FROM").unwrap_or(0);
    let next = AtomicU64::new(first);
    let events = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let workers: Vec<_> =
            (0..threads).map(|_| scope.spawn(|| play_on(&next, first + count, &events))).collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
    });
    println!("{count} seeds from {first}, {} events", events.into_inner());
}

fn play_on(next: &AtomicU64, end: u64, events: &AtomicU64) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return;
        }
        let played =
            catch_unwind(AssertUnwindSafe(|| play(seed, Arc::new(ModelStore::default()), Course::Random)));
        match played {
            Ok(summary) => events.fetch_add(summary.events as u64, Ordering::Relaxed),
            Err(_) => panic!("seed {seed} fails; ./task simulate {seed} plays it again"),
        };
    }
}

/// The same on the embedded store, whose memory has to be right again after each failure.
#[test]
fn the_embedded_store_keeps_them_too() {
    let seeds = setting("EMIT_SIMULATE_SEED").map_or(0..20, |seed| seed..seed + 1);
    for seed in seeds {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
        let played = catch_unwind(AssertUnwindSafe(|| play(seed, store, Course::Random)));
        assert!(played.is_ok(), "seed {seed} fails; ./task simulate {seed} plays it again");
    }
}

/// Every method of the writer fails in every way, once at first and for a while later.
#[test]
fn every_method_may_fail_in_every_way() {
    let mut failed = 0;
    for method in METHODS {
        let aim = |after, times, kind| Course::Aimed(Weather::Aimed { method, after, times, kind });
        let mut failed_here = 0;
        for kind in Kind::ALL {
            failed_here += play(1, Arc::new(ModelStore::default()), aim(0, 1, kind)).failed;
            let folder = tempfile::tempdir().unwrap();
            let store = Arc::new(SqliteStore::open(folder.path()).unwrap());
            failed_here += play(2, store, aim(2, 8, kind)).failed;
        }
        assert!(failed_here >= 4, "{method} was hardly called: {failed_here}");
        failed += failed_here;
    }
    println!("{failed} calls failed");
}

#[test]
fn a_seed_is_one_history() {
    let play = || play(7, Arc::new(ModelStore::default()), Course::Random);
    assert_eq!(play(), play());
}
