//! What operators ask of a space, computed when it is asked from what both stores give anyway: bounded reads of the
//! newest events and jobs. Nothing is kept but an answer for a moment, and nothing is written.

mod failures;
mod search;
mod stats;

use std::collections::HashMap;
use std::sync::Arc;

use emit_core::{Millis, Refusal, SpaceId};
use emit_store::Reader;
use tokio::sync::Mutex;

use crate::reads::Reads;

pub(crate) use search::{Found, find};

/// Events that stats look at: some 50 ms of reading.
const EVENTS_MAX: usize = 20_000;
/// And not farther back than that.
const SPAN_MS: Millis = 3_600_000;
/// Dead jobs that are grouped, and jobs one page of a search looks at.
pub(crate) const JOBS_MAX: usize = 10_000;
/// Rows of one read: others may read between two.
const PAGE: usize = 1_000;
/// Names and groups in an answer.
const ROWS_MAX: usize = 100;
/// An answer serves everybody who asks within that time, so that ten dashboards cost what one does.
const STATS_FRESH_MS: Millis = 1_000;
/// Failures are the dearer ones.
const FAILURES_FRESH_MS: Millis = 5_000;
/// Spaces whose answers are kept.
const KEPT_MAX: usize = 200;

/// Which answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// Pace, workers, oldest pending job.
    Stats,
    /// What jobs died of.
    Failures,
}

struct Kept {
    at: Millis,
    text: Arc<str>,
}

/// Answers as JSON, each for its moment. The lock is held while one is computed: two who ask at once share it.
#[derive(Default)]
pub(crate) struct Insight {
    kept: Mutex<HashMap<(Ask, SpaceId), Kept>>,
}

impl Insight {
    /// The answer, or `None` if there is no such space.
    pub(crate) async fn answer(
        &self,
        reads: &Reads,
        ask: Ask,
        space: SpaceId,
        now: Millis,
    ) -> Result<Option<Arc<str>>, Refusal> {
        let mut kept = self.kept.lock().await;
        let fresh_ms = if ask == Ask::Stats { STATS_FRESH_MS } else { FAILURES_FRESH_MS };
        if let Some(Kept { at, text }) = kept.get(&(ask, space))
            && (0..fresh_ms).contains(&(now - at))
        {
            return Ok(Some(text.clone()));
        }
        let text = reads.read(move |reader| compute(reader, ask, space, now)).await?;
        let text: Option<Arc<str>> = text.map(Into::into);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        match &text {
            Some(text) => kept.insert((ask, space), Kept { at: now, text: text.clone() }),
            None => kept.remove(&(ask, space)),
        };
        Ok(text)
    }
}

fn compute(
    reader: &mut dyn Reader,
    ask: Ask,
    space: SpaceId,
    now: Millis,
) -> emit_store::Result<Option<String>> {
    let Some(found) = reader.space(space)? else { return Ok(None) };
    let text = match ask {
        Ask::Stats => serde_json::to_string(&stats::stats(reader, &found, now)?),
        Ask::Failures => serde_json::to_string(&failures::failures(reader, space)?),
    };
    Ok(text.ok())
}
