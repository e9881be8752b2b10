//! The accept loop. The framework's own sets neither `TCP_NODELAY` nor a limit on how long a client may take over its headers,
//! and either is a way to make a service slow.

use std::{net::SocketAddr, time::Duration};

use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use poem::{
    Addr, Endpoint, Request, Response,
    endpoint::BoxEndpoint,
    http::uri::Scheme,
    web::{LocalAddr, RemoteAddr},
};
use std::{convert::Infallible, future::Future, io, sync::Arc};
use tokio::{
    net::{TcpListener, TcpStream},
    time,
};

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// After an accept that failed (no file descriptors left, say) the next one would fail at once too.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Serves until `stop` is done, then lets the requests under way finish for at most `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => connect(stream, peer, Arc::clone(&endpoint), &graceful),
            Err(error) => {
                tracing::warn!("a connection was not accepted: {error}");
                time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    drop(listener);
    if time::timeout(grace, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests were still under way after {grace:?}; they are cut off");
    }
}

fn connect(
    stream: TcpStream,
    peer: SocketAddr,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    graceful: &GracefulShutdown,
) {
    let Ok(local) = prepare(&stream) else { return }; // gone already
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let endpoint = Arc::clone(&endpoint);
        async move {
            let local = LocalAddr(Addr::SocketAddr(local));
            let remote = RemoteAddr(Addr::SocketAddr(peer));
            let request = Request::from((request, local, remote, Scheme::HTTP));
            Ok::<hyper::Response<_>, Infallible>(endpoint.get_response(request).await.into())
        }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("connection ended: {error}");
        }
    });
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
}
