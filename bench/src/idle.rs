//! What an idle job stream keeps in the server's memory: as many jobs as sockets, one socket each.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use memchr::memmem;

use crate::frames::Counter;
use crate::http_client::{Client, ID_LENGTH, Target};
use crate::load::{Setup, create_jobs, new_space};
use crate::report::{Report, Row, count};
use crate::websocket;

const BYTES_PER_SOCKET_MAX: f64 = 6_000.0;
const SETTLE: Duration = Duration::from_secs(2);

pub(crate) async fn run(setup: &Setup, report: &mut Report) -> Result<()> {
    let server = setup.server()?;
    let target = server.target();
    let mut client = Client::connect(&target).await?;
    let space = new_space(&mut client, &target).await?;
    let ids = create_jobs(&mut client, &target, &space, "idle", setup.sizes.idle_sockets).await?;

    // What reading jobs and a first few streams costs once (caches, code, allocator) is no stream's share.
    let mut warm_up = Vec::new();
    for id in ids.iter().step_by(10) {
        client.expect(&target.get(&format!("/api/v1/jobs/{}", text(id)?)), 200).await?;
        if warm_up.len() < 50 {
            warm_up.push(open(&target, id)?);
        }
    }
    drop(warm_up);
    tokio::time::sleep(SETTLE).await;

    let before = server.process.resident_bytes()?;
    let mut sockets = Vec::with_capacity(ids.len());
    for id in &ids {
        sockets.push(open(&target, id)?);
    }
    tokio::time::sleep(SETTLE).await;
    let after = server.process.resident_bytes()?;

    // Only a stream that still works counts as idle.
    for (id, (socket, counter)) in ids.iter().zip(&mut sockets).step_by(ids.len() / 20) {
        let kill = target.post(&format!("/api/v1/jobs/{}/kill", text(id)?), b"");
        client.expect(&kill, 200).await?;
        read_one(socket, counter).context("an idle stream heard nothing of its job's end")?;
        let message = counter.newest().unwrap_or_default();
        ensure!(memmem::find(message, b"\"killed\"").is_some(), "an idle stream got something else");
    }

    let each = after.saturating_sub(before) as f64 / sockets.len() as f64;
    report.row(
        Row::new(
            format!("resident memory of an idle job stream, {} sockets", count(sockets.len() as f64)),
            format!("{:.1} kB", each / 1_000.0),
        )
        .expected("≤ 6 kB", each <= BYTES_PER_SOCKET_MAX),
    );
    Ok(())
}

fn open(target: &Target, id: &[u8; ID_LENGTH]) -> Result<(TcpStream, Counter)> {
    let (mut socket, rest) = websocket::open(target, &format!("/api/v1/realtime/{}", text(id)?))?;
    let mut counter = Counter::checking_order();
    counter.feed(&rest)?;
    if counter.frames == 0 {
        read_one(&mut socket, &mut counter).context("a job stream came without init")?;
    }
    Ok((socket, counter))
}

fn read_one(socket: &mut TcpStream, counter: &mut Counter) -> Result<()> {
    let (mut buffer, before) = ([0; 4096], counter.frames);
    while counter.frames == before {
        let read = socket.read(&mut buffer)?;
        ensure!(read > 0, "the server hung up");
        counter.feed(&buffer[..read])?;
    }
    Ok(())
}

fn text(id: &[u8; ID_LENGTH]) -> Result<&str> {
    Ok(std::str::from_utf8(id)?)
}
