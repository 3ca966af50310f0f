//! Pages of a space's jobs, newest first.

use emit_core::{Job, Status};
use rusqlite::{Connection, Result, params_from_iter, types::Value};

use super::rows::SHELL;
use super::{contents, jobs, spaces};
use crate::page::job_size;
use crate::texts::tag_texts;
use crate::{Contents, JobsPage, ListQuery};

/// The index that holds the jobs of a status, and the condition under which SQLite may use it.
pub(super) fn index_of(status: Status) -> (&'static str, &'static str) {
    match status {
        Status::Scheduled => ("jobs_scheduled", "status = 0"),
        Status::Pending => ("jobs_pending", "status = 1"),
        Status::Delivered => ("jobs_held", "status IN (2, 3) AND status = 2"),
        Status::Running => ("jobs_held", "status IN (2, 3) AND status = 3"),
        Status::Completed => ("jobs_completed", "status = 4"),
        Status::Dead => ("jobs_dead", "status = 5"),
        Status::Killed => ("jobs_killed", "status = 6"),
    }
}

pub(super) fn page(
    connection: &Connection,
    space: emit_core::SpaceId,
    query: &ListQuery,
    bytes: usize,
) -> Result<Option<JobsPage>> {
    let Some(space) = spaces::by_id(connection, space)? else { return Ok(None) };
    let wanted = query.offset + query.limit + 1;
    let mut numbers = if query.ids.is_some() {
        named(connection, space.no, query)?
    } else if query.statuses.is_empty() || query.name.is_some() || query.tag.is_some() {
        filtered(connection, space.no, query, wanted)?
    } else {
        by_status(connection, space.no, query, wanted)?
    };
    numbers.sort_unstable_by_key(|no| -no);
    let mut page = JobsPage { jobs: Vec::new(), space, more: false };
    let mut bytes_left = bytes;
    for no in numbers.into_iter().skip(query.offset) {
        let Some(job) = jobs::by_no(connection, no)? else { continue };
        let beside = beside(connection, &job, query)?;
        let size = job_size(&job, &beside);
        if page.jobs.len() == query.limit || (!page.jobs.is_empty() && size > bytes_left) {
            page.more = true;
            break;
        }
        bytes_left = bytes_left.saturating_sub(size);
        page.jobs.push((job, beside));
    }
    Ok(Some(page))
}

/// Those asked for by id that pass the other filters too.
fn named(connection: &Connection, space: i64, query: &ListQuery) -> Result<Vec<i64>> {
    let mut found = Vec::new();
    for id in query.ids.iter().flatten() {
        let Some(job) = jobs::by_id(connection, *id)? else { continue };
        let passes = job.space == space
            && (query.statuses.is_empty() || query.statuses.contains(&job.status))
            && query.name.as_deref().is_none_or(|name| name == &*job.spec.name)
            && query.before.is_none_or(|before| job.no < before)
            && query.tag.as_ref().is_none_or(|(key, value)| {
                let wanted = format!("{key}:{value}");
                job.spec.tags.as_deref().is_some_and(|tags| tag_texts(tags).any(|tag| tag == wanted))
            });
        if passes && !found.contains(&job.no) {
            found.push(job.no);
        }
    }
    Ok(found)
}

/// By status alone: one short scan a status, merged by the caller's sort.
fn by_status(connection: &Connection, space: i64, query: &ListQuery, wanted: usize) -> Result<Vec<i64>> {
    let mut numbers = Vec::new();
    for status in &query.statuses {
        let (index, condition) = index_of(*status);
        let mut statement = connection.prepare_cached(&format!(
            "SELECT no FROM jobs INDEXED BY {index} WHERE {condition} AND space = ?1 AND no < ?2 \
             ORDER BY no DESC LIMIT ?3"
        ))?;
        let found = statement.query_map((space, query.before.unwrap_or(i64::MAX), wanted as i64), |row| {
            row.get::<_, i64>(0)
        })?;
        for no in found {
            numbers.push(no?);
        }
    }
    numbers.sort_unstable_by_key(|no| -no);
    numbers.truncate(wanted);
    Ok(numbers)
}

/// By tag, else by name, else all, along the index of the first of these; a status is then only compared.
fn filtered(connection: &Connection, space: i64, query: &ListQuery, wanted: usize) -> Result<Vec<i64>> {
    let mut values: Vec<Value> = vec![space.into(), query.before.unwrap_or(i64::MAX).into()];
    let mut sql = match (&query.tag, &query.name) {
        (Some((key, value)), _) => {
            values.push(format!("{key}:{value}").into());
            "SELECT j.no FROM job_tags t CROSS JOIN jobs j ON j.no = t.job \
             WHERE t.space = ?1 AND t.job < ?2 AND t.tag = ?3"
                .to_owned()
        }
        (None, Some(_)) => {
            "SELECT j.no FROM jobs j INDEXED BY jobs_name WHERE j.space = ?1 AND j.no < ?2".to_owned()
        }
        (None, None) => {
            "SELECT j.no FROM jobs j INDEXED BY jobs_space WHERE j.space = ?1 AND j.no < ?2".to_owned()
        }
    };
    if let Some(name) = &query.name {
        values.push(name.clone().into());
        sql += &format!(" AND j.name = ?{}", values.len());
    }
    let statuses: Vec<String> = query.statuses.iter().map(|status| (*status as u8).to_string()).collect();
    sql += &match statuses.is_empty() {
        true => format!(" AND j.status < {SHELL}"),
        false => format!(" AND j.status IN ({})", statuses.join(",")),
    };
    let order = if query.tag.is_some() { "t.job" } else { "j.no" };
    sql += &format!(" ORDER BY {order} DESC LIMIT {wanted}");
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map(params_from_iter(values), |row| row.get(0))?.collect()
}

fn beside(connection: &Connection, job: &Job, query: &ListQuery) -> Result<Contents> {
    let progress = contents::latest(connection, job, job.progress_seq, contents::PROGRESS)?;
    let checkpoint = contents::latest(connection, job, job.checkpoint_seq, contents::CHECKPOINT)?;
    Ok(Contents {
        payload: if query.payloads { contents::payload(connection, job)? } else { None },
        progress_at: progress.as_ref().map(|(at, _)| *at),
        progress: progress.map(|(_, data)| data),
        checkpoint: checkpoint.map(|(_, data)| data),
        result: if query.results { contents::result(connection, job)? } else { None },
    })
}
