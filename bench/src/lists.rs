//! Lists under any one filter over a large space that holds every status, the usual and the unusual: what is rare or
//! absent is where a list that walks instead of looking up shows itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::backlog::{Backlog, COMMON_NAMES, COMMON_TAG, RARE_JOBS, RARE_NAME, RARE_TAG, create_chunk};
use crate::http_client::{Client, ID_LENGTH, Target};
use crate::lives::{BatchCall, ensure_all_taken};
use crate::load::{Setup, percentile};
use crate::report::{Report, Row, count, milliseconds};

const MEDIAN_MAX: Duration = Duration::from_millis(50);
const LIMIT: usize = 100;
const POLL: usize = 50;
const CONNECTIONS: usize = 8;

pub(crate) async fn run(setup: &Setup, backlog: &Backlog, report: &mut Report) -> Result<()> {
    let target = backlog.server.target();
    let mut client = Client::connect(&target).await?;
    spread_over_statuses(&mut client, &target, backlog).await?;

    let jobs = count(backlog.jobs as f64);
    let path = format!("/api/v1/spaces/{}/jobs?limit={LIMIT}", backlog.space);
    let mut queries: Vec<(String, String, usize)> = Vec::new();
    for status in ["scheduled", "pending", "delivered", "running", "completed", "dead", "killed"] {
        queries.push((format!("status={status}"), format!("{path}&status={status}"), LIMIT));
    }
    let common = COMMON_NAMES[0];
    for (name, found) in [(common, LIMIT), (RARE_NAME, RARE_JOBS), ("absent", 0)] {
        queries.push((format!("name={name}"), format!("{path}&name={name}"), found));
    }
    for (tag, found) in [(COMMON_TAG, LIMIT), (RARE_TAG, RARE_JOBS), ("batch:absent", 0)] {
        queries.push((format!("tag={tag}"), format!("{path}&tag={tag}"), found));
    }
    let ids = some_ids(&backlog.sample)?;
    let named = ids.split(',').count();
    queries.push((format!("{named} ids"), format!("{path}&ids={ids}"), named));
    queries.push(("no filter".to_owned(), path.clone(), LIMIT));
    queries.push(("offset=10000".to_owned(), format!("{path}&offset=10000"), LIMIT));
    queries.push(("cursor".to_owned(), after_first_page(&mut client, &target, &path).await?, LIMIT));

    for (filter, path, found) in queries {
        let samples = time(&mut client, &target.get(&path), setup.sizes.lists, found).await;
        let samples = samples.with_context(|| format!("the list by {}", label(&filter)))?;
        let median = percentile(&samples, 0.5);
        report.row(
            Row::new(format!("list of {LIMIT} at {jobs} jobs, {}", label(&filter)), milliseconds(median))
                .expected("< 50 ms", median < MEDIAN_MAX),
        );
    }
    let counts = target.get(&format!("/api/v1/spaces/{}/counts", backlog.space));
    let samples = time(&mut client, &counts, setup.sizes.lists, 0).await?;
    report.row(Row::new(format!("counts at {jobs} jobs"), milliseconds(percentile(&samples, 0.5))));
    Ok(())
}

fn label(filter: &str) -> String {
    format!("`{filter}`")
}

async fn time(client: &mut Client, request: &[u8], times: usize, found: usize) -> Result<Vec<Duration>> {
    let (mut samples, mut ids) = (Vec::new(), Vec::new());
    for _ in 0..times {
        let began = Instant::now();
        client.expect(request, 200).await?;
        samples.push(began.elapsed());
        client.ids(&mut ids);
        ensure!(ids.len() == found, "{} jobs instead of {found}", ids.len());
    }
    samples.sort();
    Ok(samples)
}

fn some_ids(sample: &[[u8; ID_LENGTH]]) -> Result<String> {
    let step = (sample.len() / 50).max(1);
    let ids: Result<Vec<&str>, _> =
        sample.iter().step_by(step).take(50).map(|id| std::str::from_utf8(id)).collect();
    Ok(ids?.join(","))
}

/// The path of the second page, as the first one's `Link` gives it.
async fn after_first_page(client: &mut Client, target: &Target, path: &str) -> Result<String> {
    client.expect(&target.get(path), 200).await?;
    let head = std::str::from_utf8(client.head())?;
    let link = head.lines().filter_map(|line| line.split_once(':'));
    let link = link.filter(|(name, _)| name.eq_ignore_ascii_case("link")).map(|(_, value)| value).next();
    let link = link.context("a full page without Link")?;
    let (_, rest) = link.split_once('<').context("a Link without an address")?;
    Ok(rest.split('>').next().unwrap_or_default().to_owned())
}

/// A fifth of all jobs ends completed, the oldest ones, which a list of the newest finds last. Of every other status
/// there are a few hundred or thousand.
async fn spread_over_statuses(client: &mut Client, target: &Target, backlog: &Backlog) -> Result<()> {
    let space = &backlog.space;
    client
        .expect(&create_chunk(target, space, 0, r#","scheduledFor":"2035-01-01T00:00:00.000Z""#), 201)
        .await?;

    let calls = backlog.jobs / 5 / POLL;
    let (next, mut workers) = (Arc::new(AtomicUsize::new(0)), JoinSet::new());
    for _ in 0..CONNECTIONS {
        let (target, space, next) = (target.clone(), space.clone(), Arc::clone(&next));
        workers.spawn(async move {
            let mut client = Client::connect(&target).await?;
            let mut ack = BatchCall::new(&target, "ack", "", POLL);
            let mut complete = BatchCall::new(&target, "complete", r#"{"done":true}"#, POLL);
            while next.fetch_add(1, Ordering::Relaxed) < calls {
                let ids = claim(&mut client, &target, &space).await?;
                for call in [&mut ack, &mut complete] {
                    report_all(&mut client, call, &ids).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(outcome) = workers.join_next().await {
        outcome.context("a completing connection")??;
    }

    let mut ack = BatchCall::new(target, "ack", "", POLL);
    let mut fail = BatchCall::new(target, "fail", r#"{"error":"bench","retryable":false}"#, POLL);
    for _ in 0..20 {
        let ids = claim(client, target, space).await?;
        report_all(client, &mut ack, &ids).await?;
        report_all(client, &mut fail, &ids).await?;
        let ids = claim(client, target, space).await?;
        report_all(client, &mut ack, &ids).await?;
        claim(client, target, space).await?;
    }
    let kill =
        target.post(&format!("/api/v1/spaces/{space}/jobs/kill"), br#"{"status":"pending","limit":1000}"#);
    client.expect(&kill, 200).await
}

async fn claim(client: &mut Client, target: &Target, space: &str) -> Result<Vec<[u8; ID_LENGTH]>> {
    let body = format!(r#"{{"count":{POLL}}}"#);
    client.expect(&target.post(&format!("/api/v1/spaces/{space}/jobs/poll"), body.as_bytes()), 200).await?;
    let mut ids = Vec::new();
    client.ids(&mut ids);
    ensure!(ids.len() == POLL, "a poll for {POLL} found {} jobs", ids.len());
    Ok(ids)
}

async fn report_all(client: &mut Client, call: &mut BatchCall, ids: &[[u8; ID_LENGTH]]) -> Result<()> {
    client.expect(call.of(ids), 200).await?;
    ensure_all_taken(client.body(), ids.len())
}
