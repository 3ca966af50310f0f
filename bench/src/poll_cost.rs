//! What a poll costs at a large backlog against a small one. Two servers, asked in turns over one connection each,
//! so that a slow moment of the machine meets both.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::backlog::{Backlog, RARE_NAME};
use crate::http_client::{Client, JobCall};
use crate::load::{Setup, percentile};
use crate::report::{Report, Row, count, microseconds};

const SMALL_JOBS: usize = 1_000;
const RATIO_MAX: f64 = 1.2;

/// Long enough for a checkpoint or a cleaning that the filling left behind to end.
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(setup: &Setup, large: &Backlog, report: &mut Report) -> Result<()> {
    let small = Backlog::fill(setup, SMALL_JOBS).await?;
    tokio::time::sleep(SETTLE).await;
    let at = |jobs: usize| count(jobs as f64);
    for (filter, body, finds) in [
        ("no filter", r#"{"count":1}"#.to_owned(), true),
        ("a name that ten have", format!(r#"{{"count":1,"name":"{RARE_NAME}"}}"#), true),
        ("a name that none has", r#"{"count":1,"name":"absent"}"#.to_owned(), false),
    ] {
        let mut few = Poller::new(&small, &body, finds).await?;
        let mut many = Poller::new(large, &body, finds).await?;
        for round in 0..setup.sizes.polls + setup.sizes.polls / 10 {
            // The first tenth warms up; who goes first changes, for the second finds the processor's caches used.
            if round == setup.sizes.polls / 10 {
                few.samples.clear();
                many.samples.clear();
            }
            let (first, second) = if round % 2 == 0 { (&mut few, &mut many) } else { (&mut many, &mut few) };
            first.poll().await?;
            second.poll().await?;
        }
        let (few, many) = (few.median(), many.median());
        let ratio = many.as_secs_f64() / few.as_secs_f64();
        report.row(
            Row::new(format!("a poll at {} pending, {filter}", at(large.jobs)), microseconds(many))
                .ceiling(format!("{} at {}", microseconds(few), at(small.jobs)))
                .ratio(ratio)
                .expected(format!("ratio ≤ {RATIO_MAX}"), ratio <= RATIO_MAX),
        );
    }
    Ok(())
}

struct Poller {
    client: Client,
    poll: Vec<u8>,
    release: JobCall,
    finds: bool,
    samples: Vec<Duration>,
}

impl Poller {
    async fn new(backlog: &Backlog, body: &str, finds: bool) -> Result<Self> {
        let target = backlog.server.target();
        Ok(Self {
            client: Client::connect(&target).await?,
            poll: target.post(&format!("/api/v1/spaces/{}/jobs/poll", backlog.space), body.as_bytes()),
            release: target.job_call("release", b""),
            finds,
            samples: Vec::new(),
        })
    }

    /// Only the poll is timed; the job goes back, so that the backlog keeps its size.
    async fn poll(&mut self) -> Result<()> {
        let began = Instant::now();
        self.client.expect(&self.poll, 200).await?;
        self.samples.push(began.elapsed());
        if self.finds {
            let id = self.client.id().context("a poll found nothing in a full backlog")?;
            self.client.expect(self.release.of(&id), 200).await?;
        } else {
            ensure!(self.client.id().is_none(), "a poll found a name that no job has");
        }
        Ok(())
    }

    fn median(&mut self) -> Duration {
        self.samples.sort();
        percentile(&self.samples, 0.5)
    }
}
