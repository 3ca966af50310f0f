//! Child processes: the real server and the bare ones. Each says `listening on http://…`, is measured through
//! `/proc`, and is killed when its handle goes.

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;

use crate::http_client::Target;

const START_SECONDS_MAX: u64 = 60;
const LINES_KEPT: usize = 20;

pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From just before the fork to the line that names the address.
    pub(crate) started_in: Duration,
}

impl Process {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let begun = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        let (sender, receiver) = mpsc::channel();
        let lines = Arc::new(Mutex::new(VecDeque::new()));
        if let Some(output) = child.stdout.take() {
            follow(output, sender.clone(), Arc::clone(&lines));
        }
        if let Some(output) = child.stderr.take() {
            follow(output, sender, Arc::clone(&lines));
        }
        // From here on the child is owned by a value that kills it, whatever happens next.
        let mut process = Self { child, address: SocketAddr::from(([0; 4], 0)), started_in: Duration::ZERO };
        let Ok((address, at)) = receiver.recv_timeout(Duration::from_secs(START_SECONDS_MAX)) else {
            let lines = lines.lock().map(|lines| lines.iter().cloned().collect::<Vec<_>>().join("\n"));
            bail!("{} never listened:\n{}", command.get_program().display(), lines.unwrap_or_default());
        };
        process.address = address;
        process.started_in = at - begun;
        Ok(process)
    }

    /// User and system time of all threads so far, in seconds.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The program's name may hold spaces and brackets; what follows the last bracket is regular.
        let (_, fields) = stat.rsplit_once(')').context("/proc/PID/stat")?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    pub(crate) fn resident_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib << 10)
    }

    /// SIGKILL: nothing is flushed, nothing is said.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing a child")?;
        self.child.wait().context("waiting for a child")?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Reads an output to its end, for a child whose pipe is full would stand still.
fn follow(
    output: impl Read + Send + 'static,
    found: Sender<(SocketAddr, Instant)>,
    lines: Arc<Mutex<VecDeque<String>>>,
) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Some(address) = address_in(&line) {
                let _ = found.send((address, Instant::now()));
            }
            if let Ok(mut lines) = lines.lock() {
                lines.push_back(line);
                if lines.len() > LINES_KEPT {
                    lines.pop_front();
                }
            }
        }
    });
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':').unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// The real server on a data folder of its own.
pub(crate) struct Server {
    // Declared before the folder: the process must be gone before its files are.
    pub(crate) process: Process,
    folder: TempDir,
    key: String,
}

impl Server {
    pub(crate) fn start(emit: &Path, folder: TempDir) -> Result<Self> {
        let key = random_key();
        let process = serve(emit, folder.path(), &key)?;
        Ok(Self { process, folder, key })
    }

    pub(crate) fn target(&self) -> Target {
        Target { address: self.process.address, key: self.key.clone() }
    }

    /// A new process on the same folder, after the old one was killed without notice.
    pub(crate) fn kill_and_restart(&mut self, emit: &Path) -> Result<()> {
        self.process.kill()?;
        self.process = serve(emit, self.folder.path(), &self.key)?;
        Ok(())
    }
}

fn serve(emit: &Path, data: &Path, key: &str) -> Result<Process> {
    let mut command = Command::new(emit);
    command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data);
    // The folder is also the working directory, so that no emit.toml of the caller's has a say.
    command.env("EMIT_ADMIN_KEY", key).current_dir(data);
    Process::start(command)
}

/// It guards a throw-away store on the loopback; it only has to look like a key.
fn random_key() -> String {
    use std::hash::{BuildHasher, RandomState};
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut key = String::from("emit_");
    for position in 0..40_u8 {
        let draw = RandomState::new().hash_one(position) % ALPHABET.len() as u64;
        key.push(char::from(ALPHABET[draw as usize]));
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_address_whatever_stands_around_it() {
        assert_eq!(address_in("INFO listening on http://127.0.0.1:8080/ x"), "127.0.0.1:8080".parse().ok());
        assert_eq!(address_in("listening"), None);
    }
}
