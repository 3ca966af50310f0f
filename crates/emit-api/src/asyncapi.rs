//! The description of the streams (AsyncAPI 3.0): made from the core's own event types, so that none can be missing.
//!
//! A job's stream stands here twice, since its messages depend on the key's scope.

use emit_core::{EventType, Status};
use serde_json::{Map, Value, json};

/// Who looks at a stream.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Eyes {
    /// `jobs:read`.
    Full,
    /// `jobs:read:progress`.
    Progress,
}

/// The whole description as JSON. `public_url`: where users reach this server.
pub fn describe(public_url: &str, version: &str) -> String {
    let (scheme, rest) = public_url.split_once("://").unwrap_or(("http", public_url));
    let (host, pathname) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let protocol = if scheme == "https" { "wss" } else { "ws" };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Emit's streams",
            "version": version,
            "description": "Every event of a job or a space, live, over WebSocket; the same addresses answer \
                `Accept: text/event-stream` with the same messages as SSE, `id:` being `seq`.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "servers": { "here": {
            "host": host, "pathname": pathname, "protocol": protocol,
            "security": [{ "$ref": "#/components/securitySchemes/query" }, { "$ref": "#/components/securitySchemes/bearer" }],
        } },
        "channels": {
            "space": channel("/api/v1/realtime/spaces/{spaceId}", "Live events of all jobs of a space.", "jobs:read",
                &["gap", "connected"], Eyes::Full, true),
            "job": channel("/api/v1/realtime/{jobId}", "One job, everything.", "jobs:read",
                &["init", "gap"], Eyes::Full, false),
            "jobProgress": channel("/api/v1/realtime/{jobId}", "One job, without data but for its progress.",
                "jobs:read:progress", &["init", "gap"], Eyes::Progress, false),
        },
        "operations": operations(),
        "components": { "messages": messages(), "securitySchemes": {
            "query": { "type": "httpApiKey", "in": "query", "name": "token" },
            "bearer": { "type": "http", "scheme": "bearer" },
        } },
    })
    .to_string()
}

fn name(kind: EventType, eyes: Eyes) -> String {
    if eyes == Eyes::Full { kind.as_str().to_owned() } else { format!("{}_progress_view", kind.as_str()) }
}

fn channel(address: &str, what: &str, scope: &str, notices: &[&str], eyes: Eyes, of_space: bool) -> Value {
    let names = notices.iter().map(|name| (*name).to_owned());
    let names = names.chain(EventType::ALL.iter().map(|kind| name(*kind, eyes)));
    let messages: Map<String, Value> = names
        .map(|name| {
            let target = json!({ "$ref": format!("#/components/messages/{name}") });
            (name, target)
        })
        .collect();
    let text = |what: &str| json!({ "type": "string", "description": what });
    let mut query = json!({
        "token": text("The key, where no header can be sent."),
        "since": { "type": "integer", "minimum": 0, "description": "Replay every stored event after this `seq`, then go on live." },
        "collapse": { "enum": ["progress"], "description": "A client that lags gets only the newest progress of each job." },
    });
    if of_space {
        query["snapshot"] = json!({ "enum": ["true", "false"], "description": "Begin with `connected`: the space's counts." });
    }
    let parameter = if of_space { "spaceId" } else { "jobId" };
    json!({
        "address": address,
        "description": format!("{what} Required scope: {scope}."),
        "messages": messages,
        "parameters": { parameter: { "description": "A ULID." } },
        "bindings": { "ws": { "method": "GET", "query": { "type": "object", "properties": query } } },
    })
}

/// The server sends and never listens.
fn operations() -> Value {
    let send = |channel: &str, what: &str| json!({ "action": "send", "channel": { "$ref": format!("#/channels/{channel}") }, "summary": what });
    json!({
        "watchSpace": send("space", "Watch a space"),
        "watchJob": send("job", "Watch a job"),
        "watchJobProgress": send("jobProgress", "Watch a job's progress"),
    })
}

fn messages() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let count = json!({ "type": "integer", "minimum": 0 });
    let counts: Map<String, Value> =
        Status::ALL.iter().map(|status| (status.as_str().to_owned(), count.clone())).collect();
    let all: Vec<&str> = Status::ALL.iter().map(|status| status.as_str()).collect();
    let mut found = Map::new();
    let mut add = |name: &str, kind: &str, about: &str, subject: Value, data: Option<Value>| {
        found.insert(name.to_owned(), message(kind, about, &subject, data));
    };
    let of_job = json!({ "jobId": text, "jobName": text, "status": { "enum": all } });
    let of_space = json!({ "jobId": null_only(), "jobName": null_only(), "status": null_only() });
    add("init", "init", "The present status, first on a job's stream without `since`.", of_job.clone(), None);
    let gap =
        object(json!({ "reason": { "enum": ["retention", "ahead"] }, "oldest": count, "newest": count }));
    add(
        "gap",
        "gap",
        "Some events between `since` and the next are no longer kept.",
        of_space.clone(),
        Some(gap),
    );
    let counted = object(json!({ "counts": object(Value::Object(counts)) }));
    add(
        "connected",
        "connected",
        "The space's jobs by status, first with `snapshot=true`.",
        of_space,
        Some(counted),
    );
    for kind in EventType::ALL {
        let (about, data) = event(*kind);
        add(&name(*kind, Eyes::Full), kind.as_str(), about, of_job.clone(), data.clone());
        let weak = match kind {
            EventType::Progress => data,
            EventType::Completed | EventType::Dead => Some(null_only()),
            _ => None,
        };
        add(&name(*kind, Eyes::Progress), kind.as_str(), about, of_job.clone(), weak);
    }
    found
}

