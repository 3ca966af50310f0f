//! The way to the collector: one short HTTP/1.1 connection a batch, on the server's own runtime. The exporter calls
//! from a thread of its own.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::{target, trust};

/// A collector that takes longer for a batch loses it.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a collector has to say is short.
const ANSWER_BYTES: usize = 64 << 10;

pub(super) struct Client {
    runtime: Handle,
    /// For a collector that is reached by https.
    tls: Option<TlsConnector>,
}

impl Client {
    /// One that works on the present runtime.
    pub(super) fn here(is_tls: bool) -> Client {
        Client { runtime: Handle::current(), tls: is_tls.then(trust::connector) }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let tls = self.tls.clone();
        let sent = async { timeout(PATIENCE, send(request, tls)).await.map_err(HttpError::from)? };
        let sent = self.runtime.spawn(sent).await;
        let sent = sent.unwrap_or_else(|lost| Err(lost.into()));
        match &sent {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => {
                tracing::warn!(status = answer.status().as_u16(), "the collector refused a batch of spans")
            }
            Err(why) => tracing::warn!(%why, "a batch of spans did not reach the collector"),
        }
        sent
    }
}

async fn send(request: Request<Bytes>, tls: Option<TlsConnector>) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri().clone();
    let host = target::host(&uri);
    let port = uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    match tls {
        Some(tls) => exchange(tls.connect(trust::name(host)?, stream).await?, request).await,
        None => exchange(stream, request).await,
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or("the collector's address names no host")?;
    request.headers_mut().insert(HOST, HeaderValue::from_str(authority.as_str())?);
    *request.uri_mut() = target::path_and_query(&uri)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(head, body))
}
