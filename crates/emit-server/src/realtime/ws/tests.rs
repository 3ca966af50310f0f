//! Connections over real sockets, with time that is paused.

use std::net::IpAddr;
use std::sync::Arc;

use emit_core::View;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::super::hub::{Hub, Subject};
use super::super::registry::Limits;
use super::super::resume::open_space;
use super::super::seat::Seat;
use super::super::testing::{Store, space, token};
use super::*;

const LIMITS: Limits = Limits { node: 20_000, public: 1_000 };

struct World {
    store: Arc<Store>,
    hub: Arc<Hub>,
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl World {
    async fn new() -> World {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let room = Arc::new(Semaphore::new(20_000));
        World { store: Arc::default(), hub: Arc::new(Hub::new()), listener, room }
    }

    /// A client's end of a stream of space 1.
    async fn watch(&self, since: Option<i64>, collapse: bool) -> TcpStream {
        let client = TcpStream::connect(self.listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = self.listener.accept().await.unwrap();
        let socket = Socket::new(server, self.room.clone().acquire_owned().await.unwrap());
        let seat = Arc::new(Seat::new(Some(token(1, false).id), None));
        let subscription = self.hub.subscribe(Subject::Space(1), seat.clone());
        let place = Place::take(&self.hub, LIMITS, &token(1, false), IpAddr::from([0; 4]), &seat).unwrap();
        let cursor = open_space(&space(1, self.store.position()), since, false, None).cursor;
        let feed = Feed::new(self.store.clone(), subscription, cursor, View::Full, collapse);
        tokio::spawn(run(socket, Bytes::new(), Bytes::new(), feed, place));
        client
    }

    fn publish(&self, jobs: &[i64], data: &str) {
        self.hub.publish(&self.store.commit(jobs, Some(data)));
    }
}

/// The next frame: its opcode and content.
async fn frame(stream: &mut TcpStream) -> (u8, Vec<u8>) {
    let first = stream.read_u8().await.unwrap();
    let len = match stream.read_u8().await.unwrap() {
        126 => usize::from(stream.read_u16().await.unwrap()),
        127 => stream.read_u64().await.unwrap() as usize,
        len => usize::from(len),
    };
    let mut content = vec![0; len];
    stream.read_exact(&mut content).await.unwrap();
    (first & 0xF, content)
}

async fn seq(stream: &mut TcpStream) -> i64 {
    let (opcode, content) = frame(stream).await;
    assert_eq!(opcode, 1);
    serde_json::from_slice::<serde_json::Value>(&content).unwrap()["seq"].as_i64().unwrap()
}

async fn close(stream: &mut TcpStream) -> (u16, String) {
    loop {
        let (opcode, content) = frame(stream).await;
        if opcode == 8 {
            let code = u16::from_be_bytes([content[0], content[1]]);
            return (code, String::from_utf8(content[2..].to_vec()).unwrap());
        }
    }
}

/// A masked frame with an empty mask.
fn client(first: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    match content.len() {
        len @ 0..126 => out.push(0x80 | len as u8),
        len => {
            out.push(0x80 | 126);
            out.extend((len as u16).to_be_bytes());
        }
    }
    out.extend([0; 4]);
    out.extend(content);
    out
}

#[tokio::test]
async fn events_arrive_and_the_close_handshake_is_answered() {
    let world = World::new().await;
    let mut stream = world.watch(None, false).await;
    world.publish(&[1, 2, 1], "{}");
    for expected in 1..=3 {
        assert_eq!(seq(&mut stream).await, expected);
    }
    stream.write_all(&client(0x89, b"hello")).await.unwrap();
    assert_eq!(frame(&mut stream).await, (10, b"hello".to_vec()));
    stream.write_all(&client(0x81, b"ignored")).await.unwrap();
    stream.write_all(&client(0x88, &[0x03, 0xE8])).await.unwrap();
    assert_eq!(close(&mut stream).await.0, 1000);
    assert_eq!(stream.read(&mut [0; 10]).await.unwrap(), 0);
}

#[tokio::test]
async fn streams_end_for_the_reasons_of_the_contract() {
    let world = World::new().await;
    world.publish(&[1], "{}");
    let mut revoked = world.watch(None, false).await;
    world.hub.token_revoked(token(1, false).id);
    assert_eq!(close(&mut revoked).await.0, 4401);
    let mut too_big = world.watch(None, false).await;
    too_big.write_all(&client(0x81, &[b'x'; 5_000])).await.unwrap();
    assert_eq!(close(&mut too_big).await.0, 1009);
    let mut drained = world.watch(Some(0), false).await;
    assert_eq!(seq(&mut drained).await, 1);
    world.hub.drain();
    let reason = close(&mut drained).await;
    assert_eq!(reason, (1012, "server restarting: resume with since=1".to_owned()));
    let world = World::new().await;
    let mut deleted = world.watch(None, false).await;
    world.hub.space_deleted(1);
    // Its key goes with it.
    world.hub.token_revoked(token(1, false).id);
    assert_eq!(close(&mut deleted).await.0, 4404);
}

/// Everything arrives, in order, at a client that reads late, with frames of every size of header.
#[tokio::test]
async fn a_slow_client_misses_nothing() {
    let world = World::new().await;
    let mut stream = world.watch(None, false).await;
    let large = format!("\"{}\"", "x".repeat(70_000));
    let mut last = 0;
    for round in 0..60 {
        world.publish(&[1; 20], if round % 20 == 0 { &large } else { "{}" });
        last += 20;
        if round % 15 == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    for expected in 1..=last {
        assert_eq!(seq(&mut stream).await, expected);
    }
}

/// A close may not stand within another frame, even when the socket is full.
#[tokio::test]
async fn a_drain_ends_the_frame_under_way_first() {
    let world = World::new().await;
    let mut stream = world.watch(None, false).await;
    world.publish(&[1, 1], &format!("\"{}\"", "x".repeat(900_000)));
    tokio::time::sleep(Duration::from_millis(50)).await;
    world.hub.drain();
    let mut last = 0;
    let reason = loop {
        let (opcode, content) = frame(&mut stream).await;
        match opcode {
            1 => {
                last = serde_json::from_slice::<serde_json::Value>(&content).unwrap()["seq"].as_i64().unwrap()
            }
            _ => break String::from_utf8(content[2..].to_vec()).unwrap(),
        }
    };
    assert_eq!(reason, format!("server restarting: resume with since={last}"));
}

#[tokio::test]
async fn a_collapsing_client_gets_little_and_the_newest() {
    let world = World::new().await;
    let jobs: Vec<i64> = (0..900).map(|n| n % 3 + 1).collect();
    world.publish(&jobs, "{}");
    let mut stream = world.watch(Some(0), true).await;
    let mut seen = vec![];
    while seen.last() != Some(&900) {
        seen.push(seq(&mut stream).await);
    }
    assert!(seen.is_sorted() && seen.ends_with(&[898, 899, 900]));
    // The test's store answers seven events at once.
    assert!(seen.len() < 600, "{}", seen.len());
}

#[test]
fn an_idle_connection_is_small() {
    assert!(size_of::<Connection<Store>>() <= 512, "{}", size_of::<Connection<Store>>());
    async fn sizes(socket: Socket, feed: Feed<Store>, place: Place) -> usize {
        size_of_val(&run(socket, Bytes::new(), Bytes::new(), feed, place))
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let size = runtime.block_on(async {
        let world = World::new().await;
        let client = TcpStream::connect(world.listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = world.listener.accept().await.unwrap();
        drop(client);
        let socket = Socket::new(server, world.room.clone().acquire_owned().await.unwrap());
        let seat = Arc::new(Seat::new(None, None));
        let subscription = world.hub.subscribe(Subject::Space(1), seat.clone());
        let place = Place::take(&world.hub, LIMITS, &token(1, false), IpAddr::from([0; 4]), &seat).unwrap();
        let cursor = open_space(&space(1, 0), None, false, None).cursor;
        sizes(socket, Feed::new(world.store.clone(), subscription, cursor, View::Full, false), place).await
    });
    assert!(size <= 2_048, "{size}");
}
