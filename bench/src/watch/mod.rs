//! Watches the streams of one server for the comparison with peers: opens as many sockets as it is told, has messages
//! made, and says how many arrived and how old they were. One step comes in as a line of JSON, and what came of it
//! goes out as one. The server runs elsewhere, and whoever asks measures it meanwhile.

mod marks;
mod publish;
mod servers;

use std::io::{BufRead, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::fanout::{BATCH, WINDOW, needed};
use crate::http_client::Target;
use crate::load::percentile;
use crate::readers::Readers;
use marks::Marks;
use publish::Publisher;
use servers::Kind;

/// How long freshly opened sockets are left alone.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(clap::Args)]
pub(crate) struct Options {
    kind: Kind,
    #[arg(long)]
    address: SocketAddr,
    /// Where messages are made, if not at the server itself
    #[arg(long)]
    publish: Option<SocketAddr>,
    /// Emit's admin key
    #[arg(long, default_value = "")]
    key: String,
}

#[derive(Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
enum Step {
    /// What messages are about. `own`: a topic for each socket instead of one for all. `bytes` are added to messages
    /// of about 220.
    Prepare {
        sockets: usize,
        #[serde(default)]
        own: bool,
        #[serde(default)]
        bytes: usize,
    },
    /// The sockets, of which so many never read.
    Open {
        #[serde(default)]
        slow: usize,
    },
    /// Messages as fast as the sockets take them.
    Flood {
        seconds: f64,
    },
    /// So many messages a second, one a call.
    Pace {
        rate: u64,
        seconds: f64,
    },
    Close,
}

#[derive(Serialize, Default)]
struct Outcome {
    deliveries: u64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<f64>,
}

/// What messages are made of, and for how many sockets.
struct Prepared {
    publisher: Publisher,
    sockets: usize,
    own: bool,
}

/// What is open.
struct Watch {
    publisher: Publisher,
    readers: Readers<Marks>,
    /// How many sockets one message goes to.
    reached: u64,
    /// Messages so far.
    published: u64,
    _slow: Vec<TcpStream>,
}

pub(crate) fn serve(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (mut prepared, mut watch) = (None, None);
    for line in std::io::stdin().lock().lines() {
        let step: Step = serde_json::from_str(&line?).context("a step")?;
        let outcome = runtime.block_on(async {
            match step {
                Step::Prepare { sockets, own, bytes } => {
                    prepared = Some(Prepared::new(options, sockets, own, bytes).await?);
                    Ok(Outcome::default())
                }
                Step::Open { slow } => {
                    let prepared = prepared.take().context("nothing is prepared")?;
                    watch = Some(Watch::open(options, prepared, slow).await?);
                    Ok(Outcome::default())
                }
                Step::Flood { seconds } => watch.as_mut().context("nothing is open")?.flood(seconds).await,
                Step::Pace { rate, seconds } => {
                    watch.as_mut().context("nothing is open")?.pace(rate, seconds).await
                }
                Step::Close => {
                    if let Some(watch) = watch.take() {
                        watch.readers.finish()?;
                    }
                    Ok(Outcome::default())
                }
            }
        })?;
        let mut output = std::io::stdout().lock();
        writeln!(output, "{}", serde_json::to_string(&outcome)?)?;
        output.flush()?;
    }
    Ok(())
}

impl Options {
    fn target(&self, address: SocketAddr) -> Target {
        Target { address, key: self.key.clone() }
    }
}

impl Prepared {
    async fn new(options: &Options, sockets: usize, own: bool, bytes: usize) -> Result<Self> {
        let source = options.target(options.publish.unwrap_or(options.address));
        let publisher = Publisher::new(options.kind, &source, sockets, own, bytes).await?;
        Ok(Self { publisher, sockets, own })
    }
}

impl Watch {
    async fn open(options: &Options, prepared: Prepared, slow: usize) -> Result<Self> {
        let Prepared { publisher, sockets, own } = prepared;
        let target = options.target(options.address);
        let mut opened = Vec::with_capacity(sockets);
        for index in 0..sockets {
            let topic = &publisher.topics[index % publisher.topics.len()];
            opened.push(servers::open(options.kind, &target, topic)?);
        }
        let reading = opened.split_off(slow);
        let reached = if own { 1 } else { reading.len() as u64 };
        let readers = Readers::start(reading.into_iter().map(|socket| (socket, Marks::default())).collect());
        tokio::time::sleep(SETTLE).await;
        Ok(Self { publisher, readers, reached, published: 0, _slow: opened })
    }

    async fn flood(&mut self, seconds: f64) -> Result<Outcome> {
        let (began, before) = (Instant::now(), self.readers.total());
        while began.elapsed().as_secs_f64() < seconds {
            self.readers.wait_for(needed(self.published, WINDOW, self.reached)).await?;
            self.publisher.publish(BATCH, false).await?;
            self.published += BATCH as u64;
        }
        self.readers.wait_for(self.published * self.reached).await?;
        let deliveries = self.readers.total() - before;
        Ok(Outcome { deliveries, seconds: began.elapsed().as_secs_f64(), ..Outcome::default() })
    }

    async fn pace(&mut self, rate: u64, seconds: f64) -> Result<Outcome> {
        let (began, before) = (Instant::now(), self.readers.total());
        let gap = Duration::from_secs(1) / u32::try_from(rate)?;
        for number in 0..(rate as f64 * seconds) as u32 {
            tokio::time::sleep_until((began + gap * number).into()).await;
            self.publisher.publish(1, true).await?;
            self.published += 1;
        }
        self.readers.wait_for(self.published * self.reached).await?;
        let deliveries = self.readers.total() - before;
        // The reading thread adds the ages before it counts, so that all are there.
        let mut ages = self.readers.take_ages();
        ages.sort_unstable();
        let at = |share| (!ages.is_empty()).then(|| f64::from(percentile(&ages, share)) / 1_000.0);
        Ok(Outcome { deliveries, seconds: began.elapsed().as_secs_f64(), p50_ms: at(0.5), p99_ms: at(0.99) })
    }
}

/// Microseconds since 1970: a clock that all processes of the machine share.
fn stamp() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or_default()
}
