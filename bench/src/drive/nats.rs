//! NATS JetStream in NATS's text protocol: a stream with work-queue retention and one durable pull consumer a queue.
//! Every publish waits for its acknowledgement, and every acknowledgement for the server's word that it has it.

use std::ops::Range;

use anyhow::{Result, bail, ensure};
use serde_json::json;

use super::{Client, Shape, number_in, payload};
use crate::http_client::Target;
use crate::text_client::TextClient;

/// Inboxes are the connection's own, because each draws its name.
pub(super) struct Connection {
    text: TextClient,
    queue: String,
    inbox: String,
}

struct Message {
    reply: Option<String>,
    status: Option<u16>,
    body: Vec<u8>,
}

impl Connection {
    async fn open(target: &Target, queue: &str) -> Result<Self> {
        use std::hash::{BuildHasher, RandomState};
        let mut text = TextClient::connect(target).await?;
        ensure!(text.line().await?.starts_with("INFO "), "not a NATS server");
        let inbox = format!("_INBOX.{:016x}", RandomState::new().hash_one(0_u8));
        text.queue(&format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}}\r\n\
             SUB {inbox} 1\r\n"
        ));
        text.send().await?;
        Ok(Self { text, queue: queue.to_owned(), inbox })
    }

    fn publish(&mut self, subject: &str, body: &str) {
        self.text.queue(&format!("PUB {subject} {} {}\r\n{body}\r\n", self.inbox, body.len()));
    }

    async fn message(&mut self) -> Result<Message> {
        loop {
            let line = self.text.line().await?;
            let words: Vec<&str> = line.split(' ').collect();
            match words.as_slice() {
                ["MSG", _, _, reply @ .., length] => {
                    let body = self.text.body(length.parse()?).await?;
                    return Ok(Message {
                        reply: reply.first().map(|&reply| reply.to_owned()),
                        status: None,
                        body,
                    });
                }
                ["HMSG", _, _, reply @ .., head, length] => {
                    let body = self.text.body(length.parse()?).await?;
                    let head = std::str::from_utf8(&body[..head.parse::<usize>()?])?;
                    let status = head.lines().next().and_then(|line| line.split(' ').nth(1));
                    let status = status.and_then(|status| status.parse().ok());
                    return Ok(Message { reply: reply.first().map(|&reply| reply.to_owned()), status, body });
                }
                ["PING"] => {
                    self.text.queue("PONG\r\n");
                    self.text.send().await?;
                }
                ["INFO", ..] | ["+OK"] => {}
                _ => bail!("NATS said {line}"),
            }
        }
    }

    async fn api(&mut self, call: &str, body: &serde_json::Value) -> Result<()> {
        self.publish(&format!("$JS.API.{call}"), &body.to_string());
        self.text.send().await?;
        let answer = self.message().await?;
        let text = String::from_utf8_lossy(&answer.body);
        ensure!(!text.contains("\"error\""), "{call}: {text}");
        Ok(())
    }

    /// Sends the word to each job's reply subject and waits until the server has taken it.
    async fn tell(&mut self, word: &str, jobs: &[String]) -> Result<()> {
        for job in jobs {
            self.publish(job, word);
        }
        self.text.send().await?;
        for _ in jobs {
            let answer = self.message().await?;
            ensure!(answer.status.is_none(), "{word} was answered with status {:?}", answer.status);
        }
        Ok(())
    }
}

impl Client for Connection {
    /// The subject to which its acknowledgement goes.
    type Job = String;

    async fn prepare(target: &Target, queue: &str) -> Result<String> {
        let mut connection = Self::open(target, queue).await?;
        let stream = json!({
            "name": queue, "subjects": [format!("{queue}.jobs")], "retention": "workqueue", "storage": "file",
        });
        connection.api(&format!("STREAM.CREATE.{queue}"), &stream).await?;
        let consumer = json!({
            "stream_name": queue,
            "config": {
                "durable_name": "workers", "ack_policy": "explicit", "ack_wait": 86_400_000_000_000_u64,
                "max_ack_pending": -1, "max_waiting": 4_096,
            },
        });
        connection.api(&format!("CONSUMER.DURABLE.CREATE.{queue}.workers"), &consumer).await?;
        Ok(queue.to_owned())
    }

    async fn connect(target: &Target, queue: &str, _shape: Shape) -> Result<Self> {
        Self::open(target, queue).await
    }

    async fn create(&mut self, numbers: Range<u64>) -> Result<()> {
        let subject = format!("{}.jobs", self.queue);
        for number in numbers.clone() {
            self.publish(&subject, &payload(number));
        }
        self.text.send().await?;
        for _ in numbers {
            let answer = String::from_utf8(self.message().await?.body)?;
            ensure!(answer.contains("\"seq\"") && !answer.contains("\"error\""), "a publish: {answer}");
        }
        Ok(())
    }

    async fn reserve(&mut self, count: usize) -> Result<Vec<(u64, String)>> {
        let pull = json!({ "batch": count, "expires": 1_000_000_000 });
        self.publish(&format!("$JS.API.CONSUMER.MSG.NEXT.{}.workers", self.queue), &pull.to_string());
        self.text.send().await?;
        let mut jobs = Vec::with_capacity(count);
        while jobs.len() < count {
            let message = self.message().await?;
            match (message.status, message.reply) {
                (None, Some(reply)) => jobs.push((number_in(&message.body)?, reply)),
                // The pull ended before it was full.
                (Some(404 | 408), _) => break,
                (status, _) => bail!("a pull was answered with status {status:?}"),
            }
        }
        Ok(jobs)
    }

    async fn progress(&mut self, jobs: &[String]) -> Result<()> {
        self.tell("+WPI", jobs).await
    }

    async fn finish(&mut self, jobs: &[String]) -> Result<()> {
        self.tell("+ACK", jobs).await
    }
}
