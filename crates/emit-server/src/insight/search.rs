//! A page of a search: what an index knows goes to the store, the rest is looked at here, job by job, up to a bound.

use emit_api::search::{Name, Search};
use emit_core::limits::ANSWER_BYTES;
use emit_core::{Job, JobNo, SpaceId};
use emit_store::{Contents, ListQuery, Reader, Space};

use super::{JOBS_MAX, PAGE};

/// What a page of a search found.
pub(crate) struct Found {
    /// The jobs, newest first.
    pub(crate) jobs: Vec<(Job, Contents)>,
    /// Their space at the first look.
    pub(crate) space: Space,
    /// Where to go on, if there may be more.
    pub(crate) next: Option<JobNo>,
}

/// Looks for `list.limit` jobs that a search means, among at most [`JOBS_MAX`]. A page may hold fewer, even none, and
/// still have a next one. `None`: no such space.
pub(crate) fn find(
    reader: &mut dyn Reader,
    space: SpaceId,
    search: &Search,
    list: &ListQuery,
) -> emit_store::Result<Option<Found>> {
    let plain = search.is_plain();
    let mut query = ListQuery {
        statuses: search.statuses.clone(),
        name: match &search.name {
            Some(Name::Is(name)) => Some(name.clone()),
            _ => None,
        },
        tag: search.tags.first().cloned(),
        limit: if plain { list.limit } else { PAGE },
        results: list.results || search.error.is_some(),
        ..list.clone()
    };
    let mut found: Option<Found> = None;
    let (mut looked, mut bytes) = (0, 0);
    loop {
        let Some(page) = reader.jobs(space, &query, ANSWER_BYTES)? else { return Ok(found) };
        let into = found.get_or_insert(Found { jobs: Vec::new(), space: page.space, next: None });
        let last = page.jobs.last().map(|(job, _)| job.no);
        for (job, mut beside) in page.jobs {
            looked += 1;
            // Numbers rise with creation: beyond this one all are older.
            if search.created_after.is_some_and(|after| job.created_at <= after) {
                return Ok(found);
            }
            if !search.admits(&job, beside.result.as_deref()) {
                continue;
            }
            let no = job.no;
            bytes +=
                [&beside.payload, &beside.result].into_iter().flatten().map(|text| text.len()).sum::<usize>();
            if !list.results {
                beside.result = None;
            }
            into.jobs.push((job, beside));
            if into.jobs.len() == list.limit || bytes > ANSWER_BYTES / 2 {
                into.next = (page.more || last != Some(no)).then_some(no);
                return Ok(found);
            }
        }
        if !page.more {
            return Ok(found);
        }
        if looked >= JOBS_MAX {
            into.next = last;
            return Ok(found);
        }
        query.before = last;
    }
}
