//! What a stream reads from the store before it starts. Each read is one visit to a read connection.

use emit_core::{JobId, Millis, Recorded, Refusal, SpaceId};
use emit_store::{EventsPage, FoundJob, Space};

use super::resume::gap;
use crate::app::App;

/// Enough for one event of any size: a page always holds at least one.
const ONE_EVENT_BYTES: usize = 1;

/// A job at the start of its stream.
pub(super) struct ReadJob {
    pub(super) found: FoundJob,
    /// Its stored terminal event, if it has ended and is to be shown.
    pub(super) terminal: Option<Recorded>,
    /// When the oldest event of a replay happened, if it begins with `gap`.
    pub(super) oldest_at: Option<Millis>,
}

pub(super) async fn read_job(app: &App, id: JobId, since: Option<i64>) -> Result<Option<ReadJob>, Refusal> {
    app.reads
        .read(move |reader| {
            let Some(found) = reader.job(id)? else { return Ok(None) };
            let after = match since {
                None => found.job.result_seq.filter(|_| found.job.status.is_terminal()).map(|seq| seq - 1),
                Some(since) => gap(&found.space, since).map(|_| found.space.oldest_seq - 1),
            };
            let Some(after) = after else {
                return Ok(Some(ReadJob { found, terminal: None, oldest_at: None }));
            };
            let Some(page) = reader.job_events(id, after, 1, ONE_EVENT_BYTES)? else { return Ok(None) };
            let first = page.events.into_iter().next();
            let oldest_at = first.as_ref().map(|event| event.at);
            let terminal = first.filter(|event| Some(event.seq) == found.job.result_seq);
            Ok(Some(ReadJob { found, terminal, oldest_at }))
        })
        .await
}

/// A space, and when the oldest event of a replay happened, if it begins with `gap`.
pub(super) async fn read_space(
    app: &App,
    id: SpaceId,
    since: Option<i64>,
) -> Result<Option<(Space, Option<Millis>)>, Refusal> {
    app.reads
        .read(move |reader| {
            let Some(space) = reader.space(id)? else { return Ok(None) };
            if since.and_then(|since| gap(&space, since)).is_none() {
                return Ok(Some((space, None)));
            }
            let page = reader.space_events(space.no, space.oldest_seq - 1, 1, ONE_EVENT_BYTES)?;
            Ok(page.map(|page| (space, first_at(&page))))
        })
        .await
}

fn first_at(page: &EventsPage) -> Option<Millis> {
    page.events.first().map(|event| event.at)
}
