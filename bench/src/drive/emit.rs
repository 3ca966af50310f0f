//! Emit's HTTP calls. A life without progress is create, poll with `autoAck`, complete; one with progress is all
//! five steps. Requests are built once, and only ids and numbers in them change.

use std::ops::Range;

use anyhow::Result;
use memchr::memmem;

use super::{Client, NUMBER_DIGITS, NUMBER_MARK, Shape, number_in, payload};
use crate::http_client::{self, ID_LENGTH, JobCall, Target};
use crate::lives::{BatchCall, PROGRESS, RESULT, ensure_all_taken};
use crate::load::new_space;

pub(crate) struct EmitClient {
    http: http_client::Client,
    create: Vec<u8>,
    numbers_at: Vec<usize>,
    poll: Poll,
    ack: Report,
    progress: Report,
    complete: Report,
    ids: Vec<[u8; ID_LENGTH]>,
}

/// A poll, renewed where another number of jobs is wanted: of several nodes one may find fewer than there are.
struct Poll {
    target: Target,
    path: String,
    auto_ack: bool,
    count: usize,
    request: Vec<u8>,
}

impl Poll {
    fn new(target: Target, path: String, auto_ack: bool) -> Self {
        Self { target, path, auto_ack, count: 0, request: Vec::new() }
    }

    fn of(&mut self, count: usize) -> &[u8] {
        if self.count != count {
            self.count = count;
            // A short wait, so that waiting workers see the end of a phase; it renews itself.
            let body = format!(r#"{{"count":{count},"waitSeconds":1,"autoAck":{}}}"#, self.auto_ack);
            self.request = self.target.post(&self.path, body.as_bytes());
        }
        &self.request
    }
}

enum Report {
    Single(JobCall),
    Batch(BatchCall),
}

impl Report {
    fn new(target: &Target, kind: &str, body: &str, batch: usize) -> Self {
        match batch {
            1 => Self::Single(target.job_call(kind, body.as_bytes())),
            _ => Self::Batch(BatchCall::new(target, kind, body, batch)),
        }
    }

    async fn send(&mut self, http: &mut http_client::Client, jobs: &[[u8; ID_LENGTH]]) -> Result<()> {
        match self {
            Self::Single(call) => {
                for id in jobs {
                    http.expect(call.of(id), 200).await?;
                }
                Ok(())
            }
            Self::Batch(call) => {
                http.expect(call.of(jobs), 200).await?;
                ensure_all_taken(http.body(), jobs.len())
            }
        }
    }
}

impl Client for EmitClient {
    type Job = [u8; ID_LENGTH];

    async fn prepare(target: &Target, _queue: &str) -> Result<String> {
        new_space(&mut http_client::Client::connect(target).await?, target).await
    }

    async fn connect(target: &Target, queue: &str, shape: Shape) -> Result<Self> {
        let Shape { batch, progress } = shape;
        let jobs = format!("/api/v1/spaces/{queue}/jobs");
        let job = format!(r#"{{"name":"encode","payload":{}}}"#, payload(0));
        let body = if batch == 1 { job } else { format!("[{}]", vec![job; batch].join(",")) };
        let create = target.post(&jobs, body.as_bytes());
        Ok(Self {
            http: http_client::Client::connect(target).await?,
            numbers_at: memmem::find_iter(&create, NUMBER_MARK).map(|at| at + NUMBER_MARK.len()).collect(),
            create,
            poll: Poll::new(target.clone(), format!("{jobs}/poll"), !progress),
            ack: Report::new(target, "ack", "", batch),
            progress: Report::new(target, "progress", PROGRESS, batch),
            complete: Report::new(target, "complete", RESULT, batch),
            ids: Vec::new(),
        })
    }

    async fn create(&mut self, numbers: Range<u64>) -> Result<()> {
        for (at, number) in self.numbers_at.iter().zip(numbers) {
            self.create[*at..at + NUMBER_DIGITS].copy_from_slice(format!("{number:010}").as_bytes());
        }
        self.http.expect(&self.create, 201).await
    }

    async fn reserve(&mut self, count: usize) -> Result<Vec<(u64, Self::Job)>> {
        self.http.expect(self.poll.of(count), 200).await?;
        self.http.ids(&mut self.ids);
        let mut rest = self.http.body();
        let mut jobs = Vec::with_capacity(self.ids.len());
        for id in &self.ids {
            jobs.push((number_in(rest)?, *id));
            let at = memmem::find(rest, NUMBER_MARK).unwrap_or_default() + NUMBER_MARK.len();
            rest = &rest[at..];
        }
        Ok(jobs)
    }

    async fn progress(&mut self, jobs: &[Self::Job]) -> Result<()> {
        self.ack.send(&mut self.http, jobs).await?;
        self.progress.send(&mut self.http, jobs).await
    }

    async fn finish(&mut self, jobs: &[Self::Job]) -> Result<()> {
        self.complete.send(&mut self.http, jobs).await
    }
}
