//! Lists and what bulk calls mean.

use emit_core::Status;

use super::{Check, Driver, plain, with};
use crate::{ListQuery, Matching, Store};

pub const CHECKS: &[(&str, Check)] = &[
    ("lists: filters alone and together, newest first", filters),
    ("lists: pages by cursor and by offset", pages),
    ("lists: bulk calls mean the oldest first", bulk),
];

fn filters(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let a = driver.create(&space, plain("a"));
    let b = driver.create(&space, with("b", |spec| spec.tags = Some("{\"k\":\"x:y\",\"l\":\"1\"}".into())));
    let c = driver.create(&space, with("a", |spec| spec.tags = Some("{\"k\":\"z\"}".into())));
    driver.deliver(&b);
    driver.complete(&c);
    let other = driver.space();
    driver.create(&other, plain("a"));
    let mut reader = store.reader().unwrap();
    let mut list = |query: ListQuery| {
        let page = reader.jobs(space.id, &ListQuery { limit: 10, ..query }, 1 << 20).unwrap().unwrap();
        page.jobs.iter().map(|(job, _)| job.id).collect::<Vec<_>>()
    };
    let status = |statuses: &[Status]| ListQuery { statuses: statuses.to_vec(), ..ListQuery::default() };
    let tag =
        |key: &str, value: &str| ListQuery { tag: Some((key.into(), value.into())), ..ListQuery::default() };
    assert_eq!(list(ListQuery::default()), [c.id, b.id, a.id]);
    assert_eq!(list(status(&[Status::Pending, Status::Completed])), [c.id, a.id]);
    assert_eq!(list(status(&[Status::Delivered])), [b.id]);
    assert_eq!(list(status(&[Status::Running])), []);
    assert_eq!(list(ListQuery { name: Some("a".into()), ..ListQuery::default() }), [c.id, a.id]);
    assert_eq!(list(ListQuery { name: Some("a".into()), ..status(&[Status::Pending]) }), [a.id]);
    assert_eq!(list(tag("k", "x:y")), [b.id]);
    assert_eq!(list(tag("k", "x")), []);
    assert_eq!(list(ListQuery { name: Some("b".into()), ..tag("l", "1") }), [b.id]);
    assert_eq!(list(ListQuery { ids: Some(vec![a.id, c.id, a.id]), ..ListQuery::default() }), [c.id, a.id]);
}

fn pages(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let mut ids: Vec<_> = (0..7).map(|_| driver.create(&space, plain("a")).id).collect();
    ids.reverse();
    let mut reader = store.reader().unwrap();
    for statuses in [vec![], vec![Status::Pending], vec![Status::Pending, Status::Dead]] {
        let query = ListQuery { limit: 3, statuses, payloads: true, ..ListQuery::default() };
        let mut seen = Vec::new();
        let mut before = None;
        loop {
            let query = ListQuery { before, ..query.clone() };
            let page = reader.jobs(space.id, &query, 1 << 20).unwrap().unwrap();
            assert!(page.jobs.iter().all(|(_, beside)| beside.payload.is_some()));
            seen.extend(page.jobs.iter().map(|(job, _)| job.id));
            before = page.jobs.last().map(|(job, _)| job.no);
            if !page.more {
                break;
            }
        }
        assert_eq!(seen, ids);
        let page = reader.jobs(space.id, &ListQuery { offset: 5, ..query }, 1 << 20).unwrap().unwrap();
        assert_eq!(page.jobs.iter().map(|(job, _)| job.id).collect::<Vec<_>>(), ids[5..]);
    }
}

fn bulk(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let first = driver.create(&space, plain("a"));
    let second = driver.create(&space, plain("b"));
    driver.now += 10;
    driver.create(&space, plain("a"));
    let mut matching = |name: Option<&str>, before: Option<i64>, limit| {
        let which = Matching { status: Status::Pending, name: name.map(Into::into), created_before: before };
        let found = driver.commit(|driver| driver.writer.matching(space.no, &which, limit).unwrap());
        found.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(matching(None, None, 2), [first.id, second.id]);
    assert_eq!(matching(Some("b"), None, 2), [second.id]);
    assert_eq!(matching(Some("a"), Some(super::START + 5), 9), [first.id]);
}
