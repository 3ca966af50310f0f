//! What all parts share: how much to do, whom to start, and the few calls each of them begins with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use crate::http_client::{Client, ID_LENGTH, Target};
use crate::server::{Process, Server};

/// Two sets: one that shows that everything works, one whose figures are judged.
pub(crate) struct Sizes {
    pub(crate) rounds: usize,
    pub(crate) round: Duration,
    pub(crate) warm_up: Duration,
    pub(crate) latency: Duration,
    pub(crate) fanout_sockets: usize,
    pub(crate) fanout_rounds: usize,
    pub(crate) idle_sockets: usize,
    pub(crate) backlog_jobs: usize,
    pub(crate) polls: usize,
    pub(crate) restarts: usize,
    pub(crate) lists: usize,
}

const FULL: Sizes = Sizes {
    rounds: 7,
    round: Duration::from_secs(3),
    warm_up: Duration::from_secs(1),
    latency: Duration::from_secs(20),
    fanout_sockets: 1_000,
    fanout_rounds: 3,
    idle_sockets: 10_000,
    backlog_jobs: 1_000_000,
    polls: 2_000,
    restarts: 3,
    lists: 31,
};

const QUICK: Sizes = Sizes {
    rounds: 1,
    round: Duration::from_secs(2),
    warm_up: Duration::from_millis(300),
    latency: Duration::from_secs(3),
    fanout_sockets: 200,
    fanout_rounds: 1,
    idle_sockets: 1_000,
    backlog_jobs: 20_000,
    polls: 200,
    restarts: 1,
    lists: 5,
};

pub(crate) struct Setup {
    pub(crate) emit: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) sizes: Sizes,
    quick: bool,
}

impl Setup {
    pub(crate) fn new(emit: PathBuf, quick: bool, scratch: Option<PathBuf>) -> Result<Self> {
        let emit = emit.canonicalize().with_context(|| format!("no server at {}", emit.display()))?;
        let scratch =
            scratch.unwrap_or_else(std::env::temp_dir).canonicalize().context("the scratch folder")?;
        Ok(Self { emit, scratch, sizes: if quick { QUICK } else { FULL }, quick })
    }

    pub(crate) fn quick(&self) -> bool {
        self.quick
    }

    /// Gone with its handle.
    pub(crate) fn folder(&self) -> Result<TempDir> {
        let folder = tempfile::Builder::new().prefix("emit-bench-").tempdir_in(&self.scratch);
        folder.context("a temporary folder")
    }

    pub(crate) fn server(&self) -> Result<Server> {
        Server::start(&self.emit, self.folder()?)
    }

    /// This program again, in another role and a process of its own, as the server is.
    pub(crate) fn bare(role: &str, option: &str, file: &Path) -> Result<Process> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(role).arg(option).arg(file);
        Process::start(command)
    }

    pub(crate) fn machine(&self) -> String {
        let version = Command::new(&self.emit).arg("--version").output().ok();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        // Of the kernel's name the numbers alone: what follows is the machine's own affair.
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let kernel = kernel.split('-').next().unwrap_or_default();
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        format!(
            "{}; {cores} cores shared by server and load, Linux {}.",
            version.filter(|version| !version.is_empty()).unwrap_or_else(|| "emit".to_owned()),
            kernel.trim()
        )
    }
}

/// A space of one's own keeps what a part leaves behind out of the next part's way.
pub(crate) async fn new_space(client: &mut Client, target: &Target) -> Result<String> {
    client.expect(&target.post("/api/v1/spaces", br#"{"name":"bench"}"#), 201).await?;
    let answer: serde_json::Value = serde_json::from_slice(client.body())?;
    Ok(answer["id"].as_str().context("the space has no id")?.to_owned())
}

/// `count` jobs that nothing but the part itself will move: every timeout is a day.
pub(crate) async fn create_jobs(
    client: &mut Client,
    target: &Target,
    space: &str,
    name: &str,
    count: usize,
) -> Result<Vec<[u8; ID_LENGTH]>> {
    let job = format!(
        r#"{{"name":"{name}","payload":{{"n":1}},"timeoutSeconds":86400,"deliveryTimeoutSeconds":86400}}"#
    );
    let (mut ids, mut all) = (Vec::new(), Vec::with_capacity(count));
    while all.len() < count {
        let body = format!("[{}]", vec![job.as_str(); (count - all.len()).min(1_000)].join(","));
        client.expect(&target.post(&format!("/api/v1/spaces/{space}/jobs"), body.as_bytes()), 201).await?;
        client.ids(&mut ids);
        ensure!(!ids.is_empty(), "created jobs have no ids");
        all.append(&mut ids);
    }
    Ok(all)
}

/// The value below which the given share of the sorted samples lies.
pub(crate) fn percentile<T: Copy + Default>(sorted: &[T], share: f64) -> T {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
