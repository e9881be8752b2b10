use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
};

use portcullis_rabbitmq::Url;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// What becomes of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    /// It goes on to the other side.
    Open,
    /// It stays here, and so does what the other side says.
    Silent,
    /// Connections end.
    Cut,
}

/// A line to a server, which can be cut, silenced and mended: an outage for those who come this way alone.
pub(crate) struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    /// What may still be sent to the server before the line is cut.
    allowance: Arc<AtomicI64>,
    count: Arc<AtomicUsize>,
}

impl Proxy {
    /// Begins to listen.
    pub(crate) async fn start(server: &Url) -> Self {
        let host = server.host_str().expect("a host").to_owned();
        let port = server.port().unwrap_or(5672);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (line, count) = (watch::Sender::new(Line::Open), Arc::new(AtomicUsize::new(0)));
        let allowance = Arc::new(AtomicI64::new(i64::MAX));
        let (lines, limit, counted) = (line.clone(), allowance.clone(), count.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                if *lines.borrow() != Line::Cut {
                    tokio::spawn(carry(client, (host.clone(), port), lines.clone(), limit.clone()));
                }
            }
        });
        Self { address, line, allowance, count }
    }

    /// The URL that leads through here.
    pub(crate) fn url(&self, server: &Url) -> Url {
        let mut url = server.clone();
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(self.address.port())).expect("it has a port");
        url
    }

    /// Ends all connections, and every new one at once.
    pub(crate) fn cut(&self) {
        self.line.send_replace(Line::Cut);
    }

    /// Cuts the line once this many more bytes were sent to the server.
    pub(crate) fn cut_after(&self, bytes: i64) {
        self.allowance.store(bytes, Ordering::SeqCst);
    }

    /// Keeps connections, and carries nothing.
    pub(crate) fn silence(&self) {
        self.line.send_replace(Line::Silent);
    }

    /// Ends what was done to the line. What came through a silent line is lost with its connections, as when a broker's
    /// machine is restarted.
    pub(crate) fn mend(&self) {
        self.line.send_replace(Line::Cut);
        self.allowance.store(i64::MAX, Ordering::SeqCst);
        self.line.send_replace(Line::Open);
    }

    /// How many connections were begun since the start, whatever became of them.
    pub(crate) fn connected(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }
}

async fn carry(
    client: TcpStream,
    server: (String, u16),
    line: watch::Sender<Line>,
    allowance: Arc<AtomicI64>,
) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (mut cut, unlimited) = (line.subscribe(), AtomicI64::new(i64::MAX));
    tokio::select! {
        () = copy(from_client, to_server, line.subscribe(), &allowance) => {}
        () = copy(from_server, to_client, line.subscribe(), &unlimited) => {}
        _ = cut.wait_for(|line| *line == Line::Cut) => {}
    }
    if allowance.load(Ordering::SeqCst) <= 0 {
        line.send_replace(Line::Cut);
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut line: watch::Receiver<Line>,
    allowance: &AtomicI64,
) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from.read(&mut bytes).await {
        if line.wait_for(|line| *line != Line::Silent).await.is_err() {
            return;
        }
        let length_sent = i64::try_from(length).expect("a buffer is small");
        let allowed = allowance.fetch_sub(length_sent, Ordering::SeqCst);
        let carried = length.min(usize::try_from(allowed).unwrap_or_default());
        if to.write_all(&bytes[..carried]).await.is_err() || allowed <= length_sent {
            return;
        }
    }
}
