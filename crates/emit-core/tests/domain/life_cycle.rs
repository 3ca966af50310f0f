//! Goal: the page `docs/life-cycle.md` says what the code does, no more and no less: every status is put into every
//! situation, and what is accepted must be the page's table; the picture's arrows must be the table's.

use std::collections::BTreeSet;
use std::sync::Arc;

use emit_core::apply::create;
use emit_core::callback::{Callback, Tried};
use emit_core::ids::Id;
use emit_core::retry::Backoff;
use emit_core::{Circumstances, Command, Edit, Job, NewJob, Report, Spec, Status, apply};

const PAGE: &str = include_str!("../../../../docs/life-cycle.md");
const NOW: i64 = 1_740_000_000_000;
/// When the scheduled job is due.
const START: i64 = NOW + 2_000;
/// When a job expires, where it does: before its start.
const EXPIRY: i64 = NOW + 1_000;

/// From, what happens, to, events.
type Row = (String, String, String, String);

/// Something that may happen to a job, under the words that the page uses for it.
struct Situation {
    words: &'static str,
    /// What else must be so.
    given: fn(&mut Job),
    max_deliveries: Option<u32>,
    /// The time by then.
    at: fn(&Job) -> i64,
    command: Command,
}

fn situation(words: &'static str, command: Command) -> Situation {
    Situation { words, given: |_| {}, max_deliveries: None, at: |_| NOW, command }
}

fn report(words: &'static str, report: Report) -> Situation {
    situation(words, Command::Report { fence: None, report })
}

fn fail(retryable: bool) -> Report {
    Report::Fail { error: "\"no\"".into(), retryable, retry_after_ms: None }
}

fn claim(auto_ack: bool) -> Command {
    Command::Deliver { delivery: Id(5), worker: None, auto_ack }
}

fn edit(change: impl FnOnce(&mut Edit)) -> Command {
    let mut edit = Edit { fields: vec!["priority"], ..Edit::default() };
    change(&mut edit);
    Command::Edit(edit)
}

fn called(status_code: u16) -> Command {
    Command::CallbackTried(Box::new(Tried {
        end_seq: 1,
        round: 0,
        number: 1,
        status_code: Some(status_code),
        duration_ms: 0,
        answer: None,
        error: None,
        retry_after_ms: None,
        schedule: Arc::default(),
    }))
}

fn no_retry_left(job: &mut Job) {
    job.attempt_number = job.max_retries;
}

fn situations() -> Vec<Situation> {
    let data = || Arc::from("{}");
    let timeout: fn(&Job) -> i64 = |job| job.timeout_at.unwrap_or(NOW);
    vec![
        situation("a worker claims it", claim(false)),
        situation("a worker claims it with `autoAck`", claim(true)),
        report("ack", Report::Ack),
        report("release", Report::Release { after_ms: 0 }),
        report("progress", Report::Progress(data())),
        report("checkpoint", Report::Checkpoint(data())),
        report("custom event", Report::Custom(data())),
        report("log lines", Report::Logs { lines: 1 }),
        report("keepalive", Report::Keepalive),
        report("complete", Report::Complete(data())),
        report("fail, a retry left", fail(true)),
        Situation { given: no_retry_left, ..report("fail, no retry left", fail(true)) },
        report("fail with `retryable: false`", fail(false)),
        situation("kill", Command::Kill { data: data() }),
        situation("requeue", Command::Requeue),
        situation("erase", Command::Erase),
        situation("a callback is tried and taken", called(200)),
        situation("a callback is tried and not taken", called(500)),
        situation("its callback is to be sent again", Command::ResendCallback),
        situation("edit, its start untouched", edit(|edit| edit.priority = Some(1))),
        situation("edit, to start later", edit(|edit| edit.scheduled_for = Some(Some(START)))),
        situation("edit, to start now", edit(|edit| edit.scheduled_for = Some(None))),
        situation("edit with nothing in it", edit(|edit| edit.fields.clear())),
        Situation { at: |_| START, ..situation("its time comes", Command::Tick) },
        Situation {
            given: |job| {
                if job.available {
                    (job.available, job.available_at) = (false, EXPIRY);
                }
            },
            // Before the scheduled job's start.
            at: |_| EXPIRY,
            ..situation("its delay ends", Command::Tick)
        },
        Situation {
            given: |job| job.expires_at = Some(EXPIRY),
            at: |_| EXPIRY,
            ..situation("its `expiresAt` passes", Command::Tick)
        },
        Situation { at: timeout, ..situation("its timeout passes, a try left", Command::Tick) },
        Situation {
            given: no_retry_left,
            max_deliveries: Some(1),
            at: timeout,
            ..situation("its timeout passes, no try left", Command::Tick)
        },
    ]
}

