//! Numbers without gaps, history, contents.

use std::time::Instant;

use emit_core::{EventType, Job, NewJob, Report};

use super::{Check, Driver, START, plain};
use crate::{ListQuery, Store};

pub const CHECKS: &[(&str, Check)] = &[
    ("events: numbered per space from 1 without gaps", gapless),
    ("events: a rolled back transaction leaves no number and no row", rollback),
    ("events: timestamps never fall", timestamps),
    ("events: a job's history forward, backward, in pages", history),
    ("events: a long history, from its middle too", long_history),
    ("events: whoever replays a history walks it once, not once a page", one_long_walk),
    ("events: contents are the latest progress, checkpoint and result", contents),
    ("events: no more contents than have room", contents_that_fit),
    ("events: everything is there after opening again", reopened),
];

fn gapless(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let (one, two) = (driver.space(), driver.space());
    for _ in 0..3 {
        let job = driver.create(&one, plain("a"));
        driver.complete(&job);
        driver.create(&two, plain("b"));
    }
    let mut reader = store.reader().unwrap();
    for (space, count) in [(one, 12), (two, 3)] {
        let page = reader.space_events(space.no, 0, 1_000, 1 << 20).unwrap().unwrap();
        let seqs: Vec<i64> = page.events.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, (1..=count).collect::<Vec<_>>());
        assert_eq!((page.position, page.oldest, page.more), (count, 1, false));
        let rest = reader.space_events(space.no, 2, 1, 1 << 20).unwrap().unwrap();
        assert_eq!((rest.events[0].seq, rest.more), (3, count > 3));
    }
}

fn rollback(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("kept"));
    let held = driver.deliver(&job);
    driver.writer.begin().unwrap();
    let acked = emit_core::Command::Report { fence: None, report: Report::Ack };
    let mut changes = [super::change(&held, &acked, START)];
    driver.writer.write(START, &mut changes).unwrap();
    driver.writer.rollback();
    let found = driver.commit(|driver| driver.writer.load(&[job.id]).unwrap());
    assert_eq!(found, [Some(held.clone())]);
    assert_eq!(driver.report(&held, Report::Ack).seq, 3);
    let mut reader = store.reader().unwrap();
    assert_eq!(reader.space_events(space.no, 0, 10, 1 << 20).unwrap().unwrap().events.len(), 3);
}

fn timestamps(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    for now in [START + 50, START + 10, START + 70] {
        driver.now = now;
        driver.create(&space, plain("a"));
    }
    let page = store.reader().unwrap().space_events(space.no, 0, 10, 1 << 20).unwrap().unwrap();
    let times: Vec<_> = page.events.iter().map(|event| event.at - START).collect();
    assert_eq!(times, [50, 50, 70]);
}

fn history(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("watched"));
    let job = driver.deliver(&job);
    let mut job = driver.report(&job, Report::Ack);
    for n in 0..7 {
        driver.create(&space, plain("noise"));
        job = driver.report(&job, Report::Progress(format!("{n}").into()));
    }
    let mut reader = store.reader().unwrap();
    let all = reader.job_events(job.id, 0, 100, 1 << 20).unwrap().unwrap();
    let seqs: Vec<_> = all.events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 5, 7, 9, 11, 13, 15, 17]);
    assert_eq!(all.position, 17);
    assert!(all.events.windows(2).all(|two| two[1].prev == two[0].seq) && all.events[0].prev == 0);
    let page = reader.job_events(job.id, 3, 3, 1 << 20).unwrap().unwrap();
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), [5, 7, 9]);
    assert!(page.more);
    let small = reader.space_events(space.no, 0, 100, 1).unwrap().unwrap();
    assert_eq!((small.events.len(), small.more), (1, true));
    let small = reader.job_events(job.id, 0, 100, 1).unwrap().unwrap();
    assert_eq!((small.events.len(), small.more), (1, true));
    let latest = reader.latest_events(&job, 2, usize::MAX).unwrap();
    assert_eq!(latest.iter().map(|event| event.seq).collect::<Vec<_>>(), [15, 17]);
    let fitting = reader.latest_events(&job, 10, 1).unwrap();
    assert_eq!(fitting.iter().map(|event| event.seq).collect::<Vec<_>>(), [17]);
}

/// Page by page a long history is whole, from whichever event one begins and although it grows meanwhile.
fn long_history(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("watched"));
    let job = driver.deliver(&job);
    let mut job = driver.report(&job, Report::Ack);
    let mut grow = |job: &mut Job, events: usize| {
        for _ in 0..events {
            *job = driver.report(job, Report::Progress("1".into()));
        }
    };
    grow(&mut job, 1_297);
    let mut reader = store.reader().unwrap();
    let mut seen = 0;
    while seen < job.seq {
        let page = reader.job_events(job.id, seen, 300, 1 << 20).unwrap().unwrap();
        let seqs: Vec<i64> = page.events.iter().map(|event| event.seq).collect();
        let last = *seqs.last().unwrap();
        assert_eq!(seqs, (seen + 1..=last).collect::<Vec<_>>());
        assert_eq!(page.more, last < job.seq);
        seen = last;
        if seen < 1_000 {
            grow(&mut job, 50);
        }
    }
    for after in [0, 1, 499, 500, 1_234, job.seq - 1] {
        let page = reader.job_events(job.id, after, 300, 1 << 20).unwrap().unwrap();
        assert_eq!(page.events[0].seq, after + 1);
    }
}

