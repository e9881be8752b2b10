//! Clients that ask for much and read nothing of it.

use std::{fs, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{self, Instant},
};

use crate::{
    client::{self, Client},
    server::{PATIENCE, Server},
};

/// Beyond this no connection is held for a client that reads nothing: ten seconds, and what a busy machine adds.
const HELD_AT_MOST: Duration = Duration::from_secs(20);
/// How often each client asks for a page of about a megabyte.
const REQUESTS: usize = 40;

/// Asks for the page many times at once, and reads nothing.
async fn ask(server: &Server) -> TcpStream {
    let address = server.url().trim_start_matches("http://").parse().expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4096).expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("it accepts");
    let requests = "GET /docs HTTP/1.1\r\nHost: x\r\n\r\n".repeat(REQUESTS);
    stream.write_all(requests.as_bytes()).await.expect("it is read or buffered");
    stream
}

/// How many bytes still come until the service's end of the connection is reached.
async fn drain(mut stream: TcpStream) -> usize {
    let mut answers = Vec::new();
    let _ = time::timeout(PATIENCE, stream.read_to_end(&mut answers)).await.expect("it ends");
    answers.len()
}

async fn page_length(server: &Server) -> usize {
    let page = client::http().get(format!("{}/docs", server.url())).send().await.expect("an answer");
    page.bytes().await.expect("a page").len()
}

/// How many sockets the service has open.
fn sockets(server: &Server) -> usize {
    let files = fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("it runs");
    let targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

/// The memory the service has in use, in mebibytes.
fn memory(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_clients_that_never_read_keep_neither_connections_nor_memory() {
    let server = Server::start();
    let client = Client::of(&server);
    let page = page_length(&server).await;
    let (sockets_before, memory_before) = (sockets(&server), memory(&server));

    let mut stalled = Vec::new();
    for _ in 0..100 {
        stalled.push(ask(&server).await);
    }
    let asked = Instant::now();
    time::sleep(Duration::from_secs(2)).await;
    assert!(sockets(&server) >= 100, "all of them are connected");
    let grown = memory(&server).saturating_sub(memory_before);
    assert!(grown < 40, "{grown} MiB more in use");
    client.login("jane@example.com", "Tr4vel-light").await.expect_error(401, "USER_1001");

    // Another client's connection may stay open beside them.
    while sockets(&server) > sockets_before + 2 {
        assert!(asked.elapsed() < HELD_AT_MOST, "{} sockets are open", sockets(&server));
        time::sleep(Duration::from_millis(100)).await;
    }
    let read = drain(stalled.swap_remove(0)).await;
    assert!(read < page * REQUESTS / 2, "{read} bytes came");
    // On a connection of its own: the first one has been idle for as long as any may.
    Client::of(&server).login("jane@example.com", "Tr4vel-light").await.expect_error(401, "USER_1001");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_for_a_client_that_never_reads_no_longer_than_any_time() {
    let mut server = Server::start_with(&[("SHUTDOWN_GRACE_SECONDS", "600")]);
    let stalled = ask(&server).await;
    time::sleep(Duration::from_secs(1)).await;
    let started = Instant::now();
    assert!(tokio::task::block_in_place(|| server.stop()).success());
    assert!(started.elapsed() < HELD_AT_MOST, "{:?}", started.elapsed());
    drop(stalled);
}
