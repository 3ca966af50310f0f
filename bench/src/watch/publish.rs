//! Who makes the messages: Emit's workers report progress, the others are told what to send.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

use super::marks::DIGITS;
use super::servers::Kind;
use super::stamp;
use crate::fanout::BATCH;
use crate::http_client::{Client, Target};
use crate::lives::ensure_all_taken;
use crate::load::{create_jobs, new_space};
use crate::text_client::TextClient;

/// A poll hands out no more at once.
const POLL_MAX: usize = 50;

pub(super) struct Publisher {
    target: Target,
    client: Connection,
    /// What a socket asks for, one for each, or one for all.
    pub(super) topics: Vec<String>,
    /// Added to each message.
    filler: String,
    next: usize,
}

enum Connection {
    /// Jobs under way; with a topic for each socket they are the topics.
    Emit {
        http: Client,
        jobs: Vec<String>,
    },
    Http(Client),
    Nats(TextClient),
}

impl Publisher {
    /// `own`: a topic for each of the sockets. `bytes`: what is added to messages of about 220.
    pub(super) async fn new(
        kind: Kind,
        target: &Target,
        sockets: usize,
        own: bool,
        bytes: usize,
    ) -> Result<Self> {
        let mut topics: Vec<String> = match own {
            true => (0..sockets).map(|index| format!("t{index}")).collect(),
            false => vec!["all".to_owned()],
        };
        let client = match kind {
            Kind::Emit | Kind::EmitSse => {
                let mut http = Client::connect(target).await?;
                let space = new_space(&mut http, target).await?;
                let jobs = running_jobs(&mut http, target, &space, if own { sockets } else { BATCH }).await?;
                topics = if own { jobs.clone() } else { vec![format!("spaces/{space}")] };
                Connection::Emit { http, jobs }
            }
            Kind::Plain | Kind::SocketIo => Connection::Http(Client::connect(target).await?),
            Kind::Nats => {
                let mut text = TextClient::connect(target).await?;
                ensure!(text.line().await?.starts_with("INFO "), "not a NATS server");
                text.queue("CONNECT {\"verbose\":false}\r\n");
                Connection::Nats(text)
            }
        };
        Ok(Self { target: target.clone(), client, topics, filler: "x".repeat(bytes), next: 0 })
    }

    /// One call that makes `count` messages, each to the next topic.
    pub(super) async fn publish(&mut self, count: usize, timed: bool) -> Result<()> {
        let time = if timed { stamp() } else { 0 };
        let data = format!(
            r#"{{"percent":50,"message":"frame 1200 of 2400{}","at":"{time:0width$}"}}"#,
            self.filler,
            width = DIGITS
        );
        let first = self.next;
        self.next += count;
        match &mut self.client {
            Connection::Emit { http, jobs } if count == 1 => {
                let path = format!("/api/v1/jobs/{}/progress", jobs[first % jobs.len()]);
                http.expect(&self.target.post(&path, data.as_bytes()), 200).await
            }
            Connection::Emit { http, jobs } => {
                let report = |index: usize| {
                    let job = &jobs[index % jobs.len()];
                    format!(r#"{{"jobId":"{job}","report":"progress","body":{data}}}"#)
                };
                let reports: Vec<String> = (first..first + count).map(report).collect();
                let body = format!("[{}]", reports.join(","));
                http.expect(&self.target.post("/api/v1/jobs/reports", body.as_bytes()), 200).await?;
                ensure_all_taken(http.body(), count)
            }
            Connection::Http(http) => {
                let mut lines = String::new();
                for index in first..first + count {
                    let topic = &self.topics[index % self.topics.len()];
                    writeln!(lines, "{topic}\t{}", message(index, &data))?;
                }
                http.expect(&self.target.post("/publish", lines.as_bytes()), 200).await
            }
            Connection::Nats(text) => {
                for index in first..first + count {
                    let topic = &self.topics[index % self.topics.len()];
                    let message = message(index, &data);
                    text.queue(&format!("PUB {topic} {}\r\n{message}\r\n", message.len()));
                }
                text.queue("PING\r\n");
                text.send().await?;
                while text.line().await? != "PONG" {}
                Ok(())
            }
        }
    }
}

/// As Emit would have written it.
fn message(seq: usize, data: &str) -> String {
    format!(
        r#"{{"jobId":"01JMWZ4V7Q8X2T5N6B3C9D0EFG","jobName":"encode","type":"progress","status":"running","data":{data},"timestamp":"2025-02-24T10:32:00.000Z","seq":{seq}}}"#
    )
}

async fn running_jobs(http: &mut Client, target: &Target, space: &str, count: usize) -> Result<Vec<String>> {
    create_jobs(http, target, space, "encode", count).await?;
    let poll = format!(r#"{{"count":{POLL_MAX},"autoAck":true}}"#);
    let poll = target.post(&format!("/api/v1/spaces/{space}/jobs/poll"), poll.as_bytes());
    let (mut ids, mut jobs) = (Vec::new(), Vec::with_capacity(count));
    while jobs.len() < count {
        http.expect(&poll, 200).await?;
        http.ids(&mut ids);
        ensure!(!ids.is_empty(), "created jobs were not handed out");
        for id in &ids {
            jobs.push(std::str::from_utf8(id).context("an id")?.to_owned());
        }
    }
    Ok(jobs)
}
