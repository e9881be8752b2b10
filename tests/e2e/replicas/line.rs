//! A line to a server that can be cut and mended: an outage for those who come this way, and for nobody else.

use std::net::SocketAddr;

use reqwest::Url;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

pub(super) struct Line {
    url: String,
    is_open: watch::Sender<bool>,
}

impl Line {
    /// A line to the server of this address.
    pub(super) async fn to(server: &str, default_port: u16) -> Self {
        let mut url: Url = server.parse().expect("a URL");
        let host = url.host_str().expect("a host").trim_matches(['[', ']']).to_owned();
        let target = (host, url.port().unwrap_or(default_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("bound");
        url.set_host(Some("127.0.0.1")).expect("it has a host");
        url.set_port(Some(address.port())).expect("it has a port");
        let is_open = watch::Sender::new(true);
        let state = is_open.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), state.subscribe()));
            }
        });
        Self { url: url.into(), is_open }
    }

    /// The server's address by this line.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Ends all connections, and every new one at once.
    pub(super) fn cut(&self) {
        self.is_open.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.is_open.send_replace(true);
    }
}

async fn carry(mut client: TcpStream, target: (String, u16), mut is_open: watch::Receiver<bool>) {
    if !*is_open.borrow_and_update() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {} // either side ended it
        _ = is_open.wait_for(|is_open| !is_open) => {}
    }
}
