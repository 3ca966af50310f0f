//! From sending a create to having a waiting worker's poll answered, at 200 creates a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;
use tokio::task::JoinSet;

use crate::http_client::{Client, Target};
use crate::lives::{SETTLE, Shape, create_request, start_bare};
use crate::load::{Setup, new_space, percentile};
use crate::report::{Report, Row, milliseconds};

const CREATES_PER_SECOND: u64 = 200;
const CREATORS: u64 = 8;
const WORKERS: usize = 8;
const MARK: &[u8] = br#""bench":""#;

pub(crate) async fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let server = setup.server()?;
    let target = server.target();
    let mut client = Client::connect(&target).await?;
    let space = new_space(&mut client, &target).await?;
    let bare = start_bare(setup, Shape::Single, &target, &space).await?;

    let creates = CREATES_PER_SECOND * setup.sizes.latency.as_secs();
    let samples = create_to_start(&target, &space, creates).await?;
    let bare_target = Target { address: bare.address, key: target.key.clone() };
    let floor = round_trips(&bare_target, &space, creates / 2).await?;

    for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
        let (measured, least) = (percentile(&samples, share), percentile(&floor, share));
        report.row(
            Row::new(format!("create to start at {CREATES_PER_SECOND}/s, {name}"), milliseconds(measured))
                .ceiling(format!("{}, one bare round trip", milliseconds(least)))
                .ratio(measured.as_secs_f64() / least.as_secs_f64()),
        );
    }
    Ok(())
}

async fn create_to_start(target: &Target, space: &str, creates: u64) -> Result<Vec<Duration>> {
    let origin = Instant::now();
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..creates).map(|_| AtomicU64::new(0)).collect());
    let started = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));

    let mut workers = JoinSet::new();
    for _ in 0..WORKERS {
        let client = Client::connect(target).await?;
        let worker = Worker {
            poll: target.post(
                &format!("/api/v1/spaces/{space}/jobs/poll"),
                // A short wait only so that the workers see the end; it renews itself and costs one call a second.
                br#"{"count":1,"waitSeconds":1,"autoAck":true}"#,
            ),
            complete: target.job_call("complete", b""),
            client,
            origin,
        };
        workers.spawn(worker.run(Arc::clone(&sent), Arc::clone(&started), Arc::clone(&stop)));
    }
    // Every worker is waiting before the first create leaves.
    tokio::time::sleep(SETTLE).await;
    create_at_rate(target, space, creates, origin, &sent).await?;

    let deadline = Instant::now() + Duration::from_secs(10);
    while started.load(Ordering::Relaxed) < creates && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut samples = Vec::with_capacity(creates as usize);
    while let Some(outcome) = workers.join_next().await {
        samples.append(&mut outcome.context("a waiting worker")??);
    }
    ensure!(samples.len() as u64 == creates, "of {creates} jobs {} were started", samples.len());
    samples.sort();
    Ok(samples)
}

struct Worker {
    client: Client,
    poll: Vec<u8>,
    complete: crate::http_client::JobCall,
    origin: Instant,
}

impl Worker {
    async fn run(
        mut self,
        sent: Arc<Vec<AtomicU64>>,
        started: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
    ) -> Result<Vec<Duration>> {
        let mut samples = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            self.client.expect(&self.poll, 200).await?;
            let now = self.origin.elapsed();
            let Some(id) = self.client.id() else { continue };
            let body = self.client.body();
            let at = memmem::find(body, MARK).context("a job came without its payload")? + MARK.len();
            let number: usize = std::str::from_utf8(&body[at..at + 8])?.parse()?;
            let sent = Duration::from_nanos(sent[number].load(Ordering::Relaxed));
            samples.push(now.saturating_sub(sent));
            started.fetch_add(1, Ordering::Relaxed);
            self.client.expect(self.complete.of(&id), 200).await?;
        }
        Ok(samples)
    }
}

/// Creates leave at their times, whether or not earlier ones were answered: eight connections take turns. One whose
/// connection is still busy counts from when it should have left, or a slow server would hide its own queue.
async fn create_at_rate(
    target: &Target,
    space: &str,
    creates: u64,
    origin: Instant,
    sent: &Arc<Vec<AtomicU64>>,
) -> Result<()> {
    let gap = Duration::from_micros(1_000_000 / CREATES_PER_SECOND);
    let first = Instant::now() + gap;
    let mut creators = JoinSet::new();
    for creator in 0..CREATORS {
        let mut client = Client::connect(target).await?;
        let body = br#"{"name":"start","payload":{"bench":"00000000"}}"#;
        let mut request = target.post(&format!("/api/v1/spaces/{space}/jobs"), body);
        let number_at = memmem::rfind(&request, MARK).context("the request's mark")? + MARK.len();
        let sent = Arc::clone(sent);
        creators.spawn(async move {
            for number in (creator..creates).step_by(CREATORS as usize) {
                let due = first + gap * u32::try_from(number)?;
                let late = Instant::now() > due;
                tokio::time::sleep_until(due.into()).await;
                request[number_at..number_at + 8].copy_from_slice(format!("{number:08}").as_bytes());
                let leaves = if late { due } else { Instant::now() };
                let nanoseconds = u64::try_from((leaves - origin).as_nanos())?;
                sent[usize::try_from(number)?].store(nanoseconds, Ordering::Relaxed);
                client.expect(&request, 201).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(outcome) = creators.join_next().await {
        outcome.context("a creating connection")??;
    }
    Ok(())
}

/// The same create at the same rate against the bare handler: what two processes and the loopback take alone.
async fn round_trips(target: &Target, space: &str, calls: u64) -> Result<Vec<Duration>> {
    let mut client = Client::connect(target).await?;
    let request = create_request(target, space);
    let mut samples = Vec::new();
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / CREATES_PER_SECOND));
    for _ in 0..calls {
        ticks.tick().await;
        let began = Instant::now();
        client.expect(&request, 201).await?;
        samples.push(began.elapsed());
    }
    samples.sort();
    Ok(samples)
}
