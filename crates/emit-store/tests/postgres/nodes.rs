//! Several writers on one database, as several nodes have them.

use std::collections::HashSet;
use std::sync::Barrier;

use emit_core::command::Fence;
use emit_core::{Command, JobId, Report};
use emit_store::conformance::{Driver, START, change, plain, with};
use emit_store::postgres::PostgresStore;
use emit_store::{Change, Space, Store};

use crate::cluster::cluster;
use crate::open;

const NODES: u64 = 4;
const JOBS: usize = 25;

/// One node's share: creates jobs, and delivers and completes whatever it is offered, each in a transaction with
/// several commands. Answers what it completed.
fn work(store: &PostgresStore, space: &Space, node: u64, begin: &Barrier) -> Vec<JobId> {
    let mut driver = Driver::numbered(store, u128::from(node) << 32);
    driver.now += node as i64;
    begin.wait();
    for _ in 0..JOBS {
        driver.create(space, plain("a"));
    }
    let mut done = Vec::new();
    loop {
        driver.writer.begin().unwrap();
        let offered = driver.writer.claimable(space.no, &[], 3, 7).unwrap();
        let mut changes: Vec<Change> = Vec::new();
        for job in &offered {
            let deliver = Command::Deliver { delivery: driver.id(), worker: None, auto_ack: true };
            changes.push(change(job, &deliver, driver.now));
        }
        driver.writer.write(driver.now, &mut changes).unwrap();
        for at in 0..offered.len() {
            let job = changes[at].job.clone();
            let report = Report::Complete("1".into());
            let fence = job.delivery_id.map(Fence::Delivery);
            let mut completed = vec![change(&job, &Command::Report { fence, report }, driver.now)];
            driver.writer.write(driver.now, &mut completed).unwrap();
            changes.append(&mut completed);
        }
        driver.writer.commit(&mut changes).unwrap();
        if offered.is_empty() {
            return done;
        }
        done.extend(offered.iter().map(|job| job.id));
    }
}

#[test]
fn nodes_share_a_space_without_gaps_doubles_or_falling_times() {
    let store = open(&cluster().database()).unwrap();
    let space = Driver::new(&store).space();
    let begin = Barrier::new(NODES as usize);
    let done: Vec<JobId> = std::thread::scope(|scope| {
        let (store, space, begin) = (&store, &space, &begin);
        let nodes: Vec<_> =
            (1..=NODES).map(|node| scope.spawn(move || work(store, space, node, begin))).collect();
        nodes.into_iter().flat_map(|node| node.join().unwrap()).collect()
    });
    let all = NODES as usize * JOBS;
    assert_eq!(done.iter().collect::<HashSet<_>>().len(), done.len(), "a job was delivered twice");
    let mut reader = store.reader().unwrap();
    let page = reader.space_events(space.no, 0, 10_000, 1 << 30).unwrap().unwrap();
    let seqs: Vec<i64> = page.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, (1..=page.position).collect::<Vec<_>>());
    assert!(page.events.windows(2).all(|two| two[0].at <= two[1].at));
    let counts = reader.space(space.id).unwrap().unwrap().counts;
    assert_eq!((counts[1] as usize + done.len(), counts[4] as usize), (all, done.len()));
    for id in done {
        let events = reader.job_events(id, 0, 100, 1 << 20).unwrap().unwrap().events;
        assert_eq!(events.len(), 4);
        assert!(events.windows(2).all(|two| two[1].prev == two[0].seq));
    }
}

#[test]
fn a_named_job_waits_for_whoever_has_it() {
    let store = open(&cluster().database()).unwrap();
    let mut one = Driver::new(&store);
    let space = one.space();
    let job = one.create(&space, plain("a"));
    let mut two = Driver::numbered(&store, 1 << 40);
    one.writer.begin().unwrap();
    one.writer.load(&[job.id]).unwrap();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            two.writer.begin().unwrap();
            // What polls are offered is never what another node has its hands on.
            assert_eq!(two.writer.claimable(space.no, &[], 9, 9).unwrap(), []);
            let found = two.writer.load(&[job.id]).unwrap().pop().flatten();
            two.writer.rollback();
            found
        });
        let mut killed = [change(&job, &Command::Kill { data: "1".into() }, START)];
        one.writer.write(START, &mut killed).unwrap();
        one.writer.commit(&mut killed).unwrap();
        assert_eq!(other.join().unwrap().as_ref(), Some(&killed[0].job));
    });
}

#[test]
fn of_one_idempotency_key_there_is_one_job() {
    let store = open(&cluster().database()).unwrap();
    let space = Driver::new(&store).space();
    let begin = Barrier::new(NODES as usize);
    let made: usize = std::thread::scope(|scope| {
        let (store, space, begin) = (&store, &space, &begin);
        let nodes: Vec<_> = (1..=NODES)
            .map(|node| {
                scope.spawn(move || {
                    let mut driver = Driver::numbered(store, u128::from(node) << 32);
                    begin.wait();
                    (0..20).filter(|n| create_once(&mut driver, space, &format!("key {n}"))).count()
                })
            })
            .collect();
        nodes.into_iter().map(|node| node.join().unwrap()).sum()
    });
    assert_eq!(made, 20);
    let counts = store.reader().unwrap().space(space.id).unwrap().unwrap().counts;
    assert_eq!(counts[1], 20);
}

/// As the engine does it: look first, then create in the same transaction. Answers whether it was new.
fn create_once(driver: &mut Driver, space: &Space, key: &str) -> bool {
    driver.writer.begin().unwrap();
    let known = driver.writer.remembered(space.no, &[key.into()], 0).unwrap();
    let is_new = known == [None];
    let mut changes = Vec::new();
    if is_new {
        let new = with("a", |spec| spec.idempotency_key = Some(key.into()));
        changes.push(driver.creation(space, &new));
    }
    driver.writer.write(START, &mut changes).unwrap();
    driver.writer.commit(&mut changes).unwrap();
    is_new
}

#[test]
fn a_lost_connection_is_made_anew_and_leaves_nothing_behind() {
    let url = cluster().database();
    let store = open(&url).unwrap();
    let mut driver = Driver::new(&store);
    let space = driver.space();
    driver.create(&space, plain("before"));
    driver.writer.begin().unwrap();
    let mut lost = [driver.creation(&space, &plain("lost"))];
    driver.writer.space(space.id).unwrap();
    driver.writer.write(START, &mut lost).unwrap();
    cluster().sql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
    let refused = driver.writer.commit(&mut lost).unwrap_err();
    assert!(matches!(refused, emit_store::StoreError::Unavailable(_)), "{refused}");
    driver.writer.rollback();
    assert_eq!(driver.create(&space, plain("after")).seq, 2);
    assert_eq!(store.reader().unwrap().space(space.id).unwrap().unwrap().counts[1], 2);
}
