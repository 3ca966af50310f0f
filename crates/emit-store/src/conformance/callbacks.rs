//! Callbacks: due once a job has ended, by lane, until they are done; what failed is remembered.

use std::sync::Arc;

use emit_core::callback::{Callback, Schedule, Tried};
use emit_core::outbound::{Outbound, Push, Secret, Slack};
use emit_core::time::DAY;
use emit_core::{Command, EventType, Job, Report};

use super::{Check, Driver, START, plain, with};
use crate::{EndpointLane, Space, Store};

pub const CHECKS: &[(&str, Check)] = &[
    ("callbacks: due with the end, gone when told", told),
    ("callbacks: lanes keep out of each other's way", lanes),
    ("callbacks: what failed waits, and is seen", failed),
    ("callbacks: a requeue and an erasure cancel, a resend brings back", cancelled),
    ("callbacks: a try from before a resend decides nothing", late),
    ("callbacks: an end stays until it is told", retained),
    ("callbacks: settings are kept and read back", settings),
];

fn ended(driver: &mut Driver, space: &Space, url: &str) -> Job {
    let new = with("a", |spec| {
        spec.callback = Some(Callback { url: url.into(), headers: Some("{\"k\":\"v\"}".into()) });
    });
    let job = driver.create(space, new);
    driver.complete(&job)
}

/// Try `number` of the end, answered like this.
fn tried(job: &Job, number: u32, status_code: Option<u16>) -> Command {
    Command::CallbackTried(Box::new(Tried {
        end_seq: job.result_seq.unwrap(),
        round: job.callback_round,
        number,
        status_code,
        duration_ms: 12,
        answer: None,
        error: status_code.is_none().then(|| "no route".to_owned()),
        retry_after_ms: None,
        schedule: Arc::new(Schedule(vec![1_000, 2_000])),
    }))
}

/// The lanes after that one at that time: endpoint, and number of tries of each callback that is due.
fn due(
    store: &dyn Store,
    now: i64,
    after: &EndpointLane,
    lanes: usize,
    each: usize,
) -> Vec<(String, Vec<u32>)> {
    let found = store.reader().unwrap().callback_lanes(now, after, lanes, each).unwrap();
    found.into_iter().map(|lane| (lane.lane.1, lane.due.into_iter().map(|due| due.tries).collect())).collect()
}

fn all_due(store: &dyn Store, now: i64) -> Vec<(String, Vec<u32>)> {
    due(store, now, &EndpointLane::default(), 100, 100)
}

fn told(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let silent = driver.create(&space, plain("silent"));
    driver.complete(&silent);
    assert_eq!(all_due(store, START), []);
    let job = ended(&mut driver, &space, "https://A.example/x?y");
    let read = store.reader().unwrap().job(job.id).unwrap().unwrap().job;
    assert_eq!(read.spec.callback, job.spec.callback);
    let lanes = store.reader().unwrap().callback_lanes(START, &EndpointLane::default(), 9, 9).unwrap();
    assert_eq!(lanes[0].lane, (space.no, "https://a.example".to_owned()));
    assert_eq!((lanes[0].due[0].job, lanes[0].due[0].tries), (job.id, 0));
    let after = driver.apply(&job, &tried(&job, 1, Some(204)));
    assert_eq!(all_due(store, START + DAY), []);
    let page = store.reader().unwrap().job_events(job.id, job.seq, 9, 1 << 20).unwrap().unwrap();
    assert_eq!((page.events[0].event.kind, page.events[0].seq), (EventType::CallbackSent, after.seq));
}

fn lanes(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let (one, two) = (driver.space(), driver.space());
    for url in ["http://b", "http://a/1", "http://a/2", "http://a/3"] {
        ended(&mut driver, &one, url);
    }
    ended(&mut driver, &two, "http://a");
    let name = |text: &str| text.to_owned();
    let first = due(store, START, &EndpointLane::default(), 2, 2);
    assert_eq!(first, [(name("http://a"), vec![0, 0]), (name("http://b"), vec![0])]);
    assert_eq!(due(store, START, &(one.no, name("http://b")), 2, 2), [(name("http://a"), vec![0])]);
    assert_eq!(due(store, START, &(two.no, name("http://a")), 2, 2), []);
}

