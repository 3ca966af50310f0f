//! Echoes WebSocket messages of up to 64 MiB: what the Autobahn cases run against.
//!
//! `kosoku -m fuzzingclient -x '12.*' -x '13.*' -o DIR 127.0.0.1:PORT/`

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE};
use hyper::service::service_fn;
use hyper::upgrade::OnUpgrade;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use emit_server::realtime::codec::{self, Decoder, Message};
use emit_server::realtime::handshake;

const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
const READ_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(1);

#[tokio::main]
async fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(upgrade))
            .with_upgrades();
        tokio::spawn(connection);
    }
}

async fn upgrade(mut request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::default());
    match handshake::accept(request.headers()).map(|key| key.try_into()) {
        Ok(Ok(key)) => {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
            let headers = response.headers_mut();
            headers.insert(CONNECTION, http::HeaderValue::from_static("upgrade"));
            headers.insert(UPGRADE, http::HeaderValue::from_static("websocket"));
            headers.insert(SEC_WEBSOCKET_ACCEPT, key);
            tokio::spawn(serve(hyper::upgrade::on(&mut request)));
        }
        Ok(Err(_)) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
        Err(error) => {
            *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
            let version = http::HeaderValue::from_static(handshake::VERSION);
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, version);
            *response.body_mut() = Full::from(format!("{error}\n"));
        }
    }
    Ok(response)
}

async fn serve(upgrade: OnUpgrade) {
    let Ok(upgraded) = upgrade.await else { return };
    let mut io = TokioIo::new(upgraded);
    if let Err(error) = echo(&mut io).await {
        eprintln!("{error}");
    }
}

async fn echo(io: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    let mut decoder = Decoder::new(MESSAGE_BYTES_MAX);
    let mut input = BytesMut::with_capacity(READ_BYTES);
    let mut out = Vec::new();
    let mut open = true;
    while open {
        input.clear();
        if io.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
        open = answer(&mut decoder, &input, &mut out);
        io.write_all(&out).await?;
        io.flush().await?;
        out.clear();
    }
    // What the client still sends is read, or the kernel would reset the connection under our close frame.
    io.shutdown().await?;
    let drained = async {
        while io.read_buf(&mut input).await? > 0 {
            input.clear();
        }
        Ok(())
    };
    tokio::time::timeout(LINGER, drained).await.unwrap_or(Ok(()))
}

/// Appends the answers to what the input completes; whether the connection stays open.
fn answer(decoder: &mut Decoder, mut input: &[u8], out: &mut Vec<u8>) -> bool {
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(Message::Text(text))) => codec::text_frame(out, text.as_bytes()),
            Ok(Some(Message::Binary(payload))) => codec::binary_frame(out, &payload),
            Ok(Some(Message::Ping(payload))) => codec::pong_frame(out, &payload),
            Ok(Some(Message::Pong(_))) => {}
            Ok(Some(Message::Close { code, .. })) => {
                codec::close_frame(out, code, "");
                return false;
            }
            Ok(None) => return true,
            Err(error) => {
                codec::close_frame(out, error.close_code(), &error.to_string());
                return false;
            }
        }
    }
}
