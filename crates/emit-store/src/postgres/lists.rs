//! Pages of a space's jobs, newest first.

use emit_core::{JobNo, SpaceId, SpaceNo};
use tokio_postgres::types::ToSql;

use super::contents::{Parts, contents};
use super::rows::{SHELL, Uuid};
use super::session::{Outcome, Session};
use super::{event_key, jobs, spaces};
use crate::page::job_size;
use crate::{JobsPage, ListQuery};

pub(super) fn page(
    session: &Session,
    space: SpaceId,
    query: &ListQuery,
    bytes: usize,
) -> Outcome<Option<JobsPage>> {
    let Some(space) = spaces::by_id(session, space)? else { return Ok(None) };
    let numbers = numbers(session, space.no, query)?;
    let found = jobs::by_numbers(session, &numbers)?;
    let parts = Parts { payloads: query.payloads, results: query.results };
    let beside = contents(session, &found, parts, bytes)?;
    let mut page = JobsPage { jobs: Vec::new(), space, more: beside.len() < found.len() };
    let mut bytes_left = bytes;
    for (job, beside) in found.into_iter().zip(beside) {
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

/// The numbers of the jobs on the page, and of one more. A statement a status, along its index; by tag, by name or
/// all along the index of the first of these.
fn numbers(session: &Session, space: SpaceNo, query: &ListQuery) -> Outcome<Vec<JobNo>> {
    let before = query.before.unwrap_or_else(|| event_key(space + 1, 0));
    let name = query.name.as_deref();
    let tag = query.tag.as_ref().map(|(key, value)| format!("{key}:{value}"));
    let ids: Option<Vec<Uuid>> = query.ids.as_ref().map(|ids| ids.iter().copied().map(Uuid).collect());
    let mut conditions = vec!["j.space = $1".to_owned(), "j.no < $2".to_owned()];
    let mut params: Vec<&(dyn ToSql + Sync)> = vec![&space, &before];
    let mut from = "jobs j";
    if let Some(name) = &name {
        params.push(name);
        conditions.push(format!("j.name = ${}", params.len()));
    }
    if let Some(ids) = &ids {
        params.push(ids);
        conditions.push(format!("j.id = ANY(${})", params.len()));
    }
    let mut order = "j.no";
    if let Some(tag) = &tag {
        params.push(tag);
        from = "job_tags t JOIN jobs j ON j.no = t.job";
        order = "t.job";
        conditions.push(format!("t.space = $1 AND t.job < $2 AND t.tag = ${}", params.len()));
    }
    let by_space = name.is_none() && ids.is_none() && tag.is_none();
    if by_space && query.statuses.is_empty() {
        // The numbers themselves are in the order of the space.
        let first = event_key(space, 0);
        return take(
            session,
            from,
            &["j.no > $1".to_owned(), "j.no < $2".to_owned(), living()],
            order,
            query,
            &[&first, &before],
        );
    }
    if by_space {
        let mut all = Vec::new();
        for status in &query.statuses {
            let mut conditions = conditions.clone();
            conditions.push(format!("j.status = {}", *status as i16));
            let wanted = ListQuery { offset: 0, limit: query.offset + query.limit, ..ListQuery::default() };
            all.extend(take(session, from, &conditions, order, &wanted, &params)?);
        }
        all.sort_unstable_by_key(|no| -no);
        all.dedup();
        return Ok(all.into_iter().skip(query.offset).take(query.limit + 1).collect());
    }
    let statuses: Vec<String> = query.statuses.iter().map(|status| (*status as i16).to_string()).collect();
    conditions.push(match statuses.is_empty() {
        true => living(),
        false => format!("j.status IN ({})", statuses.join(",")),
    });
    take(session, from, &conditions, order, query, &params)
}

fn living() -> String {
    format!("j.status < {SHELL}")
}

fn take(
    session: &Session,
    from: &str,
    conditions: &[String],
    order: &str,
    query: &ListQuery,
    params: &[&(dyn ToSql + Sync)],
) -> Outcome<Vec<JobNo>> {
    let mut params = params.to_vec();
    let (limit, offset) = (query.limit as i64 + 1, query.offset as i64);
    params.extend([&limit as &(dyn ToSql + Sync), &offset]);
    let sql = format!(
        "SELECT j.no FROM {from} WHERE {} ORDER BY {order} DESC LIMIT ${} OFFSET ${}",
        conditions.join(" AND "),
        params.len() - 1,
        params.len()
    );
    let rows = session.query(&sql, &params)?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
