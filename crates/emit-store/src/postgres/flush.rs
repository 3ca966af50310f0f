//! The statements of a commit, in the order in which they are sent.

use emit_core::{Job, JobNo, Millis, Recorded, SpaceNo};

use super::pending::{Entry, Pending};
use super::rows::Uuid;
use super::session::Step;
use super::{callbacks, contents, events, jobs, logs, spaces};
use crate::{Change, LogLine};

/// Everything a transaction writes, behind the locks of its spaces, which are named in the order of their numbers.
pub(super) fn steps<'a>(
    pending: &'a Pending,
    written: &'a [Change],
    locked: &[SpaceNo],
    now: Millis,
    mark: Mark,
) -> Vec<Step<'a>> {
    let mut steps = vec![spaces::lock(locked.to_vec()), mark.step(locked.to_vec(), now)];
    new_jobs(pending, &mut steps);
    changed_jobs(pending, &mut steps);
    let told: Vec<_> = pending.entries().map(|entry| (&entry.job, &entry.callback)).collect();
    steps.extend(callbacks::write(&told));
    let lines: Vec<(JobNo, i64, &LogLine)> = written.iter().flat_map(log_lines).collect();
    if !lines.is_empty() {
        steps.push(logs::append(&lines));
    }
    let recorded: Vec<&Recorded> = written.iter().flat_map(|change| &change.recorded).collect();
    if !recorded.is_empty() {
        steps.push(events::append(&recorded));
    }
    let erased = || pending.entries().filter(|entry| entry.erase);
    steps.extend(erased().map(|entry| events::empty(entry.job.space, entry.job.no)));
    if erased().next().is_some() {
        steps.push(jobs::erase(erased().map(|entry| entry.job.no).collect()));
    }
    if !pending.tallies.is_empty() {
        steps.push(spaces::update_counters(pending.tallies.iter().map(|(no, tally)| (*no, *tally)), now));
    }
    steps
}

fn new_jobs<'a>(pending: &'a Pending, steps: &mut Vec<Step<'a>>) {
    let new = || pending.entries().filter(|entry| entry.is_new);
    let keyed: Vec<_> = new()
        .filter_map(|entry| {
            Some((&entry.job, entry.job.spec.idempotency_key.as_deref()?, entry.fingerprint?))
        })
        .collect();
    if !keyed.is_empty() {
        steps.push(jobs::remember(&keyed));
    }
    let rows: Vec<&Job> = new().map(|entry| &entry.job).collect();
    if !rows.is_empty() {
        steps.push(jobs::insert(&rows));
        steps.extend(jobs::insert_tags(&rows));
    }
}

fn changed_jobs<'a>(pending: &'a Pending, steps: &mut Vec<Step<'a>>) {
    let some = |which: fn(&Entry) -> bool| -> Vec<&'a Job> {
        pending.entries().filter(|entry| which(entry)).map(|entry| &entry.job).collect()
    };
    let erased: Vec<JobNo> = some(|entry| entry.erase).into_iter().map(|job| job.no).collect();
    if !erased.is_empty() {
        steps.extend(contents::forget(&erased));
    }
    let payloads: Vec<(&Job, &str)> = pending
        .entries()
        .filter(|entry| !entry.erase)
        .filter_map(|entry| Some((&entry.job, entry.payload.as_deref()?)))
        .collect();
    if !payloads.is_empty() {
        steps.push(jobs::write_payloads(&payloads));
    }
    let touched = some(|entry| !entry.is_new && entry.only_touched);
    if !touched.is_empty() {
        steps.push(jobs::touch(&touched));
    }
    let moved = some(|entry| !entry.is_new && !entry.only_touched);
    if !moved.is_empty() {
        steps.push(jobs::update(&moved));
    }
}

fn log_lines(change: &Change) -> impl Iterator<Item = (JobNo, i64, &LogLine)> {
    let first = change.job.log_lines - change.logs.len() as i64 + 1;
    change.logs.iter().zip(first..).map(|(line, number)| (change.job.no, number, line))
}

/// What a lane leaves of each commit, so that it can find out whether it is there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) lane: Uuid,
    pub(super) batch: i64,
}

impl Mark {
    fn step<'a>(self, numbers: Vec<SpaceNo>, now: Millis) -> Step<'a> {
        Step {
            sql: "INSERT INTO lanes (id, batch, bases, times, at) \
                  SELECT $1, $2, coalesce(array_agg(seq ORDER BY no), '{}'), \
                      coalesce(array_agg(last_at ORDER BY no), '{}'), $4 FROM spaces WHERE no = ANY($3) \
                  ON CONFLICT (id) DO UPDATE SET batch = excluded.batch, bases = excluded.bases, \
                      times = excluded.times, at = excluded.at",
            params: vec![Box::new(self.lane), Box::new(self.batch), Box::new(numbers), Box::new(now)],
        }
    }
}