fn contents(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("a"));
    let job = driver.deliver(&job);
    let job = driver.report(&job, Report::Ack);
    let job = driver.report(&job, Report::Progress("{\"p\":1}".into()));
    let job = driver.report(&job, Report::Checkpoint("{\"c\":1}".into()));
    let job = driver.report(&job, Report::Progress("{\"p\": 2}".into()));
    let job = driver.report(&job, Report::Complete("[true]".into()));
    let found = store.reader().unwrap().job(job.id).unwrap().unwrap();
    assert_eq!(found.job, job);
    let texts =
        [found.contents.payload, found.contents.progress, found.contents.checkpoint, found.contents.result];
    let texts: Vec<_> = texts.iter().map(|text| text.as_deref().unwrap()).collect();
    assert_eq!(texts, ["{\"n\": 1}", "{\"p\": 2}", "{\"c\":1}", "[true]"]);
    let again = driver.apply(&job, &emit_core::Command::Requeue);
    let contents =
        driver.commit(|driver| driver.writer.contents(&[again], usize::MAX).unwrap()).pop().unwrap();
    assert_eq!((contents.progress, contents.result), (None, None));
    assert_eq!(contents.checkpoint.as_deref(), Some("{\"c\":1}"));
}

/// Told by proportion: where every page began at the newest event, a page in the middle took half as long as the first.
#[allow(clippy::disallowed_methods, reason = "proportions are judged, no times")]
fn one_long_walk(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("watched"));
    let job = driver.deliver(&job);
    let mut job = driver.report(&job, Report::Ack);
    for _ in 0..16 {
        driver.writer.begin().unwrap();
        driver.writer.load(&[job.id]).unwrap();
        let progress = emit_core::Command::Report { fence: None, report: Report::Progress("1".into()) };
        let mut changes = Vec::new();
        for _ in 0..5_000 {
            let mut one = [super::change(&job, &progress, START)];
            driver.writer.write(START, &mut one).unwrap();
            job.clone_from(&one[0].job);
            changes.extend(one);
        }
        driver.writer.commit(&mut changes).unwrap();
        job.clone_from(&changes[4_999].job);
    }
    let mut reader = store.reader().unwrap();
    let (mut seen, mut took) = (0, Vec::new());
    while seen < job.seq {
        let begin = Instant::now();
        let page = reader.job_events(job.id, seen, 1_000, 1 << 20).unwrap().unwrap();
        seen = page.events.last().unwrap().seq;
        took.push(begin.elapsed());
    }
    let first = took[0];
    took.sort();
    let median = took[took.len() / 2];
    assert!(median < first / 5, "the first page took {first:?}, one in the middle {median:?}");
}

/// Of what is written already and of what is not.
fn contents_that_fit(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let body = format!("\"{}\"", "x".repeat(998));
    let new = || NewJob { payload: Some(body.as_str().into()), ..plain("a") };
    let jobs: Vec<Job> = (0..5).map(|_| driver.create(&space, new())).collect();
    let mut unwritten = vec![driver.creation(&space, &new()), driver.creation(&space, &new())];
    driver.commit(|driver| {
        let mut fit = |jobs: &[Job], bytes| driver.writer.contents(jobs, bytes).unwrap().len();
        assert_eq!((fit(&jobs, 2_500), fit(&jobs, 0), fit(&jobs, usize::MAX)), (3, 1, 5));
        assert_eq!((fit(&jobs[1..], 1_000), fit(&jobs[4..], 0)), (2, 1));
        driver.writer.write(START, &mut unwritten).unwrap();
        let mut mixed: Vec<Job> = unwritten.iter().map(|change| change.job.clone()).collect();
        mixed.extend_from_slice(&jobs);
        assert_eq!(driver.writer.contents(&mixed, 2_500).unwrap().len(), 3);
        driver.writer.rollback();
        driver.writer.begin().unwrap();
    });
    let query = ListQuery { limit: 10, payloads: true, ..ListQuery::default() };
    let page = store.reader().unwrap().jobs(space.id, &query, 5_000).unwrap().unwrap();
    assert_eq!((page.jobs.len(), page.more), (2, true));
}

fn reopened(store: &dyn Store) {
    let (space, job) = {
        let mut driver = Driver::new(store);
        let space = driver.space();
        let job = driver.create(&space, plain("a"));
        (space, driver.deliver(&job))
    };
    let mut driver = Driver::new(store);
    let found = driver.commit(|driver| driver.writer.load(&[job.id]).unwrap().pop().flatten());
    assert_eq!(found, Some(job.clone()));
    let acked = driver.report(&job, Report::Ack);
    assert_eq!(acked.seq, 3);
    let found = store.reader().unwrap().space(space.id).unwrap().unwrap();
    assert_eq!((found.seq, found.counts), (3, [0, 0, 0, 1, 0, 0, 0]));
    let page = store.reader().unwrap().space_events(space.no, 2, 10, 1 << 20).unwrap().unwrap();
    assert_eq!(page.events[0].event.kind, EventType::Acked);
}
