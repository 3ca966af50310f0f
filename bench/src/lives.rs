//! Whole lives per second: create, poll, ack, progress, complete from 64 keep-alive connections, as five single
//! calls or in batches of 50; then the same bytes against bare handlers, in turns, so that both see the same machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;

use crate::bare_http::{Answer, Answers};
use crate::http_client::{Client, ID_LENGTH, JobCall, Target};
use crate::load::{Setup, median, new_space};
use crate::report::{Report, Row, count};
use crate::server::Process;

const CONNECTIONS: usize = 64;
const BATCH: usize = 50;
const RATIO_MIN: f64 = 0.4;

/// Of everyday size: what to do, for whom, and where to put it.
const JOB: &str = concat!(
    r#"{"name":"encode","payload":{"source":"s3://uploads/2025/02/24/clip-000123.mov","#,
    r#""target":"s3://clips/000123.mp4","preset":"1080p","customer":"c_8f14e45f","notify":true}}"#
);
pub(crate) const PROGRESS: &str = r#"{"percent":50,"message":"frame 1200 of 2400"}"#;
pub(crate) const RESULT: &str = r#"{"url":"s3://clips/000123.mp4","seconds":80.1}"#;

#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Single,
    Batch,
}

pub(crate) async fn run(setup: &Setup, shape: Shape, report: &mut Report) -> Result<()> {
    let server = setup.server()?;
    let target = server.target();
    let mut client = Client::connect(&target).await?;
    let space = new_space(&mut client, &target).await?;

    let bare = start_bare(setup, shape, &target, &space).await?;
    let bare_target = Target { address: bare.address, key: target.key.clone() };

    let (mut real_rates, mut bare_rates, mut ratios, mut costs) = (vec![], vec![], vec![], vec![]);
    for _ in 0..setup.sizes.rounds {
        let real = load(setup, shape, &server.process, &target, &space).await?;
        let ceiling = load(setup, shape, &bare, &bare_target, &space).await?;
        ratios.push(real.lives_per_second / ceiling.lives_per_second);
        real_rates.push(real.lives_per_second);
        bare_rates.push(ceiling.lives_per_second);
        costs.push(real.cpu_seconds_per_1000);
    }

    let (rate, ceiling, ratio) = (median(real_rates), median(bare_rates), median(ratios));
    let (figure, calls) = match shape {
        Shape::Single => ("lives a second, five single calls, 64 connections", 5.0),
        Shape::Batch => {
            ("lives a second, arrays, polls and reports of 50, 64 connections", 5.0 / BATCH as f64)
        }
    };
    let mut row = Row::new(figure, format!("{} ({} calls)", count(rate), count(rate * calls)))
        .ceiling(format!("{} ({} calls), bare axum", count(ceiling), count(ceiling * calls)))
        .ratio(ratio);
    if matches!(shape, Shape::Single) {
        row = row.expected(format!("ratio ≥ {RATIO_MIN}"), ratio >= RATIO_MIN);
    }
    report.row(row);
    report.row(Row::new("— server CPU seconds per 1,000 lives", format!("{:.3}", median(costs))));
    Ok(())
}

struct Rate {
    lives_per_second: f64,
    cpu_seconds_per_1000: f64,
}

async fn load(setup: &Setup, shape: Shape, process: &Process, target: &Target, space: &str) -> Result<Rate> {
    let lives = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let mut client = Client::connect(target).await?;
        let mut calls = Calls::new(shape, target, space);
        let (lives, stop) = (Arc::clone(&lives), Arc::clone(&stop));
        workers.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let lived = calls.live(&mut client).await?;
                lives.fetch_add(lived, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
    }
    tokio::time::sleep(setup.sizes.warm_up).await;
    let (began, cpu, before) = (Instant::now(), process.cpu_seconds()?, lives.load(Ordering::Relaxed));
    tokio::time::sleep(setup.sizes.round).await;
    let lived = (lives.load(Ordering::Relaxed) - before) as f64;
    let (elapsed, cpu) = (began.elapsed().as_secs_f64(), process.cpu_seconds()? - cpu);
    stop.store(true, Ordering::Relaxed);
    while let Some(outcome) = workers.join_next().await {
        outcome.context("a connection of the load")??;
    }
    ensure!(lived > 0.0, "no job lived to its end");
    Ok(Rate { lives_per_second: lived / elapsed, cpu_seconds_per_1000: cpu * 1_000.0 / lived })
}

/// Records what the real server answers to each call and starts the bare one with it.
pub(crate) async fn start_bare(setup: &Setup, shape: Shape, target: &Target, space: &str) -> Result<Process> {
    let mut client = Client::connect(target).await?;
    let mut calls = Calls::new(shape, target, space);
    let mut answers = Answers::new();
    // The first lives pay for cold caches and buffers that have yet to grow; the last is the one kept.
    for _ in 0..10 {
        calls.live_and_record(&mut client, Some(&mut answers)).await?;
    }
    let file = tempfile::Builder::new().prefix("emit-bench-").tempfile_in(&setup.scratch)?;
    serde_json::to_writer(&file, &answers)?;
    Setup::bare("bare-http", "--answers", file.path())
}

