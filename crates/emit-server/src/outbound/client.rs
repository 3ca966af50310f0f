//! One POST: resolve, judge, connect, send, and read a little of the answer. A connection of its own each time, to
//! an address that was judged; no redirect is followed and no proxy of the environment is used, since nothing in
//! here knows of either.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::http::header::{CONNECTION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use bytes::Bytes;
use emit_core::{Millis, SpaceNo, json};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use super::address::permitted;
use super::bounds::{ANSWER_BYTES, CONNECT, HEAD_BYTES, REQUEST, RETRY_AFTER_MS};
use super::names::Names;
use crate::clock::wall;
use crate::metrics::{OUTBOUND, Outcome, Sent};
use crate::{target, trust};

/// What all requests share: cheap to clone.
#[derive(Clone)]
pub(super) struct Client {
    tls: TlsConnector,
    opened: Arc<[IpNet]>,
    names: Arc<Names>,
}

/// What a receiver said.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status_code: u16,
    /// The beginning of the body, as text.
    pub(super) text: String,
    pub(super) retry_after_ms: Option<Millis>,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}

/// Why there was no answer, in words for whoever made the job.
pub(super) type Failed = String;

impl Client {
    /// Trusts what the machine trusts, and besides public addresses reaches these nets.
    pub(super) fn new(opened: &[IpNet]) -> Client {
        Client { tls: trust::connector(), opened: opened.into(), names: Arc::new(Names::new()) }
    }

    /// Sends the body to the URL that a space names, `extra` headers beside our own, and counts how that went.
    pub(super) async fn post(
        &self,
        what: Sent,
        (space, url): (SpaceNo, &str),
        extra: HeaderMap,
        body: String,
    ) -> Result<Answer, Failed> {
        let begin = Instant::now();
        let answer = self.answer_to(begin + REQUEST, (space, url), extra, body).await;
        let outcome = match &answer {
            Ok(answer) if answer.is_success() => Outcome::Taken,
            Ok(_) => Outcome::Refused,
            Err(_) => Outcome::Unanswered,
        };
        OUTBOUND.sent(what, outcome, begin.elapsed());
        answer
    }

    async fn answer_to(
        &self,
        deadline: Instant,
        to: (SpaceNo, &str),
        extra: HeaderMap,
        body: String,
    ) -> Result<Answer, Failed> {
        match timeout_at(deadline, self.exchange(to, extra, body)).await {
            Ok(Ok(response)) => Ok(read_answer(response, deadline, wall()).await),
            Ok(Err(why)) => Err(why),
            Err(_) => Err(format!("no answer within {} s", REQUEST.as_secs())),
        }
    }

    async fn exchange(
        &self,
        (space, url): (SpaceNo, &str),
        extra: HeaderMap,
        body: String,
    ) -> Result<Response<Held>, Failed> {
        let url: Uri = url.parse().map_err(|_| "the URL cannot be understood".to_owned())?;
        let host = target::host(&url).to_owned();
        let is_tls = url.scheme_str() == Some("https");
        let port = url.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let stream = self.connect(space, &host, port).await?;
        let request = request(&url, extra, body)?;
        if !is_tls {
            return send(stream, request).await;
        }
        let name = trust::name(&host)?;
        let stream =
            self.tls.connect(name, stream).await.map_err(|why| format!("TLS was not agreed on: {why}"))?;
        send(stream, request).await
    }

    async fn connect(&self, space: SpaceNo, host: &str, port: u16) -> Result<TcpStream, Failed> {
        let found = self.names.resolve(space, host, port).await;
        let addresses = permitted(found.ok_or("the host's name cannot be resolved")?, &self.opened)?;
        let mut failed = String::new();
        for address in addresses {
            match timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(why)) => failed = format!("no connection: {}", why.kind()),
                Err(_) => failed = "no connection: timed out".to_owned(),
            }
        }
        Err(failed)
    }
}

fn request(url: &Uri, extra: HeaderMap, body: String) -> Result<Request<Full<Bytes>>, Failed> {
    let invalid = |_| "the URL cannot be understood".to_owned();
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let mut request = Request::new(Full::new(Bytes::from(body)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target::path_and_query(url).map_err(|_| invalid(()))?;
    let headers = request.headers_mut();
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("Emit/", env!("CARGO_PKG_VERSION"))));
    headers.extend(extra);
    // Last: whatever else was asked for, these are ours.
    headers.insert(HOST, HeaderValue::from_str(authority).map_err(|_| invalid(()))?);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    Ok(request)
}

/// The answer's body with the connection it comes from, which ends with it.
struct Held {
    body: Incoming,
    _connection: Aborts,
}

struct Aborts(tokio::task::AbortHandle);

impl Drop for Aborts {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Result<Response<Held>, Failed> {
    let broken = |why: hyper::Error| format!("the answer cannot be read: {why}");
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    let connection = Aborts(tokio::spawn(connection).abort_handle());
    let response = sender.send_request(request).await.map_err(broken)?;
    Ok(response.map(|body| Held { body, _connection: connection }))
}

/// The status is what counts: of a body that drips or never ends, what came by then.
async fn read_answer(response: Response<Held>, deadline: Instant, now: Millis) -> Answer {
    let status_code = response.status().as_u16();
    let retry_after_ms = retry_after(response.headers(), now);
    let mut held = response.into_body();
    let mut bytes: Vec<u8> = Vec::new();
    while bytes.len() < ANSWER_BYTES
        && let Ok(Some(Ok(frame))) = timeout_at(deadline, held.body.frame()).await
    {
        if let Some(data) = frame.data_ref() {
            bytes.extend_from_slice(&data[..data.len().min(ANSWER_BYTES - bytes.len())]);
        }
    }
    Answer { status_code, text: String::from_utf8_lossy(&bytes).into_owned(), retry_after_ms }
}

/// Seconds, or a date.
fn retry_after(headers: &HeaderMap, now: Millis) -> Option<Millis> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait_ms = match text.parse::<Millis>() {
        Ok(seconds) => seconds.saturating_mul(1_000),
        Err(_) => {
            let at = httpdate::parse_http_date(text).ok()?;
            at.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as Millis - now
        }
    };
    Some(wait_ms.clamp(0, RETRY_AFTER_MS))
}

/// Headers that were checked when they were given.
pub(super) fn headers(object: Option<&str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in object.into_iter().flat_map(json::members) {
        let value = json::string(value);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(&value))
        {
            headers.insert(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let read = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers, 1_740_000_000_000)
        };
        assert_eq!(read("120"), Some(120_000));
        assert_eq!(read("999999999999999999"), Some(RETRY_AFTER_MS));
        assert_eq!(read("-1"), Some(0));
        assert_eq!(read("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        assert_eq!(read("Wed, 21 Oct 2099 07:28:00 GMT"), Some(RETRY_AFTER_MS));
        assert_eq!(read("soon"), None);
    }

    #[test]
    fn what_was_asked_for_never_replaces_what_is_ours() {
        let extra = headers(Some(r#"{"Host":"evil","X-A":"b","User-Agent":"mine"}"#));
        let url: Uri = "http://a.example:81/x?y".parse().unwrap();
        let request = request(&url, extra, String::new()).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("host"), "a.example:81");
        assert_eq!((header("x-a"), header("user-agent")), ("b".into(), "mine".into()));
        assert_eq!(request.uri(), "/x?y");
    }

    #[test]
    fn a_query_without_a_path_is_sent() {
        let url: Uri = "http://a.example?x=y".parse().unwrap();
        assert_eq!(request(&url, HeaderMap::new(), String::new()).unwrap().uri(), "/?x=y");
    }
}
