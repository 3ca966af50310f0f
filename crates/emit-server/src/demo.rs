//! The worker of `emit dev`: takes the demo's jobs and reports progress as a real one would.

use std::time::Duration;

use emit_core::{RawJson, Report};

use crate::app::Demo;
use crate::engine::{Caller, Done, Engine, PollQuery, ReportCall};
use crate::start::{Server, StartError};

/// The name of the demo's jobs.
pub const JOB_NAME: &str = "generate-report";
/// What the demo says on its way.
const STEPS: [&str; 5] = ["reading", "sorting", "drawing", "printing", "binding"];
/// Between two progress reports.
const PACE: Duration = Duration::from_millis(150);

/// Lets the page at `/` create demo jobs in the space `default`, and starts a worker for them.
pub async fn prepare(server: &mut Server) -> Result<(), StartError> {
    let failed = |why: &str| StartError::Failed(why.to_owned());
    let space_id = server
        .first_steps()
        .and_then(|first| first.space)
        .ok_or_else(|| failed("the demo needs a fresh folder"))?;
    let tokens = server
        .reads()
        .read(move |reader| {
            let Some(space) = reader.space(space_id)? else { return Ok(Vec::new()) };
            reader.tokens(Some(space.no), None, 10)
        })
        .await
        .map_err(|_| failed("the demo's space cannot be read"))?;
    let public_token =
        tokens.into_iter().find_map(|token| token.secret).ok_or_else(|| failed("no public token"))?;
    server.settings_mut().demo = Some(Demo { space_id, public_token });
    let engine = server.engine();
    tokio::spawn(async move {
        loop {
            let query = PollQuery {
                names: vec![JOB_NAME.into()],
                count: 1,
                auto_ack: true,
                worker: Some("demo-worker".into()),
            };
            let Ok(polled) = engine.poll(space_id, query, Duration::from_secs(30)).await else {
                // Perhaps the store refused for a moment.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            };
            for done in &polled.jobs {
                tokio::spawn(work(engine.clone(), done.clone()));
            }
            polled.written();
        }
    });
    Ok(())
}

/// One job, from its first percent to its result.
async fn work(engine: Engine, done: Done) {
    let fence = done.job.delivery_id.map(emit_core::command::Fence::Delivery);
    let tell = |report: Report| {
        engine.report(Caller::default(), ReportCall { job: done.job.id, fence, report, logs: Vec::new() })
    };
    for percent in (0..=100).step_by(4) {
        let step = STEPS[(percent / 21).min(STEPS.len() - 1)];
        let data: RawJson = format!("{{\"percent\": {percent}, \"step\": \"{step}\"}}").into();
        if tell(Report::Progress(data)).await.is_err() {
            return;
        }
        tokio::time::sleep(PACE).await;
    }
    let _ = tell(Report::Complete("{\"pages\": 42}".into())).await;
}
