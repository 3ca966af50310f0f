//! A space with a large backlog: jobs of four common names, and ten of a rare one spread among them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;

use crate::http_client::{Client, ID_LENGTH, Target};
use crate::load::{Setup, new_space};
use crate::report::count;
use crate::server::Server;

pub(crate) const COMMON_NAMES: [&str; 4] = ["encode", "mail", "report", "thumbnail"];
pub(crate) const RARE_NAME: &str = "rare";
pub(crate) const RARE_JOBS: usize = 10;
pub(crate) const COMMON_TAG: &str = "region:eu";
pub(crate) const RARE_TAG: &str = "batch:rare";

const LONG_TIMEOUTS: &str = r#""timeoutSeconds":86400,"deliveryTimeoutSeconds":86400"#;
const CHUNK: usize = 1_000;
const CONNECTIONS: usize = 4;

pub(crate) struct Backlog {
    pub(crate) server: Server,
    pub(crate) space: String,
    pub(crate) jobs: usize,
    /// Ids from all over the backlog, one a chunk.
    pub(crate) sample: Vec<[u8; ID_LENGTH]>,
    created_per_second: f64,
}

impl Backlog {
    pub(crate) async fn fill(setup: &Setup, jobs: usize) -> Result<Self> {
        ensure!(jobs.is_multiple_of(CHUNK), "a backlog is made of arrays of {CHUNK}");
        let server = setup.server()?;
        let target = server.target();
        let space = new_space(&mut Client::connect(&target).await?, &target).await?;
        let chunks = jobs / CHUNK;
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut creators = JoinSet::new();
        for _ in 0..CONNECTIONS.min(chunks) {
            let (target, space, next) = (target.clone(), space.clone(), Arc::clone(&next));
            creators.spawn(async move { create_chunks(&target, &space, chunks, &next).await });
        }
        let mut sample = Vec::with_capacity(chunks);
        while let Some(outcome) = creators.join_next().await {
            sample.append(&mut outcome.context("a creating connection")??);
        }
        let created_per_second = jobs as f64 / began.elapsed().as_secs_f64();
        Ok(Self { server, space, jobs, sample, created_per_second })
    }

    pub(crate) fn summary(&self) -> String {
        format!(
            "Backlog: {} jobs, created in arrays of {CHUNK} over {CONNECTIONS} connections at {} a second.",
            count(self.jobs as f64),
            count(self.created_per_second)
        )
    }
}

async fn create_chunks(
    target: &Target,
    space: &str,
    chunks: usize,
    next: &AtomicUsize,
) -> Result<Vec<[u8; ID_LENGTH]>> {
    let mut client = Client::connect(target).await?;
    let mut sample = Vec::new();
    loop {
        let chunk = next.fetch_add(1, Ordering::Relaxed);
        if chunk >= chunks {
            return Ok(sample);
        }
        client.expect(&create_chunk(target, space, rare_in(chunk, chunks), ""), 201).await?;
        sample.push(client.id().context("created jobs have no ids")?);
    }
}

/// How many rare jobs this chunk holds, so that they lie evenly from the first to the last.
fn rare_in(chunk: usize, chunks: usize) -> usize {
    (chunk + 1) * RARE_JOBS / chunks - chunk * RARE_JOBS / chunks
}

/// Timeouts of a day: nothing moves these jobs but the part that measures. `more` are further fields of each job.
pub(crate) fn create_chunk(target: &Target, space: &str, rare: usize, more: &str) -> Vec<u8> {
    let mut body = String::from("[");
    for index in 0..CHUNK {
        let is_rare = rare > 0 && index % (CHUNK / rare) == CHUNK / rare / 2 && index / (CHUNK / rare) < rare;
        let name = if is_rare { RARE_NAME } else { COMMON_NAMES[index % COMMON_NAMES.len()] };
        let batch = if is_rare { "rare" } else { "usual" };
        let comma = if index > 0 { "," } else { "" };
        body.push_str(&format!(
            r#"{comma}{{"name":"{name}","payload":{{"source":"s3://uploads/2025/02/24/clip-{index:06}.mov"}},"#
        ));
        body.push_str(&format!(r#""tags":{{"region":"eu","batch":"{batch}"}},{LONG_TIMEOUTS}{more}}}"#));
    }
    body.push(']');
    target.post(&format!("/api/v1/spaces/{space}/jobs"), body.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_jobs_are_rare_whatever_the_size() {
        let target = Target { address: "127.0.0.1:1".parse().unwrap(), key: String::new() };
        for chunks in [1, 7, 20, 1_000] {
            let total: usize = (0..chunks)
                .map(|chunk| {
                    let request = create_chunk(&target, "s", rare_in(chunk, chunks), "");
                    memchr::memmem::find_iter(&request, br#""name":"rare""#).count()
                })
                .sum();
            assert_eq!(total, RARE_JOBS, "{chunks} chunks");
        }
    }
}
