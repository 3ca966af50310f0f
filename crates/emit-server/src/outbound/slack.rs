//! Messages to Slack: one event a message while there are few, summed up where there are more than one a second.
//! Best effort: what Slack does not take is tried again for a while, then dropped.

use std::sync::Arc;

use emit_core::outbound::Slack;
use emit_core::{EventType, JobId, json};
use emit_store::{Change, Space};
use serde_json::{Value, json};

use super::bounds::{FAILURES, SLACK_ERROR, SLACK_NAMED, SLACK_PACE};
use super::client::headers;
use super::office::Office;
use super::pile::{Pile, back_off};
use crate::metrics::Sent;

/// The messages of one space.
pub(super) struct Channel {
    space: Space,
    slack: Slack,
    told: Pile<Told>,
}

/// What happened since the last message: how often, and the last few.
#[derive(Debug, Default)]
struct Told {
    counts: [u64; Slack::EVENTS.len()],
    last: Vec<Happened>,
}

/// One event.
#[derive(Debug, Clone)]
struct Happened {
    kind: EventType,
    job: JobId,
    name: Arc<str>,
    /// Of the last attempt, where there was one.
    duration_ms: Option<i64>,
    error: Option<String>,
}

impl Channel {
    /// That of a space that has one.
    pub(super) fn of(space: &Space) -> Option<Channel> {
        let slack = space.outbound.slack.clone()?;
        Some(Channel { space: space.clone(), slack, told: Pile::default() })
    }

    /// Whether both tell the same to the same.
    pub(super) fn is_like(&self, other: &Channel) -> bool {
        self.slack == other.slack && self.space.name == other.space.name
    }

    /// A job of the space was changed.
    pub(super) fn note(&self, change: &Change) {
        for event in change.events.iter().filter(|event| self.slack.events.contains(&event.kind)) {
            let Some(at) = Slack::EVENTS.iter().position(|kind| *kind == event.kind) else { continue };
            let job = &change.job;
            let happened = Happened {
                kind: event.kind,
                job: job.id,
                name: job.spec.name.clone(),
                duration_ms: job.completed_at.zip(job.started_at).map(|(end, start)| end - start),
                error: event.data.as_deref().and_then(error_of),
            };
            self.told.add(|told| {
                told.counts[at] += 1;
                if told.last.len() == SLACK_NAMED {
                    told.last.remove(0);
                }
                told.last.push(happened);
            });
        }
    }

    /// Sends until it is aborted.
    pub(super) async fn run(self: Arc<Self>, office: Arc<Office>) {
        loop {
            let told = self.told.take().await;
            let body = self.message(&told, &office.public_url);
            let mut failures = 0;
            while failures < FAILURES {
                let to = (self.space.no, &*self.slack.url);
                let (why, asked_ms) =
                    match office.client.post(Sent::Slack, to, headers(None), body.clone()).await {
                        Ok(answer) if answer.is_success() => break,
                        Ok(answer) => (
                            format!("it answered {}", answer.status_code),
                            answer.retry_after_ms.unwrap_or(0),
                        ),
                        Err(why) => (why, 0),
                    };
                failures += 1;
                if failures == FAILURES {
                    tracing::warn!(space = %self.space.id, why, "Slack takes no messages");
                }
                let asked = std::time::Duration::from_millis(asked_ms as u64);
                tokio::time::sleep(back_off(failures).max(asked)).await;
            }
            tokio::time::sleep(SLACK_PACE).await;
        }
    }

    fn message(&self, told: &Told, public_url: &str) -> String {
        let (text, blocks) = match &told.last[..] {
            [only] if told.counts.iter().sum::<u64>() == 1 => only.message(public_url),
            last => self.summing_up(told, last, public_url),
        };
        json!({ "text": text, "blocks": blocks }).to_string()
    }

    fn summing_up(&self, told: &Told, last: &[Happened], public_url: &str) -> (String, Vec<Value>) {
        let counted: Vec<String> = Slack::EVENTS
            .iter()
            .zip(told.counts)
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| format!("{count} {}", kind.as_str()))
            .collect();
        let head = format!("*{}*: {}", escaped(&self.space.name, 200), counted.join(", "));
        // A block each: together they might be too long for one.
        let lines = last.iter().map(|one| section(&one.line(public_url)));
        let blocks = std::iter::once(section(&head)).chain(lines).collect();
        (head, blocks)
    }
}

impl Happened {
    fn message(&self, public_url: &str) -> (String, Vec<Value>) {
        let head = format!("{} *{}* {}", self.sign(), escaped(&self.name, 200), self.kind.as_str());
        let mut blocks = vec![section(&head)];
        if let Some(error) = &self.error {
            // Three backticks would end the block.
            blocks.push(section(&format!("```{}```", escaped(&error.replace("```", "'''"), SLACK_ERROR))));
        }
        let mut rest = vec![format!("<{public_url}/jobs/{}|{}>", self.job, self.job)];
        rest.extend(self.duration_ms.map(|ms| format!("ran {} s", ms as f64 / 1_000.0)));
        blocks.push(json!({
            "type": "context",
            "elements": [{ "type": "mrkdwn", "text": rest.join(" · ") }],
        }));
        (head, blocks)
    }

    fn line(&self, public_url: &str) -> String {
        let error = self.error.as_deref().map_or(String::new(), |error| format!(": {}", escaped(error, 100)));
        let name = escaped(&self.name, 60);
        format!("{} <{public_url}/jobs/{}|{name}> {}{error}", self.sign(), self.job, self.kind.as_str())
    }

    fn sign(&self) -> &'static str {
        match self.kind {
            EventType::Completed => ":white_check_mark:",
            EventType::Dead => ":x:",
            EventType::Killed => ":octagonal_sign:",
            EventType::Retried => ":repeat:",
            EventType::Acked => ":arrow_forward:",
            _ => ":new:",
        }
    }
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": { "type": "mrkdwn", "text": text } })
}

/// At most so many characters, with Slack's three special ones escaped: a job's name can mention nobody.
fn escaped(text: &str, max: usize) -> String {
    let mut out = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == max {
            out.push('…');
            break;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

/// `error` or `reason` of an event's data.
fn error_of(data: &str) -> Option<String> {
    if json::kind(data) != json::Kind::Object {
        return None;
    }
    let found = json::members(data).find(|(key, _)| matches!(&**key, "error" | "reason"))?;
    (json::kind(found.1) == json::Kind::String).then(|| json::string(found.1).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_mentions_nobody_and_a_text_stays_short() {
        assert_eq!(escaped("<!channel> & co", 100), "&lt;!channel&gt; &amp; co");
        assert_eq!(escaped(&"é".repeat(10), 3), "ééé…");
        assert!(escaped(&"&".repeat(9_000), SLACK_ERROR).len() < 2_900, "Slack's limit is 3,000");
    }
}
