//! The load generator and the bench task. Every figure stands beside its ceiling, measured in the same run on the
//! same machine: absolute numbers move with the machine and its neighbours, ratios much less.

mod backlog;
mod bare_frames;
mod bare_http;
mod drive;
mod fanout;
mod frames;
mod http_client;
mod idle;
mod in_process;
mod latency;
mod lists;
mod lives;
mod load;
mod poll_cost;
mod readers;
mod report;
mod restart;
mod server;
mod text_client;
mod watch;
mod websocket;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::load::Setup;
use crate::report::Report;

/// The server's allocator: the parts in process are to run as they do there.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(about = "Measures Emit beside bare servers; exit code 1 where a bound falls short")]
struct Arguments {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    run: Run,
}

#[derive(Args)]
struct Run {
    /// The server to measure; by default the `emit` beside this program
    #[arg(long)]
    emit: Option<PathBuf>,
    /// About a minute: shows that everything works, judges no figure
    #[arg(long)]
    quick: bool,
    /// Only these parts
    #[arg(long, value_delimiter = ',')]
    only: Vec<Part>,
    /// Where the stores live while the run lasts; on a tmpfs syncs would cost nothing
    #[arg(long)]
    scratch: Option<PathBuf>,
    /// Also write the table to this file
    #[arg(long)]
    report: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Role {
    /// A ceiling: canned answers from bare axum handlers
    #[command(hide = true)]
    BareHttp(bare_http::Options),
    /// A ceiling: frames written to sockets and nothing else
    #[command(hide = true)]
    BareFrames(bare_frames::Options),
    /// Loads one job system as it is told, for the comparison with peers
    #[command(hide = true)]
    Drive(drive::Options),
    /// Watches the streams of one server as it is told, for the comparison with peers
    #[command(hide = true)]
    Watch(watch::Options),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Part {
    Lives,
    Batches,
    Latency,
    Fanout,
    Idle,
    InProcess,
    Polls,
    Restart,
    Lists,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.role {
        Some(Role::BareHttp(options)) => bare_http::serve(&options).map(|()| true),
        Some(Role::BareFrames(options)) => bare_frames::serve(&options).map(|()| true),
        Some(Role::Drive(options)) => drive::serve(&options).map(|()| true),
        Some(Role::Watch(options)) => watch::serve(&options).map(|()| true),
        None => measure(&arguments.run),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("emit-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(run: &Run) -> Result<bool> {
    raise_descriptor_limit()?;
    let emit = match &run.emit {
        Some(path) => path.clone(),
        None => std::env::current_exe()?.with_file_name("emit"),
    };
    let setup = Setup::new(emit, run.quick, run.scratch.clone())?;
    let mut report = Report::new(setup.quick());
    report.note(setup.machine());

    // Two threads, as the server has: the generator is never the only one that may use both cores.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(all_parts(&setup, run, &mut report));

    let table = report.markdown();
    println!("{table}");
    if let Some(path) = &run.report {
        std::fs::write(path, &table).with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(report.holds())
}

/// A part that fails becomes a row of its own, so that the others still report.
async fn all_parts(setup: &Setup, run: &Run, report: &mut Report) {
    let chosen: BTreeSet<Part> = run.only.iter().copied().collect();
    let wants = |part: Part| chosen.is_empty() || chosen.contains(&part);

    if wants(Part::Lives) {
        let outcome = lives::run(setup, lives::Shape::Single, report).await;
        report.part_ended("lives, single calls", outcome);
    }
    if wants(Part::Batches) {
        let outcome = lives::run(setup, lives::Shape::Batch, report).await;
        report.part_ended("lives, batches", outcome);
    }
    if wants(Part::Latency) {
        let outcome = latency::run(setup, report).await;
        report.part_ended("create to start", outcome);
    }
    if wants(Part::Fanout) {
        let outcome = fanout::run(setup, report).await;
        report.part_ended("deliveries", outcome);
    }
    if wants(Part::Idle) {
        let outcome = idle::run(setup, report).await;
        report.part_ended("idle streams", outcome);
    }
    if wants(Part::InProcess) {
        let outcome = in_process::run(setup, report).await;
        report.part_ended("in process", outcome);
    }
    if wants(Part::Polls) || wants(Part::Restart) || wants(Part::Lists) {
        let outcome = with_backlog(setup, &wants, report).await;
        report.part_ended("backlog", outcome);
    }
}

/// The parts that need the large backlog share one, because filling it takes longer than measuring.
async fn with_backlog(setup: &Setup, wants: &dyn Fn(Part) -> bool, report: &mut Report) -> Result<()> {
    let mut large = backlog::Backlog::fill(setup, setup.sizes.backlog_jobs).await?;
    report.note(large.summary());
    if wants(Part::Polls) {
        let outcome = poll_cost::run(setup, &large, report).await;
        report.part_ended("poll cost", outcome);
    }
    if wants(Part::Restart) {
        let outcome = restart::run(setup, &mut large, report).await;
        report.part_ended("restart", outcome);
    }
    if wants(Part::Lists) {
        let outcome = lists::run(setup, &large, report).await;
        report.part_ended("lists", outcome);
    }
    Ok(())
}

/// 10,000 sockets need more than the usual soft limit of 1,024; children inherit what is set here.
fn raise_descriptor_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("raising the limit of open files")
}