/// What an event says, and the `data` that it carries for `jobs:read`.
fn event(kind: EventType) -> (&'static str, Option<Value>) {
    let any_object = || {
        Some(json!({ "type": ["object", "null"], "description": "As the worker sent it; null once erased." }))
    };
    let erasable = |fields: Value| {
        let mut schema = object(fields);
        schema["type"] = json!(["object", "null"]);
        Some(schema)
    };
    let text = json!({ "type": "string" });
    let number = json!({ "type": "integer", "minimum": 0 });
    let callback = || {
        erasable(json!({
            "url": text, "statusCode": { "type": ["integer", "null"] }, "try": number,
            "nextTryAt": { "type": ["string", "null"], "format": "date-time" },
        }))
    };
    match kind {
        EventType::Created => ("A job was created.", None),
        EventType::Enqueued => ("A scheduled job's time came.", None),
        EventType::Delivered => ("A worker took it.", None),
        EventType::Acked => ("The worker accepted it: it runs.", None),
        EventType::DeliveryTimeout => ("No ack came in time: it waits again.", None),
        EventType::Released => ("The worker gave it back, without penalty.", None),
        EventType::Progress => ("Progress.", any_object()),
        EventType::Checkpoint => ("What the next attempt may go on from.", any_object()),
        EventType::Custom => ("An event of the worker's own.", any_object()),
        EventType::Completed => ("It ended well; `data` is the result.", Some(json!({}))),
        EventType::Retried => (
            "It failed, and waits for its next attempt.",
            erasable(json!({ "error": text, "attemptNumber": number })),
        ),
        EventType::Dead => ("It ended without success.", erasable(json!({ "error": text }))),
        EventType::Updated => {
            ("It was edited.", erasable(json!({ "fields": { "type": "array", "items": text } })))
        }
        EventType::Killed => {
            ("It was ended from outside.", Some(json!({ "description": "The request's body: `{reason}`." })))
        }
        EventType::Requeued => ("An ended job has a new life.", None),
        EventType::Erased => ("Its content is gone.", None),
        EventType::Log => (
            "Log lines were appended; read them at `/logs`.",
            erasable(json!({ "fromLine": number, "toLine": number })),
        ),
        EventType::CallbackSent => ("Its callback was delivered.", callback()),
        EventType::CallbackFailed => ("A try of its callback failed.", callback()),
    }
}

fn message(kind: &str, about: &str, subject: &Value, data: Option<Value>) -> Value {
    let mut properties = json!({
        "jobId": subject["jobId"], "jobName": subject["jobName"], "type": { "const": kind }, "status": subject["status"],
    });
    if let Some(data) = data {
        properties["data"] = data;
    }
    properties["timestamp"] = json!({ "type": "string", "format": "date-time" });
    properties["seq"] = json!({ "type": "integer", "minimum": 0 });
    json!({ "name": kind, "summary": about, "payload": object(properties) })
}

/// All of these fields; later versions may add others.
fn object(properties: Value) -> Value {
    let required: Vec<String> =
        properties.as_object().map(|fields| fields.keys().cloned().collect()).unwrap_or_default();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn null_only() -> Value {
    json!({ "type": "null" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere_and_every_type_is_described() {
        let description: Value =
            serde_json::from_str(&describe("https://jobs.example.com/emit", "0")).unwrap();
        let (host, path) =
            (&description["servers"]["here"]["host"], &description["servers"]["here"]["pathname"]);
        assert_eq!((host, path), (&json!("jobs.example.com"), &json!("/emit")));
        for (channel, notices) in [("space", 2), ("job", 2), ("jobProgress", 2)] {
            let messages = description["channels"][channel]["messages"].as_object().unwrap();
            assert_eq!(messages.len(), EventType::ALL.len() + notices);
            for target in messages.values() {
                let pointer = target["$ref"].as_str().unwrap().trim_start_matches('#');
                assert!(description.pointer(pointer).is_some(), "{pointer}");
            }
        }
    }
}
