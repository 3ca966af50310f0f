//! Heads that come late, half-closed connections, drains: over real sockets.

use std::sync::Mutex;
use std::time::Instant;

use axum::Router;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use super::*;

/// Much longer than a busy machine takes to pass on a whole head.
const HEAD: Duration = Duration::from_secs(3);

struct Served {
    address: SocketAddr,
    drain: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

async fn served(router: Router) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (drain, draining) = watch::channel(false);
    Served { address, drain, task: tokio::spawn(serve(listener, router, draining, HEAD)) }
}

async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(served.address).await.unwrap()
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

async fn answer(stream: &mut TcpStream) -> String {
    let mut seen = String::new();
    while !seen.ends_with("pong") {
        let mut buffer = [0; 1_000];
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {seen:?}");
        seen.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    seen
}

fn ping() -> Router {
    Router::new().route("/", get(|| async { "pong" }))
}

/// A head that never ends is answered with 408; a connection that idles for as long after a request is not.
#[tokio::test]
async fn a_slow_head_is_refused_and_an_idle_connection_lives_on() {
    let served = served(ping()).await;
    let (mut slow, mut idle) = (connect(&served).await, connect(&served).await);
    let (mut late, mut silent) = (connect(&served).await, connect(&served).await);
    slow.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
    for stream in [&mut idle, &mut late] {
        stream.write_all(GET).await.unwrap();
        answer(stream).await;
    }
    // A time that ran from the connection's beginning would end too early.
    tokio::time::sleep(HEAD / 3).await;
    let start = Instant::now();
    late.write_all(b"GET / HT").await.unwrap();
    for stream in [&mut slow, &mut late] {
        let mut refusal = String::new();
        stream.read_to_string(&mut refusal).await.unwrap();
        assert!(refusal.starts_with("HTTP/1.1 408 "), "{refusal}");
        assert!(refusal.contains("application/problem+json") && refusal.contains("request_timeout"));
    }
    assert!(start.elapsed() >= HEAD, "it had its time, from its own first byte on");
    assert_eq!(silent.read(&mut [0; 10]).await.unwrap(), 0, "nothing was ever asked");
    idle.write_all(GET).await.unwrap();
    answer(&mut idle).await;
}

/// «a half-closed one counts as gone»: who waits can learn it, also when another request waits behind; whoever asks
/// for less is answered all the same.
#[tokio::test]
async fn a_handler_can_tell_that_its_client_has_closed_its_side() {
    let wait = |axum::Extension(wire): axum::Extension<Wire>, _body: String| async move {
        wire.gone().await;
        "pong"
    };
    let served = served(ping().route("/wait", post(wait))).await;
    for behind in [&b""[..], GET] {
        let mut stream = connect(&served).await;
        stream.write_all(b"POST /wait HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
        stream.write_all(behind).await.unwrap();
        let early = tokio::time::timeout(Duration::from_millis(100), answer(&mut stream)).await;
        assert!(early.is_err(), "still waiting");
        stream.shutdown().await.unwrap();
        answer(&mut stream).await;
    }
    let mut stream = connect(&served).await;
    stream.write_all(GET).await.unwrap();
    stream.shutdown().await.unwrap();
    answer(&mut stream).await;
}

/// What is no HTTP is answered with a problem, as everything is.
#[tokio::test]
async fn a_head_that_is_no_http_is_answered_with_a_problem() {
    let served = served(ping()).await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(200));
    for (head, status) in [("\u{1}\u{2}\r\n\r\n", "400"), (long.as_str(), "414"), (many.as_str(), "431")] {
        let mut stream = connect(&served).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut seen = String::new();
        let _ = stream.read_to_string(&mut seen).await;
        assert!(seen.starts_with(&format!("HTTP/1.1 {status} ")), "{seen}");
        for part in
            ["application/problem+json", "x-request-id: ", "referrer-policy: ", "\"code\":\"bad_request\""]
        {
            assert!(seen.contains(part), "{part} is missing in {seen}");
        }
    }
}

#[tokio::test]
async fn draining_answers_what_is_in_flight_and_ends_the_rest() {
    let (go, told) = watch::channel(false);
    let (begin, mut begun) = mpsc::unbounded_channel();
    let slow = move || {
        let (mut told, begin) = (told.clone(), begin.clone());
        async move {
            begin.send(()).unwrap();
            let _ = told.wait_for(|told| *told).await;
            "pong"
        }
    };
    let served = served(ping().route("/slow", get(slow))).await;
    let (mut busy, mut idle) = (connect(&served).await, connect(&served).await);
    idle.write_all(GET).await.unwrap();
    answer(&mut idle).await;
    busy.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    begun.recv().await.unwrap();
    served.drain.send(true).unwrap();
    assert_eq!(idle.read(&mut [0; 10]).await.unwrap(), 0);
    assert!(!served.task.is_finished());
    go.send(true).unwrap();
    assert!(answer(&mut busy).await.contains("connection: close"));
    served.task.await.unwrap();
}

#[tokio::test]
async fn a_request_knows_its_peer_and_can_cut_its_wire() {
    let seen = Arc::new(Mutex::new(None));
    let note = seen.clone();
    let cut = move |request: Request<Body>| {
        *note.lock().unwrap() = request.extensions().get::<Peer>().copied();
        request.extensions().get::<Wire>().unwrap().reset();
        std::future::pending::<&str>()
    };
    let served = served(Router::new().route("/", get(cut))).await;
    let mut stream = connect(&served).await;
    stream.write_all(GET).await.unwrap();
    let cut = stream.read(&mut [0; 10]).await;
    assert!(matches!(cut, Ok(0) | Err(_)), "{cut:?}");
    assert_eq!(*seen.lock().unwrap(), Some(Peer(stream.local_addr().unwrap())));
}

/// What an answer promises is kept when its bytes are with the kernel, and dropped when the connection fails before.
#[tokio::test]
async fn a_receipt_is_called_once_the_answer_is_written_and_never_on_a_broken_connection() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let answer_after = move |breaks: bool| {
        let tell = tell.clone();
        get(move |axum::Extension(wire): axum::Extension<Wire>| async move {
            let guard = Receipt(tell, false);
            wire.when_written(move || guard.written());
            if breaks {
                wire.reset();
            }
            "pong"
        })
    };
    let router = Router::new().route("/", answer_after(false)).route("/broken", answer_after(true));
    let served = served(router).await;

    let mut whole = connect(&served).await;
    whole.write_all(GET).await.unwrap();
    answer(&mut whole).await;
    assert_eq!(told.recv().await, Some(true));

    let mut broken = connect(&served).await;
    broken.write_all(b"GET /broken HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    assert_eq!(told.recv().await, Some(false));
}

/// Tells at its end whether it was called.
struct Receipt(mpsc::UnboundedSender<bool>, bool);

impl Receipt {
    fn written(mut self) {
        self.1 = true;
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

/// A connection that was handed over has its answer's head from hyper, and everything behind it from its successor.
#[tokio::test]
async fn a_successor_writes_what_follows_the_head() {
    let stream = |axum::Extension(wire): axum::Extension<Wire>| async move {
        wire.hand_over(|socket| {
            assert!(socket.stream().try_write(b"the rest: pong").is_ok());
        })
    };
    let served =
        served(Router::new().route("/", get(|| async { "pong" })).route("/stream", get(stream))).await;
    let mut client = connect(&served).await;
    client.write_all(GET).await.unwrap();
    answer(&mut client).await;
    // Its second request on this connection, and one behind it that nobody answers any more.
    client
        .write_all(b"GET /stream HTTP/1.1\r\nhost: x\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let seen = answer(&mut client).await;
    assert!(seen.starts_with("HTTP/1.1 200") && seen.ends_with("\r\n\r\nthe rest: pong"), "{seen}");
    drop(client);
    served.drain.send(true).unwrap();
    served.task.await.unwrap();
}
