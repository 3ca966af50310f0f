//! The engine in process beside the bare store: what queueing, grouping and answering cost on top of the commits.
//!
//! Both sides live whole lives (create, claim, ack, progress, complete) and count transitions. While one batch
//! commits the next gathers, so that two batches of callers keep the engine's batches at the bare store's size.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use emit_core::apply::create;
use emit_core::ids::Id;
use emit_core::retry::Backoff;
use emit_core::{Circumstances, Command, Job, NewJob, RawJson, Report as WorkerReport, Spec, apply};
use emit_server::clock::Clock;
use emit_server::engine::{Caller, Engine, ReportCall, Shared};
use emit_server::fresh::{new_space, public_token};
use emit_server::keyring::Keyring;
use emit_server::reads::Reads;
use emit_server::realtime::Hub;
use emit_store::sqlite::SqliteStore;
use emit_store::{Change, Store};

use crate::load::{Setup, median};
use crate::report::{Report, Row, count};

/// Transitions in one commit.
const BATCH: usize = 64;
/// Callers of the engine: one batch commits, one gathers.
const CALLERS: usize = 2 * BATCH;
/// Turns of the two sides: short and many, so that both see the same machine.
const ROUNDS: usize = 9;
const RATIO_MIN: f64 = 0.8;
const TRANSITIONS_PER_LIFE: u64 = 5;

pub(crate) async fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let time = if setup.quick() { Duration::from_millis(300) } else { Duration::from_secs(2) };
    let (mut engine_rates, mut store_rates, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let store = setup.folder()?;
        let bare = tokio::task::spawn_blocking(move || bare_store(store.path(), time)).await??;
        let engine = engine(setup, time).await?;
        ratios.push(engine / bare);
        engine_rates.push(engine);
        store_rates.push(bare);
    }
    let ratio = median(ratios);
    report.row(
        Row::new("engine in process, transitions a second, 128 callers", count(median(engine_rates)))
            .ceiling(format!("{} (bare store, batches of 64)", count(median(store_rates))))
            .ratio(ratio)
            .expected(format!("≥ {RATIO_MIN}"), ratio >= RATIO_MIN),
    );
    Ok(())
}

fn new_job() -> NewJob {
    NewJob {
        spec: Arc::new(Spec {
            name: "encode".into(),
            timeout_ms: 300_000,
            delivery_timeout_ms: 60_000,
            backoff: Backoff::default(),
            tags: None,
            idempotency_key: None,
            traceparent: None,
            callback: None,
        }),
        payload: Some(RawJson::from(format!("{{\"source\":\"{}\"}}", "x".repeat(180)))),
        max_retries: 3,
        priority: 0,
        scheduled_for: None,
        expires_at: None,
        fingerprint: [0; 32],
    }
}

fn progress() -> RawJson {
    "{\"percent\":50,\"message\":\"frame 1200 of 2400\"}".into()
}

fn result() -> RawJson {
    "{\"url\":\"s3://clips/000123.mp4\"}".into()
}

/// Nothing but transactions: load 64 rows, apply, write, commit.
fn bare_store(folder: &std::path::Path, time: Duration) -> Result<f64> {
    let store = SqliteStore::open(folder).map_err(|why| anyhow!("{why}"))?;
    let mut writer = store.writer()?;
    let clock = Clock::start();
    writer.begin()?;
    let space = writer.insert_space(&new_space("bench", clock.now()))?;
    writer.commit(&mut [])?;
    let mut random = 1u128;
    let mut transitions = 0;
    let start = Instant::now();
    while start.elapsed() < time {
        let mut jobs: Vec<Job> = Vec::new();
        for phase in 0..TRANSITIONS_PER_LIFE {
            let now = clock.now();
            writer.begin()?;
            // A poll looks for its candidates; every other command loads the row it names.
            let present = match phase {
                0 => Vec::new(),
                1 => writer.claimable(space.no, &[], BATCH, BATCH)?,
                _ => {
                    let ids: Vec<Id> = jobs.iter().map(|job| job.id).collect();
                    writer.load(&ids)?.into_iter().flatten().collect()
                }
            };
            let mut changes = Vec::with_capacity(BATCH);
            for index in 0..BATCH {
                random += 1;
                changes.push(next(phase, present.get(index), space.no, now, random)?);
            }
            writer.write(now, &mut changes)?;
            if phase == 1 {
                writer.contents(&present, usize::MAX)?;
            }
            writer.commit(&mut changes)?;
            jobs = changes.into_iter().map(|change| change.job).collect();
            transitions += BATCH as u64;
        }
    }
    Ok(transitions as f64 / start.elapsed().as_secs_f64())
}

fn next(phase: u64, job: Option<&Job>, space: i64, now: i64, random: u128) -> Result<Change> {
    let id = Id::from_parts(now, random.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let command = match phase {
        0 => {
            let new = new_job();
            return Ok(Change::of(None, create(id, space, &new, now)));
        }
        1 => Command::Deliver { delivery: id, worker: None, auto_ack: false },
        2 => report(WorkerReport::Ack),
        3 => report(WorkerReport::Progress(progress())),
        _ => report(WorkerReport::Complete(result())),
    };
    let job = job.ok_or_else(|| anyhow!("a job is missing"))?;
    let given = Circumstances { now, chance: 0.5, max_deliveries: None };
    Ok(Change::of(Some(job), apply(job, &command, &given).map_err(|refusal| anyhow!("{refusal:?}"))?))
}

fn report(report: WorkerReport) -> Command {
    Command::Report { fence: None, report }
}

/// The same lives through the engine's queue, each caller waiting for its answer.
async fn engine(setup: &Setup, time: Duration) -> Result<f64> {
    let folder = setup.folder()?;
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.path()).map_err(|why| anyhow!("{why}"))?);
    let clock = Arc::new(Clock::start());
    let reads = Reads::open(store.clone())?;
    let keyring = Arc::new(Keyring::new(reads, clock.clone()));
    let hub = Arc::new(Hub::new());
    let (engine, _thread) = Engine::start(
        store.writers()?,
        &Shared { clock: clock.clone(), hub, keyring, outlet: Arc::default(), outbox: Arc::default() },
    )?;
    let now = clock.now();
    let made = engine.create_space(new_space("bench", now), public_token(now)).await;
    let space = made.map_err(|refusal| anyhow!("{refusal:?}"))?.space.id;

    let stop = Arc::new(AtomicBool::new(false));
    let transitions = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (engine, stop, transitions) = (engine.clone(), stop.clone(), transitions.clone());
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    live(&engine, space).await.map_err(|refusal| anyhow!("{refusal:?}"))?;
                    transitions.fetch_add(TRANSITIONS_PER_LIFE, Ordering::Relaxed);
                }
                Ok::<_, anyhow::Error>(())
            })
        })
        .collect();
    tokio::time::sleep(time).await;
    let rate = transitions.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    for caller in callers {
        caller.await??;
    }
    Ok(rate)
}

async fn live(engine: &Engine, space: Id) -> std::result::Result<(), emit_core::Refusal> {
    let mut created = engine.create(space, vec![new_job()]).await?;
    let Some(created) = created.pop() else { return Ok(()) };
    let job = created.done.job.id;
    engine.claim(Caller::default(), job, None).await?.written();
    for report in [WorkerReport::Ack, WorkerReport::Progress(progress()), WorkerReport::Complete(result())] {
        let call = ReportCall { job, fence: None, report, logs: Vec::new() };
        engine.report(Caller::default(), call).await?;
    }
    Ok(())
}
