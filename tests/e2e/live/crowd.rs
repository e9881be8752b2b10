//! Many feeds at once: a hundred in the ordinary tests, and as many as `LIVE_FEEDS` says with `just live`.

use std::{
    fs,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinSet,
};

use super::{Scene, metric};
use crate::server::{PATIENCE, Server};

/// How many events everybody is to get.
const EVENTS: u64 = 20;

#[expect(clippy::disallowed_methods, reason = "the heavy proof is asked for by the environment")]
fn crowd() -> usize {
    std::env::var("LIVE_FEEDS").ok().map_or(100, |count| count.parse().expect("LIVE_FEEDS is a number"))
}

/// Reads a feed on a bare connection, and tells when each event came.
async fn read(mut stream: TcpStream, arrivals: mpsc::UnboundedSender<(u64, Instant)>) {
    let (mut buffer, mut text) = (vec![0; 16 * 1024], String::new());
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        text.push_str(&String::from_utf8_lossy(&buffer[..length]));
        while let Some(end) = text.find("\n\n") {
            let block: String = text.drain(..end + 2).collect();
            let version = block.lines().find_map(|line| line.strip_prefix("id: "));
            if let Some(version) = version {
                let _ = arrivals.send((version.parse().expect("a version"), Instant::now()));
            }
        }
    }
}

async fn open(scene: &Scene) -> TcpStream {
    let address = scene.server.url().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("it accepts");
    let request = format!(
        "GET /api/v1/stream/live/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        scene.stream, scene.tokens.access
    );
    stream.write_all(request.as_bytes()).await.expect("it reads");
    stream
}

/// The memory the service has in use, in kibibytes.
fn memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "the recipe's output")]
async fn a_crowd_of_readers_each_get_every_event() {
    let count = crowd();
    let scene = Scene::new(&[("LIVE_FEEDS_PER_USER", "10000")]).await;
    let before = memory(&scene.server);
    let (arrivals, mut arrived) = mpsc::unbounded_channel();
    let mut readers = JoinSet::new();
    for _ in 0..count {
        readers.spawn(read(open(&scene).await, arrivals.clone()));
    }
    metric(&scene.server, "live_feeds_open", count as u64).await;
    let open = memory(&scene.server);
    let first = scene.version().await + 1;
    let mut latencies = Vec::new();
    for number in 0..EVENTS {
        let written = Instant::now();
        scene.act(number).await;
        let committed = Instant::now();
        let mut missing = count;
        while missing > 0 {
            let next = tokio::time::timeout(PATIENCE, arrived.recv()).await;
            let (version, at) = next
                .unwrap_or_else(|_| panic!("{missing} readers wait for event {number}"))
                .expect("readers");
            assert_eq!(version, first + number, "each event once and in order");
            // What came before the writer had its answer was at most as long under way as the whole request.
            latencies.push(at.saturating_duration_since(committed).min(at - written));
            missing -= 1;
        }
    }
    let after = memory(&scene.server);
    latencies.sort_unstable();
    let at = |share: usize| latencies[(latencies.len() - 1) * share / 100];
    println!(
        "{count} feeds, {EVENTS} events: after the writer's answer {:?} at the median, {:?} at 99 %, {:?} at most; memory {} MiB before, {} MiB with all open ({} KiB a feed), {} MiB after",
        at(50),
        at(99),
        at(100),
        before / 1024,
        open / 1024,
        (open.saturating_sub(before)) / count as u64,
        after / 1024,
    );
    assert!(at(50) < Duration::from_secs(5), "{:?}", at(50));
    readers.abort_all();
}
