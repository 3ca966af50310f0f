//! The ceiling of the calls: bare axum handlers that read the same requests and send answers of the same size,
//! recorded from the real server, in a process of their own. What lies between the two is Emit's own work.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::{MethodRouter, post};
use axum::serve::ListenerExt;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::http_client::Client;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// The recorded answers, JSON by route
    #[arg(long)]
    answers: PathBuf,
}

/// By the last part of the route: `jobs`, `poll`, `ack`, `progress`, `complete`, `reports`.
pub(crate) type Answers = HashMap<String, Answer>;

#[derive(Serialize, Deserialize)]
pub(crate) struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    /// What the client was answered last, without the headers that the bare server sets itself.
    pub(crate) fn record(client: &Client, status: u16) -> Result<Self> {
        let head = std::str::from_utf8(client.head())?;
        let own = ["content-length", "transfer-encoding", "date", "connection"];
        let headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Ok(Self {
            status,
            headers: headers.filter(|(name, _)| !own.contains(&name.as_str())).collect(),
            body: String::from_utf8(client.body().to_vec())?,
        })
    }
}

pub(crate) fn serve(options: &Options) -> Result<()> {
    let answers = std::fs::read(&options.answers).context("the recorded answers")?;
    let answers: Answers = serde_json::from_slice(&answers)?;
    let router = router(answers)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        println!("listening on http://{}", listener.local_addr()?);
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await?;
        Ok(())
    })
}

fn router(answers: Answers) -> Result<Router> {
    let mut router = Router::new();
    for (route, answer) in answers {
        let path = match route.as_str() {
            "jobs" => "/api/v1/spaces/{space}/jobs".to_owned(),
            "poll" => "/api/v1/spaces/{space}/jobs/poll".to_owned(),
            "reports" => "/api/v1/jobs/reports".to_owned(),
            call => format!("/api/v1/jobs/{{job}}/{call}"),
        };
        router = router.route(&path, canned(answer)?);
    }
    Ok(router)
}

fn canned(answer: Answer) -> Result<MethodRouter> {
    let status = StatusCode::from_u16(answer.status)?;
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        headers.append(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let body = Bytes::from(answer.body);
    Ok(post(move |_request: Bytes| {
        let answer = (status, headers.clone(), body.clone());
        async move { answer }
    }))
}
