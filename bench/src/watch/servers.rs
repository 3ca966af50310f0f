//! How a socket is opened at each server and told what it wants to hear.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Result, ensure};
use memchr::memmem;

use crate::http_client::Target;
use crate::websocket;

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Kind {
    /// Topics are the ids of jobs, or of the space.
    Emit,
    /// The same streams as server-sent events.
    EmitSse,
    /// A server whose path is the topic.
    Plain,
    SocketIo,
    Nats,
}

/// An open socket that hears of the topic from now on.
pub(super) fn open(kind: Kind, target: &Target, topic: &str) -> Result<TcpStream> {
    let path = match kind {
        Kind::Emit | Kind::EmitSse => format!("/api/v1/realtime/{topic}"),
        Kind::Plain => format!("/{topic}"),
        Kind::SocketIo => "/socket.io/?EIO=4&transport=websocket".to_owned(),
        Kind::Nats => "/".to_owned(),
    };
    if kind == Kind::EmitSse {
        return open_sse(target, &path);
    }
    let (mut stream, mut heard) = websocket::open(target, &path)?;
    let mut converse = |says: Option<Vec<u8>>, until: &str| -> Result<()> {
        if let Some(frame) = says {
            stream.write_all(&frame)?;
        }
        await_text(&mut stream, &mut heard, until)
    };
    match kind {
        // A job stream begins with its state.
        Kind::Emit if !topic.starts_with("spaces/") => converse(None, "\"init\"")?,
        Kind::Emit | Kind::EmitSse | Kind::Plain => ensure!(heard.is_empty(), "a stream began by itself"),
        Kind::SocketIo => {
            converse(None, "\"sid\"")?;
            converse(Some(masked(TEXT, "40")), "40{\"sid\"")?;
            converse(Some(masked(TEXT, &format!("42[\"join\",\"{topic}\"]"))), "\"joined\"")?;
        }
        Kind::Nats => {
            converse(None, "INFO ")?;
            let says = format!("CONNECT {{\"verbose\":false}}\r\nSUB {topic} 1\r\nPING\r\n");
            converse(Some(masked(BINARY, &says)), "PONG")?;
        }
    }
    Ok(stream)
}

fn open_sse(target: &Target, path: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(target.address)?;
    stream.set_read_timeout(Some(websocket::HANDSHAKE_MAX))?;
    let mut request = target.get(path);
    request.truncate(request.len() - b"\r\n".len());
    request.extend_from_slice(b"accept: text/event-stream\r\n\r\n");
    stream.write_all(&request)?;
    // Of a job's stream the state comes with the head or behind it; of a space's only the head.
    await_text(
        &mut stream,
        &mut Vec::new(),
        if path.contains("/spaces/") { "\r\n\r\n" } else { "\"init\"" },
    )?;
    Ok(stream)
}

fn await_text(stream: &mut TcpStream, heard: &mut Vec<u8>, text: &str) -> Result<()> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(at) = memmem::find(heard, text.as_bytes()) {
            heard.drain(..at + text.len());
            return Ok(());
        }
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the server hung up before it said {text}");
        heard.extend_from_slice(&buffer[..read]);
    }
}

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;

/// A short frame as clients send them; a mask of zeros is a mask.
fn masked(first: u8, text: &str) -> Vec<u8> {
    let mut frame = vec![first];
    match text.len() {
        length @ 0..=125 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
