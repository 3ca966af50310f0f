//! Erasure, retention, deleted spaces, idempotency keys.

use emit_core::time::DAY;
use emit_core::{Command, EventType, Report, limits};

use super::{Check, Driver, START, plain, with};
use crate::{ListQuery, Store};

pub const CHECKS: &[(&str, Check)] = &[
    ("forgetting: an erased job leaves numbered shells", erased),
    ("forgetting: events go from the oldest, ended jobs with their last word", retention),
    ("forgetting: what a living job needs outlives its events", kept),
    ("forgetting: a deleted space is gone at once, its rows in batches", deleted_space),
    ("forgetting: an idempotency key is remembered for its time", idempotency),
];

fn retain_all(driver: &mut Driver, now: i64) {
    while driver.commit(|driver| driver.writer.retain(now, 3).unwrap()) {}
}

fn erased(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let new = with("a", |spec| {
        spec.tags = Some("{\"k\":\"v\"}".into());
        spec.idempotency_key = Some("once".into());
    });
    let job = driver.create(&space, new);
    let job = driver.complete(&job);
    let erased = driver.apply(&job, &Command::Erase);
    assert_eq!(driver.commit(|driver| driver.writer.load(&[job.id]).unwrap()), [None]);
    assert_eq!(
        driver.commit(|driver| driver.writer.remembered(space.no, &["once".into()], 0).unwrap()),
        [None]
    );
    let mut reader = store.reader().unwrap();
    assert!(reader.job(job.id).unwrap().is_none());
    for query in
        [ListQuery::default(), ListQuery { tag: Some(("k".into(), "v".into())), ..ListQuery::default() }]
    {
        assert!(
            reader
                .jobs(space.id, &ListQuery { limit: 9, ..query }, 1 << 20)
                .unwrap()
                .unwrap()
                .jobs
                .is_empty()
        );
    }
    let page = reader.space_events(space.no, 0, 10, 1 << 20).unwrap().unwrap();
    let shells: Vec<_> = page.events.iter().map(|event| (event.seq, event.event.data.as_deref())).collect();
    assert_eq!(shells, [(1, None), (2, None), (3, None), (4, Some("null")), (erased.seq, None)]);
    assert!(page.events.iter().all(|event| &*event.job_name == "a" && event.job_id == job.id));
    assert_eq!(reader.job_events(job.id, 3, 10, 1 << 20).unwrap().unwrap().events.len(), 2);
    assert_eq!(reader.space(space.id).unwrap().unwrap().counts, [0; 7]);
}

fn retention(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let ended = driver.create(&space, plain("ended"));
    let ended = driver.complete(&ended);
    let erased = driver.create(&space, plain("erased"));
    let erased = driver.complete(&erased);
    driver.apply(&erased, &Command::Erase);
    let waiting = driver.create(&space, plain("waiting"));
    driver.now = START + 7 * DAY;
    let newer = driver.create(&space, plain("newer"));
    let newer = driver.complete(&newer);
    retain_all(&mut driver, START + 14 * DAY - 1);
    let mut reader = store.reader().unwrap();
    assert!(reader.job(ended.id).unwrap().is_some());
    retain_all(&mut driver, START + 14 * DAY);
    assert!(reader.job(ended.id).unwrap().is_none());
    assert!(reader.job_events(erased.id, 0, 1, 1 << 20).unwrap().is_none());
    assert!(reader.job(waiting.id).unwrap().is_some());
    let page = reader.space_events(space.no, 0, 100, 1 << 20).unwrap().unwrap();
    assert_eq!((page.events[0].seq, page.oldest, page.position), (11, 11, 14));
    assert!(page.events.iter().all(|event| event.job_id == newer.id));
    let space = reader.space(space.id).unwrap().unwrap();
    assert_eq!(space.counts, [0, 1, 0, 0, 1, 0, 0]);
    retain_all(&mut driver, START + 100 * DAY);
    let space = reader.space(space.id).unwrap().unwrap();
    assert_eq!((space.counts, space.oldest_seq, space.seq), ([0, 1, 0, 0, 0, 0, 0], 15, 14));
    assert_eq!(driver.deliver(&waiting).seq, 15);
}

fn kept(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("long"));
    let job = driver.deliver(&job);
    let job = driver.report(&job, Report::Ack);
    let job = driver.report(&job, Report::Progress("{\"p\":1}".into()));
    let job = driver.report(&job, Report::Checkpoint("{\"c\":1}".into()));
    retain_all(&mut driver, START + 15 * DAY);
    let mut reader = store.reader().unwrap();
    let found = reader.job(job.id).unwrap().unwrap();
    assert_eq!(found.contents.progress.as_deref(), Some("{\"p\":1}"));
    assert_eq!(found.contents.progress_at, Some(START));
    assert_eq!(found.contents.checkpoint.as_deref(), Some("{\"c\":1}"));
    assert!(reader.latest_events(&found.job, 10, usize::MAX).unwrap().is_empty());
    driver.now = START + 15 * DAY;
    driver.report(&job, Report::Complete("1".into()));
    let found = reader.job(job.id).unwrap().unwrap();
    assert_eq!(found.contents.result.as_deref(), Some("1"));
    let history = reader.latest_events(&found.job, 10, usize::MAX).unwrap();
    assert_eq!(history.iter().map(|event| event.event.kind).collect::<Vec<_>>(), [EventType::Completed]);
}

fn deleted_space(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let key = driver.token(Some(&space));
    driver.commit(|driver| driver.writer.insert_token(&key).unwrap());
    let job = driver.create(&space, plain("a"));
    driver.deliver(&job);
    driver.commit(|driver| driver.writer.delete_space(space.no).unwrap());
    let mut reader = store.reader().unwrap();
    assert!(reader.space(space.id).unwrap().is_none() && reader.job(job.id).unwrap().is_none());
    assert!(reader.token_by_hash(&key.hash).unwrap().is_none());
    assert!(reader.space_events(space.no, 0, 10, 10).unwrap().is_none());
    assert_eq!(driver.commit(|driver| driver.writer.load(&[job.id]).unwrap()), [None]);
    assert!(driver.commit(|driver| driver.writer.due(START + DAY, 10).unwrap()).is_empty());
    retain_all(&mut driver, START);
    let next = driver.space();
    assert!(next.no > space.no, "numbers are not used again: a late cursor must not meet another's events");
}

fn idempotency(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, with("a", |spec| spec.idempotency_key = Some("k".into())));
    let ask = |driver: &mut Driver, key: &str, now: i64| {
        let not_before = now - limits::IDEMPOTENCY_MS;
        driver.commit(|driver| {
            driver.writer.remembered(space.no, &[key.into()], not_before).unwrap().swap_remove(0)
        })
    };
    let known = ask(&mut driver, "k", START + DAY - 1).unwrap();
    assert_eq!((known.job, known.fingerprint), (job.id, [7; 32]));
    assert_eq!(ask(&mut driver, "other", START), None);
    assert_eq!(ask(&mut driver, "k", START + DAY), None);
    // The key may be taken again while the old row is still there, and by then means the new job.
    driver.now = START + DAY;
    let next = driver.create(&space, with("a", |spec| spec.idempotency_key = Some("k".into())));
    assert_eq!(ask(&mut driver, "k", START + DAY + 1).map(|known| known.job), Some(next.id));
}
