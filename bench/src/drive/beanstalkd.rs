//! beanstalkd's text protocol. It has no calls for many jobs; a batch is as many commands in one write.

use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};

use super::{Client, Shape, number_in, payload};
use crate::http_client::Target;
use crate::text_client::TextClient;

pub(super) struct Connection {
    text: TextClient,
}

impl Connection {
    async fn expect(&mut self, answer: &str) -> Result<()> {
        let line = self.text.line().await?;
        ensure!(line.starts_with(answer), "beanstalkd answered {line} instead of {answer}");
        Ok(())
    }

    async fn of_each(&mut self, command: &str, jobs: &[u64], answer: &str) -> Result<()> {
        for job in jobs {
            self.text.queue(&format!("{command} {job}\r\n"));
        }
        self.text.send().await?;
        for _ in jobs {
            self.expect(answer).await?;
        }
        Ok(())
    }
}

impl Client for Connection {
    type Job = u64;

    async fn prepare(_target: &Target, queue: &str) -> Result<String> {
        Ok(queue.to_owned())
    }

    async fn connect(target: &Target, queue: &str, _shape: Shape) -> Result<Self> {
        let mut connection = Self { text: TextClient::connect(target).await? };
        connection.text.queue(&format!("use {queue}\r\nwatch {queue}\r\nignore default\r\n"));
        connection.text.send().await?;
        connection.expect("USING").await?;
        connection.expect("WATCHING").await?;
        connection.expect("WATCHING").await?;
        Ok(connection)
    }

    async fn create(&mut self, numbers: Range<u64>) -> Result<()> {
        for number in numbers.clone() {
            let payload = payload(number);
            self.text.queue(&format!("put 1024 0 86400 {}\r\n{payload}\r\n", payload.len()));
        }
        self.text.send().await?;
        for _ in numbers {
            self.expect("INSERTED").await?;
        }
        Ok(())
    }

    async fn reserve(&mut self, count: usize) -> Result<Vec<(u64, u64)>> {
        // A command that waits holds up those behind it, so only a single one may.
        let seconds = u8::from(count == 1);
        self.text.queue(&format!("reserve-with-timeout {seconds}\r\n").repeat(count));
        self.text.send().await?;
        let mut jobs = Vec::with_capacity(count);
        for _ in 0..count {
            let line = self.text.line().await?;
            let mut words = line.split(' ');
            match words.next() {
                Some("RESERVED") => {
                    let job = words.next().context("an id")?.parse()?;
                    let body = self.text.body(words.next().context("a length")?.parse()?).await?;
                    jobs.push((number_in(&body)?, job));
                }
                Some("TIMED_OUT") => {}
                _ => bail!("beanstalkd answered a reserve with {line}"),
            }
        }
        Ok(jobs)
    }

    /// Extends the time to run: there is nothing to report to.
    async fn progress(&mut self, jobs: &[u64]) -> Result<()> {
        self.of_each("touch", jobs, "TOUCHED").await
    }

    async fn finish(&mut self, jobs: &[u64]) -> Result<()> {
        self.of_each("delete", jobs, "DELETED").await
    }
}
