//! Opening a stream: the handshake and nothing else. Reading is done by whoever counts the frames.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;

use crate::http_client::Target;

/// How long a server may take to answer it.
pub(crate) const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The open socket and what arrived behind the head of the answer.
pub(crate) fn open(target: &Target, path: &str) -> Result<(TcpStream, Vec<u8>)> {
    let mut stream = TcpStream::connect(target.address).context("connecting a socket")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(HANDSHAKE_MAX))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: {}\r\nx-api-key: {}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        target.address, target.key
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = memmem::find(&answer, b"\r\n\r\n") {
            if !answer.starts_with(b"HTTP/1.1 101") {
                bail!("{path} was not upgraded: {}", String::from_utf8_lossy(&answer));
            }
            return Ok((stream, answer.split_off(end + 4)));
        }
        let read = stream.read(&mut buffer).with_context(|| format!("the handshake of {path}"))?;
        ensure!(read > 0, "{path} was closed during the handshake");
        answer.extend_from_slice(&buffer[..read]);
    }
}
