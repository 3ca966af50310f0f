//! Deliveries a second to the sockets of one space stream. Events are made by batches of progress reports as fast as
//! the slowest socket takes them; every socket must get all of them, and some are read in full and checked.

use std::io::Write;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::frames::Counter;
use crate::http_client::{Client, Target};
use crate::lives::{BatchCall, SETTLE, ensure_all_taken};
use crate::load::{Setup, create_jobs, median, new_space};
use crate::readers::{Reader, Readers};
use crate::report::{Report, Row, count};
use crate::server::Process;
use crate::websocket;

/// Events in one call. About 14 kB of frames: one write that fits a socket's small send buffer.
pub(crate) const BATCH: usize = 64;

/// Events published but not yet read by all. Enough that nobody ever waits, too few to fall out of any ring.
pub(crate) const WINDOW: u64 = 8 * BATCH as u64;

const CHECK_EVERY: usize = 50;
const DELIVERIES_PER_SECOND_MIN: f64 = 2_000_000.0;
const PROGRESS: &str = r#"{"percent":50,"message":"frame 1200 of 2400"}"#;

pub(crate) async fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let sockets = setup.sizes.fanout_sockets;
    let server = setup.server()?;
    let target = server.target();
    let mut client = Client::connect(&target).await?;
    let space = new_space(&mut client, &target).await?;
    let ids = create_jobs(&mut client, &target, &space, "encode", BATCH).await?;
    let mut ack = BatchCall::new(&target, "ack", "", BATCH);
    for _ in 0..2 {
        // A poll gives 50 at most, a batch has 64.
        let poll = target.post(&format!("/api/v1/spaces/{space}/jobs/poll"), br#"{"count":50}"#);
        client.expect(&poll, 200).await?;
    }
    client.expect(ack.of(&ids), 200).await?;
    ensure_all_taken(client.body(), BATCH)?;

    let mut progress = BatchCall::new(&target, "progress", PROGRESS, BATCH);
    let request = progress.of(&ids).to_vec();
    let path = format!("/api/v1/realtime/spaces/{space}");

    // The first round also records the message that the bare writer sends.
    let mut bare: Option<Process> = None;
    let (mut rates, mut ceilings, mut ratios, mut costs) = (vec![], vec![], vec![], vec![]);
    for _ in 0..setup.sizes.fanout_rounds {
        let stage =
            Stage { setup, process: &server.process, target: &target, path: &path, request: &request };
        let real = stage.play(sockets, true).await?;
        let bare = match &mut bare {
            Some(bare) => bare,
            None => bare.insert(start_bare(setup, &real.message)?),
        };
        let bare_target = Target { address: bare.address, key: target.key.clone() };
        let stage = Stage { setup, process: bare, target: &bare_target, path: &path, request: &request };
        let ceiling = stage.play(sockets, false).await?;
        rates.push(real.per_second);
        ceilings.push(ceiling.per_second);
        ratios.push(real.per_second / ceiling.per_second);
        costs.push(real.cpu_seconds_per_million);
    }
    let rate = median(rates);
    report.row(
        Row::new(format!("deliveries a second to {} sockets of a space", count(sockets as f64)), count(rate))
            .ceiling(format!("{}, bare frame writer", count(median(ceilings))))
            .ratio(median(ratios))
            .expected(format!("≥ {}/s", count(DELIVERIES_PER_SECOND_MIN)), rate >= DELIVERIES_PER_SECOND_MIN),
    );
    report.row(Row::new("— server CPU seconds per million deliveries", format!("{:.2}", median(costs))));
    Ok(())
}

fn start_bare(setup: &Setup, message: &[u8]) -> Result<Process> {
    let file = tempfile::Builder::new().prefix("emit-bench-").tempfile_in(&setup.scratch)?;
    (&file).write_all(message)?;
    Setup::bare("bare-frames", "--message", file.path())
}

/// One server with its sockets and its publisher, real or bare.
struct Stage<'a> {
    setup: &'a Setup,
    process: &'a Process,
    target: &'a Target,
    path: &'a str,
    request: &'a [u8],
}

struct Outcome {
    per_second: f64,
    cpu_seconds_per_million: f64,
    message: Vec<u8>,
}

impl Stage<'_> {
    async fn play(&self, sockets: usize, real: bool) -> Result<Outcome> {
        let mut opened = Vec::with_capacity(sockets);
        for index in 0..sockets {
            let (stream, rest) = websocket::open(self.target, self.path)?;
            ensure!(rest.is_empty(), "a space stream began by itself");
            let checked = index % CHECK_EVERY == 0;
            opened.push((stream, if checked { Counter::checking() } else { Counter::default() }));
        }
        let readers = Readers::start(opened);
        let sockets = sockets as u64;
        tokio::time::sleep(SETTLE).await;

        let mut client = Client::connect(self.target).await?;
        let mut published = 0;
        let mut measured: Option<(Instant, u64, f64)> = None;
        let begun = Instant::now();
        let outcome = loop {
            match measured {
                None if begun.elapsed() >= self.setup.sizes.warm_up => {
                    measured = Some((Instant::now(), readers.total(), self.process.cpu_seconds()?));
                }
                Some((since, total, cpu)) if since.elapsed() >= self.setup.sizes.round => {
                    let read = (readers.total() - total) as f64;
                    let cpu = self.process.cpu_seconds()? - cpu;
                    break (read / since.elapsed().as_secs_f64(), cpu * 1e6 / read.max(1.0));
                }
                _ => {}
            }
            readers.wait_for(needed(published, WINDOW, sockets)).await?;
            client.expect(self.request, 200).await?;
            if real {
                ensure_all_taken(client.body(), BATCH)?;
            }
            published += BATCH as u64;
        };
        readers.wait_for(needed(published, 0, sockets)).await?;
        let message = ensure_all_came(&readers.finish()?, published)?;
        Ok(Outcome { per_second: outcome.0, cpu_seconds_per_million: outcome.1, message })
    }
}

impl Reader for Counter {
    fn feed(&mut self, bytes: &[u8], _ages: &mut Vec<u32>) -> Result<u64> {
        let before = self.frames;
        Self::feed(self, bytes)?;
        Ok(self.frames - before)
    }
}

/// Until, on average over the sockets, fewer than `window` of the published events are still to be read.
pub(crate) fn needed(published: u64, window: u64, sockets: u64) -> u64 {
    (published + BATCH as u64).saturating_sub(window.max(BATCH as u64)) * sockets
}

/// Every socket must have got exactly what was published; gives a message as a sample.
fn ensure_all_came(counters: &[Counter], published: u64) -> Result<Vec<u8>> {
    for (socket, counter) in counters.iter().enumerate() {
        ensure!(counter.frames == published, "socket {socket} got {} of {published} events", counter.frames);
    }
    Ok(counters.first().and_then(Counter::newest).context("no socket was checked")?.to_vec())
}
