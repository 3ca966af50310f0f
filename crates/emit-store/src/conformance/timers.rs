//! Due times: exact, in order, there again after opening.

use emit_core::{Command, Report};

use super::{Check, Driver, START, plain};
use crate::Store;

pub const CHECKS: &[(&str, Check)] = &[
    ("timers: each waiting state is due once, in order", due),
    ("timers: read again from the rows", reopened),
];

fn due(store: &dyn Store) {
    let mut driver = Driver::new(store);
    let space = driver.space();
    let mut later = plain("scheduled");
    later.scheduled_for = Some(START + 5_000);
    let scheduled = driver.create(&space, later);
    let mut mortal = plain("expires");
    mortal.expires_at = Some(START + 1_000);
    let mortal = driver.create(&space, mortal);
    let held = driver.create(&space, plain("held"));
    let held = driver.deliver(&held);
    let due = |driver: &mut Driver, now| {
        let jobs = driver.commit(|driver| driver.writer.due(now, 10).unwrap());
        jobs.iter().map(|job| job.id).collect::<Vec<_>>()
    };
    assert_eq!(due(&mut driver, START + 999), []);
    assert_eq!(due(&mut driver, START + 60_000), [mortal.id, scheduled.id, held.id]);
    assert_eq!(next_due(&mut driver), Some(START + 1_000));
    driver.now = START + 5_000;
    driver.apply(&mortal, &Command::Tick);
    driver.apply(&scheduled, &Command::Tick);
    let running = driver.report(&held, Report::Ack);
    assert_eq!(next_due(&mut driver), Some(START + 305_000));
    driver.report(&running, Report::Complete("null".into()));
    assert_eq!(next_due(&mut driver), None);
}

/// When the next job is due. A store may name an earlier time at first; when asked then, it has to know better.
fn next_due(driver: &mut Driver) -> Option<i64> {
    loop {
        let next = driver.writer.next_due().unwrap()?;
        if !driver.commit(|driver| driver.writer.due(next, 10).unwrap()).is_empty() {
            return Some(next);
        }
        if driver.writer.next_due().unwrap() == Some(next) {
            panic!("named {next} again although nothing is due then");
        }
    }
}

fn reopened(store: &dyn Store) {
    let job = {
        let mut driver = Driver::new(store);
        let space = driver.space();
        driver.create(&space, plain("no timer"));
        let job = driver.create(&space, plain("held"));
        driver.deliver(&job)
    };
    let mut driver = Driver::new(store);
    assert_eq!(next_due(&mut driver), job.timeout_at);
}
