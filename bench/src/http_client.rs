//! A keep-alive HTTP/1.1 client that costs next to nothing: request bytes are built beforehand, of an answer only
//! status and length are read. Generator and server share the cores, so each microsecond here is missing there.

use std::net::SocketAddr;
use std::ops::Range;

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Ids are ULIDs: their fixed length lets a request be patched instead of built anew.
pub(crate) const ID_LENGTH: usize = 26;

const ID_MARK: &[u8] = b"\"id\":\"";

/// Whom the requests go to, and with which key.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) key: String,
}

impl Target {
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes =
            format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\n", self.address, self.key)
                .into_bytes();
        if !body.is_empty() {
            bytes.extend_from_slice(b"content-type: application/json\r\n");
        }
        if method != "GET" {
            bytes.extend_from_slice(format!("content-length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }

    pub(crate) fn get(&self, path: &str) -> Vec<u8> {
        self.request("GET", path, b"")
    }

    pub(crate) fn post(&self, path: &str, body: &[u8]) -> Vec<u8> {
        self.request("POST", path, body)
    }

    /// One of the calls `POST /jobs/:jobId/…`, whose id is filled in later.
    pub(crate) fn job_call(&self, call: &str, body: &[u8]) -> JobCall {
        let bytes = self.post(&format!("/api/v1/jobs/{}/{call}", "0".repeat(ID_LENGTH)), body);
        JobCall { bytes, id_at: b"POST /api/v1/jobs/".len() }
    }
}

pub(crate) struct JobCall {
    bytes: Vec<u8>,
    id_at: usize,
}

impl JobCall {
    pub(crate) fn of(&mut self, id: &[u8; ID_LENGTH]) -> &[u8] {
        self.bytes[self.id_at..self.id_at + ID_LENGTH].copy_from_slice(id);
        &self.bytes
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    head: usize,
    body: Range<usize>,
    /// Filled only by chunked answers; others are read where they lie in the buffer.
    joined: Option<Vec<u8>>,
}

enum Length {
    Known(usize),
    Chunked,
}

impl Client {
    pub(crate) async fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(64 << 10), head: 0, body: 0..0, joined: None })
    }

    /// Sends one request, waits for the whole answer, and gives its status.
    pub(crate) async fn call(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request).await.context("sending a request")?;
        self.buffer.clear();
        self.joined = None;
        self.head = loop {
            self.read_more().await?;
            if let Some(at) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
        };
        let (status, length) = read_head(&self.buffer[..self.head])?;
        match length {
            Length::Known(length) => {
                let end = self.head + length;
                self.buffer.reserve(end.saturating_sub(self.buffer.len()));
                while self.buffer.len() < end {
                    self.read_more().await?;
                }
                self.body = self.head..end;
            }
            Length::Chunked => self.read_chunks().await?,
        }
        Ok(status)
    }

    /// Like `call`, but any other status than the one named is an error that shows the answer.
    pub(crate) async fn expect(&mut self, request: &[u8], status: u16) -> Result<()> {
        let got = self.call(request).await?;
        if got != status {
            let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
            let shown = String::from_utf8_lossy(&self.body()[..self.body().len().min(600)]).into_owned();
            bail!("{} answered {got} instead of {status}: {shown}", String::from_utf8_lossy(line));
        }
        Ok(())
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.buffer[..self.head]
    }

    pub(crate) fn body(&self) -> &[u8] {
        match &self.joined {
            Some(joined) => joined,
            None => &self.buffer[self.body.clone()],
        }
    }

    /// The first job's id in the answer, if it names one.
    pub(crate) fn id(&self) -> Option<[u8; ID_LENGTH]> {
        let body = self.body();
        let at = memmem::find(body, ID_MARK)? + ID_MARK.len();
        body.get(at..at + ID_LENGTH)?.try_into().ok()
    }

    /// The ids of all jobs in the answer, in order.
    pub(crate) fn ids(&self, into: &mut Vec<[u8; ID_LENGTH]>) {
        into.clear();
        let body = self.body();
        for at in memmem::find_iter(body, ID_MARK) {
            let from = at + ID_MARK.len();
            if let Some(Ok(id)) = body.get(from..from + ID_LENGTH).map(TryInto::try_into) {
                into.push(id);
            }
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.buffer.capacity() == self.buffer.len() {
            self.buffer.reserve(64 << 10);
        }
        let read = self.stream.read_buf(&mut self.buffer).await.context("reading an answer")?;
        ensure!(read > 0, "the server closed the connection in the middle of a call");
        Ok(())
    }

    async fn read_chunks(&mut self) -> Result<()> {
        let mut joined = Vec::new();
        let mut at = self.head;
        loop {
            let line_end = loop {
                if let Some(end) = memmem::find(&self.buffer[at..], b"\r\n") {
                    break at + end;
                }
                self.read_more().await?;
            };
            let size = std::str::from_utf8(&self.buffer[at..line_end])?;
            let size = usize::from_str_radix(size.trim(), 16).context("a chunk's size")?;
            let from = line_end + 2;
            while self.buffer.len() < from + size + 2 {
                self.read_more().await?;
            }
            joined.extend_from_slice(&self.buffer[from..from + size]);
            at = from + size + 2;
            if size == 0 {
                self.joined = Some(joined);
                return Ok(());
            }
        }
    }
}

fn read_head(head: &[u8]) -> Result<(u16, Length)> {
    ensure!(head.len() > 12 && head.starts_with(b"HTTP/1.1 "), "not an HTTP/1.1 answer");
    let status: u16 = std::str::from_utf8(&head[9..12])?.parse().context("the status")?;
    let mut length = Length::Known(0);
    for line in head.split(|byte| *byte == b'\n').skip(1) {
        if let Some(value) = value_of(line, b"content-length:") {
            length = Length::Known(std::str::from_utf8(value)?.trim().parse().context("content-length")?);
        } else if value_of(line, b"transfer-encoding:").is_some() {
            length = Length::Chunked;
        }
    }
    Ok((status, length))
}

fn value_of<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    (line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name)).then(|| &line[name.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers with one canned text, cut into pieces of three bytes, so that each parser meets each boundary.
    async fn client_of(answer: &'static str) -> Client {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = Target { address: listener.local_addr().unwrap(), key: String::new() };
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            for piece in answer.as_bytes().chunks(3) {
                stream.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        });
        let mut client = Client::connect(&target).await.unwrap();
        client.expect(&target.get("/"), 200).await.unwrap();
        client
    }

    #[tokio::test]
    async fn reads_answers_of_known_length() {
        let client = client_of(
            "HTTP/1.1 200 OK\r\nContent-Length: 47\r\n\r\n{\"jobId\":\"x\",\
             \"id\":\"0123456789ABCDEFGHJKMNPQRS\"}",
        )
        .await;
        assert_eq!(client.id(), Some(*b"0123456789ABCDEFGHJKMNPQRS"));
        assert!(client.body().ends_with(b"}"));
    }

    #[tokio::test]
    async fn reads_chunked_answers_and_finds_ids() {
        let client = client_of(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"id\":\"012345678\r\n\
             13\r\n9ABCDEFGHJKMNPQRS\"}\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(client.id(), Some(*b"0123456789ABCDEFGHJKMNPQRS"));
        let mut ids = Vec::new();
        client.ids(&mut ids);
        assert_eq!(ids.len(), 1);
    }
}