/// A job in each status, brought there by commands.
fn one_of_each() -> Vec<Job> {
    let spec = Spec {
        name: "job".into(),
        timeout_ms: 300_000,
        delivery_timeout_ms: 60_000,
        backoff: Backoff::default(),
        tags: None,
        idempotency_key: None,
        traceparent: None,
        callback: Some(Callback { url: "https://example.com".into(), headers: None }),
    };
    let new = |scheduled_for| NewJob {
        spec: Arc::new(spec.clone()),
        payload: None,
        max_retries: 3,
        priority: 0,
        scheduled_for,
        expires_at: None,
        fingerprint: [0; 32],
    };
    let born = |scheduled_for| create(Id(1), 1, &new(scheduled_for), NOW).job;
    let then = |job: &Job, command: Command| apply(job, &command, &circumstances(NOW, None)).unwrap().job;
    let pending = born(None);
    let delivered = then(&pending, claim(false));
    let running = then(&pending, claim(true));
    let told = |report| Command::Report { fence: None, report };
    let jobs = vec![
        born(Some(START)),
        pending.clone(),
        delivered,
        running.clone(),
        then(&running, told(Report::Complete("null".into()))),
        then(&running, told(fail(false))),
        then(&pending, Command::Kill { data: "{}".into() }),
    ];
    let statuses: Vec<_> = jobs.iter().map(|job| job.status).collect();
    assert_eq!(statuses, Status::ALL);
    jobs
}

fn circumstances(now: i64, max_deliveries: Option<u32>) -> Circumstances {
    Circumstances { now, chance: 0.5, max_deliveries }
}

/// What the code does.
fn rows_of_the_code() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    for job in one_of_each() {
        for situation in situations() {
            let mut job = job.clone();
            (situation.given)(&mut job);
            let given = circumstances((situation.at)(&job), situation.max_deliveries);
            let Ok(after) = apply(&job, &situation.command, &given) else { continue };
            // Time passes for every job; only where it brings something is there a row.
            if matches!(situation.command, Command::Tick) && after.job == job {
                continue;
            }
            let to = match after.job.status {
                _ if after.erase => "gone",
                status if status == job.status => "same",
                status => status.as_str(),
            };
            let events: Vec<_> = after.events.iter().map(|event| event.kind.as_str()).collect();
            let events = if events.is_empty() { "none".to_owned() } else { events.join(" ") };
            rows.insert((job.status.as_str().to_owned(), situation.words.to_owned(), to.to_owned(), events));
        }
    }
    rows
}

/// What the page says: its first table, a row for each status in the first column.
fn rows_of_the_page() -> BTreeSet<Row> {
    let mut rows = BTreeSet::new();
    let table = PAGE.lines().skip_while(|line| !line.starts_with("| from ")).skip(2);
    for line in table.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [from, words, to, events] = cells[..] else { panic!("not four cells: {line}") };
        let plain = |cell: &str| cell.replace('`', "");
        let all: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        let from = if from == "any" { all.join(" ") } else { plain(from) };
        for status in from.split(' ') {
            assert!(all.contains(&status), "no such status: {status} in {line}");
            let row = (status.to_owned(), words.to_owned(), plain(to), plain(events));
            assert!(rows.insert(row), "said twice: {status}, {words}");
        }
    }
    rows
}

#[test]
fn the_pages_table_is_what_the_code_does() {
    let (page, code) = (rows_of_the_page(), rows_of_the_code());
    let wrong: Vec<_> =
        page.difference(&code).map(|row| format!("the page says, the code does not: {row:?}")).collect();
    let missing: Vec<_> =
        code.difference(&page).map(|row| format!("the code does, the page does not say: {row:?}")).collect();
    assert!(wrong.is_empty() && missing.is_empty(), "\n{}\n{}", wrong.join("\n"), missing.join("\n"));
}

#[test]
fn the_pages_picture_shows_the_tables_ways() {
    let known = |word: &str| Status::from_word(word).is_some();
    let drawn: BTreeSet<(String, String)> = PAGE
        .lines()
        .filter_map(|line| line.split(':').next()?.split_once("-->"))
        .map(|(from, to)| (from.trim().to_owned(), to.trim().to_owned()))
        .filter(|(from, to)| known(from) && known(to))
        .collect();
    let ways: BTreeSet<(String, String)> = rows_of_the_code()
        .into_iter()
        .map(|(from, _, to, _)| (from, to))
        .filter(|(_, to)| known(to))
        .collect();
    assert_eq!(drawn, ways, "the arrows (left) are not the table's (right)");
}
