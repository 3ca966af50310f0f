//! The phases, the same for each system: closed loops of lives or creates, and creates at a fixed rate.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::{Answered, Asked, Client, Phase, Shape};
use crate::http_client::Target;
use crate::load::percentile;

/// How long after the last create all jobs must have been started.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long the workers wait before the first create leaves.
const SETTLE: Duration = Duration::from_millis(300);

pub(super) async fn run<C: Client>(target: &Target, asked: &Asked) -> Result<Answered> {
    let queues = match asked.made.as_slice() {
        [] => vec![queue_of::<C>(target, &asked.queue).await?],
        made => made.to_vec(),
    };
    match asked.phase {
        Phase::Lives => closed_loops::<C>(target, &queues, asked, Work::Lives).await,
        Phase::Create => closed_loops::<C>(target, &queues, asked, Work::Creates).await,
        Phase::Fill => closed_loops::<C>(target, &queues, asked, Work::CreatesUpTo(asked.count)).await,
        Phase::Latency => {
            let creates = (asked.rate as f64 * asked.seconds) as u64;
            let began = Instant::now();
            let samples =
                create_to_start::<C>(target, &queues[0], asked.rate, creates, asked.clients).await?;
            let ms = |share| Some(percentile(&samples, share).as_secs_f64() * 1_000.0);
            Ok(Answered {
                done: creates,
                seconds: began.elapsed().as_secs_f64(),
                p50_ms: ms(0.5),
                p99_ms: ms(0.99),
            })
        }
    }
}

/// Phases on one queue find it again under the server's name for it.
async fn queue_of<C: Client>(target: &Target, name: &str) -> Result<String> {
    static MADE: Mutex<Option<HashMap<String, String>>> = Mutex::const_new(None);
    let mut made = MADE.lock().await;
    let made = made.get_or_insert_default();
    if let Some(queue) = made.get(name) {
        return Ok(queue.clone());
    }
    let queue = C::prepare(target, name).await?;
    made.insert(name.to_owned(), queue.clone());
    Ok(queue)
}

#[derive(Clone, Copy)]
enum Work {
    Lives,
    Creates,
    CreatesUpTo(u64),
}

/// Each client does one thing after another until the time is over, and ends what it has begun: what is counted is
/// whole, and the time is that of the last answer.
async fn closed_loops<C: Client>(
    target: &Target,
    queues: &[String],
    asked: &Asked,
    work: Work,
) -> Result<Answered> {
    let shape = Shape { batch: asked.batch, progress: asked.progress };
    let mut clients = Vec::new();
    for queue in queues.iter().cycle().take(asked.clients) {
        clients.push(C::connect(target, queue, shape).await?);
    }
    let batch = asked.batch as u64;
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let until = began + Duration::from_secs_f64(asked.seconds);
    let mut loops = JoinSet::new();
    for mut client in clients {
        let next = Arc::clone(&next);
        loops.spawn(async move {
            let mut done = 0;
            loop {
                let first = next.fetch_add(batch, Ordering::Relaxed);
                let ended = match work {
                    Work::CreatesUpTo(count) => first >= count,
                    Work::Lives | Work::Creates => Instant::now() >= until,
                };
                if ended {
                    return anyhow::Ok(done);
                }
                client.create(first..first + batch).await?;
                if matches!(work, Work::Lives) {
                    live(&mut client, shape).await?;
                }
                done += batch;
            }
        });
    }
    let mut done = 0;
    while let Some(outcome) = loops.join_next().await {
        done += outcome.context("a client of the load")??;
    }
    ensure!(done > 0, "nothing was done in time");
    Ok(Answered { done, seconds: began.elapsed().as_secs_f64(), ..Answered::default() })
}

/// As many jobs as were created before, whoever made them: there is always one to be had.
async fn live<C: Client>(client: &mut C, shape: Shape) -> Result<()> {
    let mut jobs = Vec::with_capacity(shape.batch);
    while jobs.len() < shape.batch {
        jobs.extend(client.reserve(shape.batch - jobs.len()).await?.into_iter().map(|(_, job)| job));
    }
    if shape.progress {
        client.progress(&jobs).await?;
    }
    client.finish(&jobs).await
}

/// From sending a create to having a waiting worker's call answered; sorted.
pub(crate) async fn create_to_start<C: Client>(
    target: &Target,
    queue: &str,
    rate: u64,
    creates: u64,
    clients: usize,
) -> Result<Vec<Duration>> {
    let origin = Instant::now();
    let sent: Arc<Vec<AtomicU64>> = Arc::new((0..creates).map(|_| AtomicU64::new(0)).collect());
    let started = Arc::new(AtomicU64::new(0));
    let stop = Arc::new(AtomicBool::new(false));
    let mut workers = JoinSet::new();
    for _ in 0..clients {
        let mut client = C::connect(target, queue, Shape::SINGLE).await?;
        let (sent, started, stop) = (Arc::clone(&sent), Arc::clone(&started), Arc::clone(&stop));
        workers.spawn(async move {
            let mut samples = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                for (number, job) in client.reserve(1).await? {
                    let now = origin.elapsed();
                    let sent = sent.get(usize::try_from(number)?).context("a job of another phase")?;
                    samples.push(now.saturating_sub(Duration::from_nanos(sent.load(Ordering::Relaxed))));
                    started.fetch_add(1, Ordering::Relaxed);
                    client.finish(&[job]).await?;
                }
            }
            anyhow::Ok(samples)
        });
    }
    // Every worker is waiting before the first create leaves.
    tokio::time::sleep(SETTLE).await;
    create_at_rate::<C>(target, queue, rate, creates, clients, origin, &sent).await?;

    let deadline = Instant::now() + PATIENCE;
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

/// Creates leave at their times, whether or not earlier ones were answered: the connections take turns. One whose
/// connection is still busy counts from when it should have left, or a slow server would hide its own queue.
async fn create_at_rate<C: Client>(
    target: &Target,
    queue: &str,
    rate: u64,
    creates: u64,
    clients: usize,
    origin: Instant,
    sent: &Arc<Vec<AtomicU64>>,
) -> Result<()> {
    let gap = Duration::from_secs(1) / u32::try_from(rate)?;
    let mut creators = JoinSet::new();
    let mut connected = Vec::new();
    for _ in 0..clients {
        connected.push(C::connect(target, queue, Shape::SINGLE).await?);
    }
    let first = Instant::now() + gap;
    for (creator, mut client) in connected.into_iter().enumerate() {
        let sent = Arc::clone(sent);
        creators.spawn(async move {
            for number in (creator as u64..creates).step_by(clients) {
                let due = first + gap * u32::try_from(number)?;
                let late = Instant::now() > due;
                tokio::time::sleep_until(due.into()).await;
                let leaves = if late { due } else { Instant::now() };
                let nanoseconds = u64::try_from((leaves - origin).as_nanos())?;
                sent[usize::try_from(number)?].store(nanoseconds, Ordering::Relaxed);
                client.create(number..number + 1).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(outcome) = creators.join_next().await {
        outcome.context("a creating connection")??;
    }
    Ok(())
}