/// The requests of a life, built once; only the ids in them change.
struct Calls {
    create: Vec<u8>,
    poll: Vec<u8>,
    reports: Reports,
    ids: Vec<[u8; ID_LENGTH]>,
}

enum Reports {
    Single([(&'static str, JobCall); 3]),
    Batch([BatchCall; 3]),
}

impl Calls {
    fn new(shape: Shape, target: &Target, space: &str) -> Self {
        let jobs = format!("/api/v1/spaces/{space}/jobs");
        let (create, poll, reports) = match shape {
            Shape::Single => {
                let call = |name: &'static str, body: &str| (name, target.job_call(name, body.as_bytes()));
                let reports = [call("ack", ""), call("progress", PROGRESS), call("complete", RESULT)];
                (JOB.to_owned(), r#"{"count":1}"#.to_owned(), Reports::Single(reports))
            }
            Shape::Batch => {
                let call = |report: &str, body: &str| BatchCall::new(target, report, body, BATCH);
                let reports = [call("ack", ""), call("progress", PROGRESS), call("complete", RESULT)];
                let create = format!("[{}]", [JOB; BATCH].join(","));
                (create, format!(r#"{{"count":{BATCH}}}"#), Reports::Batch(reports))
            }
        };
        Self {
            create: target.post(&jobs, create.as_bytes()),
            poll: target.post(&format!("{jobs}/poll"), poll.as_bytes()),
            reports,
            ids: Vec::new(),
        }
    }

    async fn live(&mut self, client: &mut Client) -> Result<u64> {
        self.live_and_record(client, None).await
    }

    /// A poll hands out any job of the space, and the worker goes on with that one. Each connection creates before
    /// it polls, so there is always one to be had, whoever made it.
    async fn live_and_record(
        &mut self,
        client: &mut Client,
        mut record: Option<&mut Answers>,
    ) -> Result<u64> {
        let mut keep = |route: &str, client: &Client, status: u16| -> Result<()> {
            if let Some(answers) = record.as_deref_mut() {
                answers.insert(route.to_owned(), Answer::record(client, status)?);
            }
            Ok(())
        };
        client.expect(&self.create, 201).await?;
        keep("jobs", client, 201)?;
        client.expect(&self.poll, 200).await?;
        keep("poll", client, 200)?;
        match &mut self.reports {
            Reports::Single(calls) => {
                let id = client.id().context("a poll found no job although one was created before it")?;
                for (route, call) in calls {
                    client.expect(call.of(&id), 200).await?;
                    keep(route, client, 200)?;
                }
                Ok(1)
            }
            Reports::Batch(calls) => {
                client.ids(&mut self.ids);
                ensure!(self.ids.len() == BATCH, "a poll for {BATCH} found {} jobs", self.ids.len());
                for call in calls {
                    client.expect(call.of(&self.ids), 200).await?;
                    ensure_all_taken(client.body(), BATCH)?;
                    keep("reports", client, 200)?;
                }
                Ok(BATCH as u64)
            }
        }
    }
}

/// A batch answers 200 as a whole, whatever became of its items.
pub(crate) fn ensure_all_taken(answer: &[u8], items: usize) -> Result<()> {
    let taken = memmem::find_iter(answer, b"\"code\":200").count();
    ensure!(
        taken == items,
        "of {items} reports {taken} were taken: {}",
        String::from_utf8_lossy(&answer[..answer.len().min(600)])
    );
    Ok(())
}

/// `POST /jobs/reports` with one kind of report for as many jobs, patched in place.
pub(crate) struct BatchCall {
    bytes: Vec<u8>,
    id_at: Vec<usize>,
}

impl BatchCall {
    pub(crate) fn new(target: &Target, report: &str, body: &str, items: usize) -> Self {
        let blank = "0".repeat(ID_LENGTH);
        let body = if body.is_empty() { String::new() } else { format!(r#","body":{body}"#) };
        let item = format!(r#"{{"jobId":"{blank}","report":"{report}"{body}}}"#);
        let list = format!("[{}]", vec![item; items].join(","));
        let bytes = target.post("/api/v1/jobs/reports", list.as_bytes());
        let mark = br#""jobId":""#;
        let id_at = memmem::find_iter(&bytes, mark).map(|at| at + mark.len()).collect();
        Self { bytes, id_at }
    }

    pub(crate) fn of(&mut self, ids: &[[u8; ID_LENGTH]]) -> &[u8] {
        for (at, id) in self.id_at.iter().zip(ids) {
            self.bytes[*at..at + ID_LENGTH].copy_from_slice(id);
        }
        &self.bytes
    }
}

/// The create request of the single lives, for a part that only wants a round trip.
pub(crate) fn create_request(target: &Target, space: &str) -> Vec<u8> {
    target.post(&format!("/api/v1/spaces/{space}/jobs"), JOB.as_bytes())
}

/// How long a freshly started load is left alone before it counts, beside the warm-up.
pub(crate) const SETTLE: Duration = Duration::from_millis(300);
