use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, tcp},
    task::JoinHandle,
    time::sleep,
};
use tokio_postgres::config::Host;

/// Stands between a store and its server, and counts how often each connection asked and was answered.
pub(super) struct Proxy {
    url: String,
    address: SocketAddr,
    server: String,
    delay: Duration,
    trips: Arc<Mutex<Vec<usize>>>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn new(url: &str) -> Self {
        Self::far(url, Duration::ZERO).await
    }

    /// As if the server were far away: each answer takes this long. What is asked before the first answer comes is one trip, in
    /// however many pieces it is sent.
    pub(super) async fn far(url: &str, delay: Duration) -> Self {
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        let Some(Host::Tcp(host)) = config.get_hosts().first() else { panic!("the tests' URL names a host") };
        let port = config.get_ports().first().copied().expect("the tests' URL names a port");
        let server = format!("{host}:{port}");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let trips = Arc::default();
        let accepting = accept(listener, server.clone(), delay, Arc::clone(&trips));
        let url = url.replacen(&server, &address.to_string(), 1);
        Self { url, address, server, delay, trips, accepting }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Round trips so far, of each connection in the order in which they were made.
    pub(super) fn trips(&self) -> Vec<usize> {
        self.trips.lock().expect("no panic").clone()
    }

    /// Cuts every connection and answers nobody.
    pub(super) async fn stop(&mut self) {
        self.accepting.abort();
        assert!((&mut self.accepting).await.is_err(), "aborted");
    }

    /// Is there again, where it was.
    pub(super) async fn start(&mut self) {
        let listener = TcpListener::bind(self.address).await.expect("the port is still free");
        self.accepting = accept(listener, self.server.clone(), self.delay, Arc::clone(&self.trips));
    }
}

fn accept(
    listener: TcpListener,
    server: String,
    delay: Duration,
    trips: Arc<Mutex<Vec<usize>>>,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        // Connections go with this task.
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server answers");
            client.set_nodelay(true).expect("a socket");
            server.set_nodelay(true).expect("a socket");
            connections.spawn(pass(client, server, delay, Arc::clone(&trips)));
        }
    })
}

async fn pass(client: TcpStream, server: TcpStream, delay: Duration, trips: Arc<Mutex<Vec<usize>>>) {
    let number = {
        let mut trips = trips.lock().expect("no panic");
        trips.push(0);
        trips.len() - 1
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whether the server has answered since the client last asked.
    let answered = AtomicBool::new(true);
    let asks = copy(from_client, to_server, Duration::ZERO, || {
        if answered.swap(false, Ordering::SeqCst) {
            trips.lock().expect("no panic")[number] += 1;
        }
    });
    let answers = copy(from_server, to_client, delay, || answered.store(true, Ordering::SeqCst));
    tokio::select! {
        () = asks => {}
        () = answers => {}
    }
}

async fn copy(mut from: tcp::OwnedReadHalf, mut to: tcp::OwnedWriteHalf, delay: Duration, before: impl Fn()) {
    let mut buffer = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if !delay.is_zero() {
            sleep(delay).await;
        }
        before();
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