fn failed(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = ended(&mut driver, &space, "http://a");
    let job = driver.apply(&job, &tried(&job, 1, Some(500)));
    assert_eq!(all_due(store, START + 999), [("http://a".to_owned(), vec![])]);
    assert_eq!(all_due(store, START + 1_000), [("http://a".to_owned(), vec![1])]);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.next_callback(START).unwrap(), Some(START + 1_000));
    assert_eq!(reader.next_callback(START + 1_000).unwrap(), None);
    let found = reader.failing_endpoints(space.no, "", 9).unwrap();
    assert_eq!((found[0].waiting, found[0].given_up, found[0].next_try_at), (1, 0, Some(START + 1_000)));
    assert_eq!((found[0].last.at, found[0].last.status_code), (START, Some(500)));
    driver.now += 1;
    let job = driver.apply(&job, &tried(&job, 2, Some(500)));
    driver.now += 1;
    let job = driver.apply(&job, &tried(&job, 3, None));
    assert_eq!(all_due(store, START + DAY), []);
    let found = reader.failing_endpoints(space.no, "", 9).unwrap();
    assert_eq!((found[0].waiting, found[0].given_up, found[0].next_try_at), (0, 1, None));
    assert_eq!((found[0].last.at, found[0].last.error.as_deref()), (START + 2, Some("no route")));
    assert_eq!(reader.failing_endpoints(space.no, "http://a", 9).unwrap(), []);
    driver.apply(&job, &Command::ResendCallback);
    assert_eq!(reader.failing_endpoints(space.no, "", 9).unwrap(), []);
    assert_eq!(all_due(store, START + 2), [("http://a".to_owned(), vec![0])]);
}

fn cancelled(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = ended(&mut driver, &space, "http://a");
    let before = job.clone();
    let job = driver.apply(&job, &Command::Requeue);
    assert_eq!(all_due(store, START), []);
    // A try that was under way is told, and nothing follows from it.
    let job = driver.apply(&job, &tried(&before, 1, Some(500)));
    assert_eq!(all_due(store, START + DAY), []);
    let job = driver.complete(&job);
    let job = driver.apply(&job, &tried(&job, 1, Some(200)));
    let job = driver.apply(&job, &Command::ResendCallback);
    assert_eq!(all_due(store, START).len(), 1);
    driver.apply(&job, &Command::Erase);
    assert_eq!(all_due(store, START), []);
    assert_eq!(store.reader().unwrap().failing_endpoints(space.no, "", 9).unwrap(), []);
}

fn late(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let before = ended(&mut driver, &space, "http://a");
    let mut job = before.clone();
    for status_code in [Some(200), Some(410), None] {
        job = driver.apply(&job, &Command::ResendCallback);
        let lanes = store.reader().unwrap().callback_lanes(START, &EndpointLane::default(), 9, 9).unwrap();
        assert_eq!((lanes[0].due[0].round, lanes[0].due[0].tries), (job.callback_round, 0));
        job = driver.apply(&job, &tried(&before, 3, status_code));
        assert_eq!(all_due(store, START), [("http://a".to_owned(), vec![0])], "{status_code:?}");
    }
    driver.apply(&job, &tried(&job, 1, Some(200)));
    assert_eq!(all_due(store, START + DAY), []);
}

fn retained(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = ended(&mut driver, &space, "http://a");
    let later = START + 30 * DAY;
    while driver.commit(|driver| driver.writer.retain(later, 3).unwrap()) {}
    let page = store.reader().unwrap().space_events(space.no, 0, 9, 1 << 20).unwrap().unwrap();
    assert_eq!(page.oldest, job.result_seq.unwrap(), "what came before the end may go");
    driver.apply(&job, &tried(&job, 1, Some(200)));
    while driver.commit(|driver| driver.writer.retain(later, 3).unwrap()) {}
    assert!(store.reader().unwrap().job(job.id).unwrap().is_none());
}

fn settings(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let mut space = driver.space();
    let read = |store: &dyn Store, id| store.reader().unwrap().space(id).unwrap().unwrap();
    assert_eq!(read(store, space.id), space);
    let mut outbound = Outbound::clone(&space.outbound);
    for byte in 7..10 {
        outbound.rotate(Secret([byte; 24].as_slice().into()), START);
    }
    outbound.slack = Some(Slack { url: "https://hooks/x".into(), events: vec![EventType::Dead] });
    outbound.push = Some(Push { url: "https://p".into(), headers: None, names: vec!["a".into()] });
    space.outbound = Arc::new(outbound);
    driver.commit(|driver| driver.writer.update_space(&space).unwrap());
    assert_eq!(read(store, space.id), space);
    let cached = driver.commit(|driver| driver.writer.space(space.id).unwrap().unwrap());
    assert_eq!(cached.outbound, space.outbound);
    let job = driver.create(&space, plain("a"));
    driver.deliver(&job);
    let held = driver.commit(|driver| driver.writer.load(&[job.id]).unwrap()).pop().unwrap().unwrap();
    driver.report(&held, Report::Ack);
    assert_eq!(read(store, space.id).outbound, space.outbound, "counters leave settings alone");
}
