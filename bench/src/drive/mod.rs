//! Drives one system for the comparison with peers: it reads one phase a line from its input, loads the server with
//! it, and prints what came of it as one line of JSON. `bench/peers/drivers` holds the same contract for the systems
//! whose clients are libraries of Node; whoever asks measures the server meanwhile.

mod beanstalkd;
mod emit;
mod nats;
mod phases;

use std::future::Future;
use std::io::{BufRead, Write as _};
use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::http_client::Target;

pub(crate) use emit::EmitClient;
pub(crate) use phases::create_to_start;

#[derive(clap::Args)]
pub(crate) struct Options {
    system: System,
    #[arg(long)]
    address: SocketAddr,
    /// Emit's admin key
    #[arg(long, default_value = "")]
    key: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum System {
    Emit,
    Beanstalkd,
    Nats,
}

/// What is asked. Each phase names a queue, so that none meets what another left behind.
#[derive(Deserialize)]
struct Asked {
    phase: Phase,
    #[serde(default)]
    queue: String,
    /// Queues that somebody else has made, by the server's names, in place of `queue`: the clients take turns at them.
    #[serde(default)]
    made: Vec<String>,
    #[serde(default = "one")]
    clients: usize,
    /// Jobs in one call.
    #[serde(default = "one")]
    batch: usize,
    /// Whether a life reports progress between its start and its end.
    #[serde(default)]
    progress: bool,
    #[serde(default)]
    seconds: f64,
    /// Creates a second.
    #[serde(default)]
    rate: u64,
    /// Jobs to leave in the queue.
    #[serde(default)]
    count: u64,
}

fn one() -> usize {
    1
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    Lives,
    Create,
    Fill,
    Latency,
}

/// What is answered.
#[derive(Serialize, Default)]
struct Answered {
    /// Jobs, to the last one that was under way.
    done: u64,
    /// From the first call to the last answer.
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
}

/// What a client will do all the time.
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    /// How many jobs each call is about; 1 means the calls for single jobs.
    batch: usize,
    /// Whether what is reserved will have its progress reported before it is finished.
    progress: bool,
}

impl Shape {
    pub(crate) const SINGLE: Self = Self { batch: 1, progress: false };
}

/// One connection to a job system. `queue` is whatever [`Client::prepare`] named it.
pub(crate) trait Client: Sized + Send + 'static {
    type Job: Send + Sync;

    /// Makes the queue, and gives the name under which the server knows it.
    fn prepare(target: &Target, queue: &str) -> impl Future<Output = Result<String>> + Send;

    fn connect(target: &Target, queue: &str, shape: Shape) -> impl Future<Output = Result<Self>> + Send;

    /// One job for each number, which its payload carries.
    fn create(&mut self, numbers: Range<u64>) -> impl Future<Output = Result<()>> + Send;

    /// Up to `count` jobs with their numbers; waits about a second for the first, and may then come back empty.
    fn reserve(&mut self, count: usize) -> impl Future<Output = Result<Vec<(u64, Self::Job)>>> + Send;

    /// A sign of life in the middle, the nearest thing to a progress report that the system has. An acknowledgement
    /// that work has begun goes with it.
    fn progress(&mut self, jobs: &[Self::Job]) -> impl Future<Output = Result<()>> + Send;

    fn finish(&mut self, jobs: &[Self::Job]) -> impl Future<Output = Result<()>> + Send;
}

/// A job's payload, the same for every system: what to do, for whom, where to put it, and its number.
fn payload(number: u64) -> String {
    format!(
        r#"{{"source":"s3://uploads/2025/02/24/clip-000123.mov","target":"s3://clips/000123.mp4","preset":"1080p","customer":"c_8f14e45f","notify":true,"number":"{number:010}"}}"#
    )
}

/// The number in the first payload at or after the start of these bytes.
fn number_in(bytes: &[u8]) -> Result<u64> {
    let at = memchr::memmem::find(bytes, NUMBER_MARK).context("a job came without its number")?;
    let digits = bytes.get(at + NUMBER_MARK.len()..).and_then(|rest| rest.get(..NUMBER_DIGITS));
    Ok(std::str::from_utf8(digits.context("a cut number")?)?.parse()?)
}

const NUMBER_MARK: &[u8] = br#""number":""#;
const NUMBER_DIGITS: usize = 10;

pub(crate) fn serve(options: &Options) -> Result<()> {
    let target = Target { address: options.address, key: options.key.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for line in std::io::stdin().lock().lines() {
        let asked: Asked = serde_json::from_str(&line?).context("a phase")?;
        let answered = runtime.block_on(async {
            match options.system {
                System::Emit => phases::run::<EmitClient>(&target, &asked).await,
                System::Beanstalkd => phases::run::<beanstalkd::Connection>(&target, &asked).await,
                System::Nats => phases::run::<nats::Connection>(&target, &asked).await,
            }
        })?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", serde_json::to_string(&answered)?)?;
        output.flush()?;
    }
    Ok(())
}
