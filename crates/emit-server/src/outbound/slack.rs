//! Messages to Slack: one event a message while there are few, summed up where there are more than one a second.
//! Best effort: what Slack does not take is tried again for a while, then dropped.

use std::sync::{Arc, PoisonError, RwLock};

use emit_core::outbound::Slack;
use emit_core::{EventType, JobId, SpaceId, SpaceNo, Status, json};
use emit_store::{Change, Space};
use serde_json::{Value, json};

use super::bounds::{FAILURES, SLACK_ERROR, SLACK_NAMED};
use super::client::headers;
use super::office::Office;
use super::pile::{Pile, back_off};
use crate::metrics::Sent;

/// The messages of one space to one address.
pub(super) struct Channel {
    no: SpaceNo,
    id: SpaceId,
    url: String,
    /// May change while messages wait.
    chosen: RwLock<Chosen>,
    told: Pile<Told>,
}

#[derive(Debug, Clone)]
struct Chosen {
    /// The space's.
    name: String,
    events: Vec<EventType>,
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
        let chosen = RwLock::new(Chosen { name: space.name.clone(), events: slack.events });
        Some(Channel { no: space.no, id: space.id, url: slack.url, chosen, told: Pile::default() })
    }

    /// Whether the other sends to the same address: then this one tells from now on what that one would.
    pub(super) fn goes_on_as(&self, other: &Channel) -> bool {
        let is_same = self.url == other.url;
        if is_same {
            *self.chosen.write().unwrap_or_else(PoisonError::into_inner) = other.chosen();
        }
        is_same
    }

    fn chosen(&self) -> Chosen {
        self.chosen.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A job of the space was changed.
    pub(super) fn note(&self, change: &Change) {
        let chosen = self.chosen.read().unwrap_or_else(PoisonError::into_inner);
        for event in change.events.iter().filter(|event| chosen.events.contains(&event.kind)) {
            let Some(at) = Slack::EVENTS.iter().position(|kind| *kind == event.kind) else { continue };
            let job = &change.job;
            let happened = Happened {
                kind: event.kind,
                job: job.id,
                name: job.spec.name.clone(),
                duration_ms: ran_ms(change),
                error: event.data.as_deref().and_then(|data| error_of(event.kind, data)),
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
                office.slack_pace.turn(&self.url).await;
                let to = (self.no, &*self.url);
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
                    tracing::warn!(space = %self.id, why, "Slack takes no messages");
                }
                let asked = std::time::Duration::from_millis(asked_ms as u64);
                tokio::time::sleep(back_off(failures).max(asked)).await;
            }
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
        let head = format!("*{}*: {}", escaped(&self.chosen().name, 200), counted.join(", "));
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
            // Three backticks would end the block, be it with those of its end.
            let error = escaped(&error.replace("```", "'''"), SLACK_ERROR);
            blocks.push(section(&format!("```\n{error}\n```")));
        }
        let mut rest = vec![format!("<{public_url}/jobs/{}|{}>", self.job, self.job)];
        rest.extend(self.duration_ms.map(|ms| format!("ran {} s", ms as f64 / 1_000.0)));
        blocks.push(json!({
            "type": "context",
            "elements": [plain_links(&rest.join(" · "))],
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
    json!({ "type": "section", "text": plain_links(text) })
}

/// A text in which nothing becomes a link or a mention but what is written as one.
fn plain_links(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
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

/// How long the attempt ran that the change has ended.
fn ran_ms(change: &Change) -> Option<i64> {
    let job = &change.job;
    let ran = change.before == Some(Status::Running);
    job.completed_at.zip(job.started_at).filter(|_| ran).map(|(end, start)| end - start)
}

/// `error` or `reason` of an event's data. A result may hold anything under those names.
fn error_of(kind: EventType, data: &str) -> Option<String> {
    if kind == EventType::Completed || json::kind(data) != json::Kind::Object {
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

    #[test]
    fn an_error_stays_within_its_block_and_a_result_is_none() {
        let happened = |error: &str| Happened {
            kind: EventType::Dead,
            job: emit_core::ids::Id(1),
            name: "a".into(),
            duration_ms: None,
            error: Some(error.to_owned()),
        };
        for error in ["`", "``", "``` x", "a `b`", "`````"] {
            let (_, blocks) = happened(error).message("http://e");
            let block = blocks[1]["text"]["text"].as_str().unwrap();
            let inside = block.strip_prefix("```\n").and_then(|rest| rest.strip_suffix("\n```")).unwrap();
            assert!(!inside.contains("```"), "{block}");
            assert_eq!(blocks[1]["text"]["verbatim"], true);
        }
        let data = r#"{"error":"no"}"#;
        assert_eq!(error_of(EventType::Dead, data).as_deref(), Some("no"));
        assert_eq!(error_of(EventType::Completed, data), None);
    }
}
