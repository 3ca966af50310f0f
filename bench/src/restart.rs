//! How long a server that was killed takes to listen again on a store full of open jobs, and to hand one out.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::backlog::{Backlog, create_chunk};
use crate::http_client::Client;
use crate::load::Setup;
use crate::report::{Report, Row, count};

const SECONDS_MAX: f64 = 2.0;

/// Arrays written just before the kill, so that there is something unfinished to recover.
const LAST_WRITES: usize = 5;

pub(crate) async fn run(setup: &Setup, backlog: &mut Backlog, report: &mut Report) -> Result<()> {
    let (mut listening, mut first_job) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..setup.sizes.restarts {
        let target = backlog.server.target();
        let mut client = Client::connect(&target).await?;
        for _ in 0..LAST_WRITES {
            client.expect(&create_chunk(&target, &backlog.space, 0, ""), 201).await?;
            backlog.jobs += 1_000;
        }

        backlog.server.kill_and_restart(&setup.emit)?;
        let listened = Instant::now();
        let target = backlog.server.target();
        let mut client = Client::connect(&target).await?;
        let poll = target.post(&format!("/api/v1/spaces/{}/jobs/poll", backlog.space), br#"{"count":1}"#);
        client.expect(&poll, 200).await?;
        let id = client.id().context("after the restart a poll found nothing")?;
        let polled = listened.elapsed();
        client.expect(target.job_call("release", b"").of(&id), 200).await?;

        // The slowest is judged, not the usual.
        let started_in = backlog.server.process.started_in;
        listening = listening.max(started_in);
        first_job = first_job.max(started_in + polled);
    }
    let seconds = |duration: Duration| format!("{:.3} s", duration.as_secs_f64());
    let jobs = count(backlog.jobs as f64);
    report.row(
        Row::new(
            format!(
                "from exec to listening after kill -9, {jobs} open jobs, slowest of {}",
                setup.sizes.restarts
            ),
            seconds(listening),
        )
        .expected("< 2 s", listening.as_secs_f64() < SECONDS_MAX),
    );
    report.row(Row::new("— from exec to the first job in a worker's hands", seconds(first_job)));
    Ok(())
}
