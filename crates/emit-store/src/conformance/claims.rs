//! What polls are offered, and in which order.

use super::{Check, Driver, START, plain};
use crate::{Space, Store};

pub const CHECKS: &[(&str, Check)] = &[
    ("claims: priority, then availability, then creation", order),
    ("claims: names match exactly, several merge in order", names),
    ("claims: delayed, held and ended jobs are not offered", only_available),
    ("claims: the longest wait, whatever its priority", oldest),
    ("claims: what was claimed in the transaction is not offered again", within_a_transaction),
];

fn order(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let mut expected = Vec::new();
    for (name, priority) in [("c", 0), ("d", 0), ("a", 5), ("e", -5), ("b", 5)] {
        let mut new = plain(name);
        new.priority = priority;
        driver.create(&space, new);
        expected.push((-priority, name));
    }
    expected.sort();
    let found = driver.commit(|driver| driver.writer.claimable(space.no, &[], 10, 10).unwrap());
    let found: Vec<_> = found.iter().map(|job| (-job.priority, &*job.spec.name)).collect();
    assert_eq!(found, expected);
}

fn names(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    for name in ["a", "b", "a", "c", "A", "a "] {
        driver.create(&space, plain(name));
    }
    let mut claim = |names: &[&str], limit| {
        let names: Vec<_> = names.iter().map(|name| (*name).into()).collect();
        let found = driver.commit(|driver| driver.writer.claimable(space.no, &names, limit, limit).unwrap());
        found.iter().map(|job| job.spec.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(claim(&["a"], 10), ["a", "a"]);
    assert_eq!(claim(&["c", "a", "c"], 10), ["a", "a", "c"]);
    assert_eq!(claim(&["c", "a"], 2), ["a", "a"]);
    assert_eq!(claim(&["absent"], 2), [""; 0]);
}

fn only_available(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let other = driver.space();
    let mut later = plain("scheduled");
    later.scheduled_for = Some(START + 1_000);
    driver.create(&space, later);
    let held = driver.create(&space, plain("held"));
    driver.deliver(&held);
    let ended = driver.create(&space, plain("ended"));
    driver.complete(&ended);
    driver.create(&other, plain("elsewhere"));
    assert_eq!(driver.commit(|driver| driver.writer.claimable(space.no, &[], 10, 10).unwrap()), []);
}

fn within_a_transaction(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let job = driver.create(&space, plain("a"));
    driver.writer.begin().unwrap();
    assert_eq!(driver.writer.claimable(space.no, &[], 1, 1).unwrap().first(), Some(&job));
    driver.writer.rollback();
    let held = driver.deliver(&job);
    let again = driver.commit(|driver| {
        (driver.writer.claimable(space.no, &[], 1, 1).unwrap(), driver.writer.load(&[held.id]).unwrap())
    });
    assert_eq!(again, (vec![], vec![Some(held)]));
}

fn oldest(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let (space, other) = (driver.space(), driver.space());
    let waits = |space: &Space| store.reader().unwrap().oldest_available(space.no).unwrap();
    assert_eq!(waits(&space), None);
    let mut low = plain("low");
    low.priority = -100;
    let low = driver.create(&space, low);
    driver.now += 1_000;
    let mut high = plain("high");
    high.priority = 100;
    driver.create(&space, high);
    let mut later = plain("later");
    later.scheduled_for = Some(START + 60_000);
    driver.create(&space, later);
    assert_eq!((waits(&space), waits(&other)), (Some(START), None));
    driver.deliver(&low);
    assert_eq!(waits(&space), Some(START + 1_000));
}
