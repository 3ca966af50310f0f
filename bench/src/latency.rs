//! From sending a create to having a waiting worker's poll answered, at 200 creates a second.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::drive::{EmitClient, create_to_start};
use crate::http_client::{Client, Target};
use crate::lives::{Shape, create_request, start_bare};
use crate::load::{Setup, new_space, percentile};
use crate::report::{Report, Row, milliseconds};

const CREATES_PER_SECOND: u64 = 200;

/// As many connections create, and as many workers wait.
const CLIENTS: usize = 8;

pub(crate) async fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let server = setup.server()?;
    let target = server.target();
    let mut client = Client::connect(&target).await?;
    let space = new_space(&mut client, &target).await?;
    let bare = start_bare(setup, Shape::Single, &target, &space).await?;

    let creates = CREATES_PER_SECOND * setup.sizes.latency.as_secs();
    let samples =
        create_to_start::<EmitClient>(&target, &space, CREATES_PER_SECOND, creates, CLIENTS).await?;
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
