//! The connection under the two text protocols: what is to be sent gathers and leaves as one write, what comes is
//! read by lines and by lengths.

use anyhow::{Context as _, Result, ensure};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::http_client::Target;

pub(crate) struct TextClient {
    stream: BufReader<TcpStream>,
    output: Vec<u8>,
}

impl TextClient {
    pub(crate) async fn connect(target: &Target) -> Result<Self> {
        let stream = TcpStream::connect(target.address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::with_capacity(64 << 10, stream), output: Vec::new() })
    }

    pub(crate) fn queue(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
    }

    pub(crate) async fn send(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(&self.output).await.context("sending")?;
        self.output.clear();
        Ok(())
    }

    /// Without its end.
    pub(crate) async fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.context("reading a line")?;
        ensure!(read > 0, "the server hung up");
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    /// That many bytes and the end of line behind them, which is not given.
    pub(crate) async fn body(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut body = vec![0; length + 2];
        self.stream.read_exact(&mut body).await.context("reading a body")?;
        body.truncate(length);
        Ok(body)
    }
}
