//! The accept loop. The framework's own sets neither `TCP_NODELAY` nor limits on what a client may keep: how long it may take over
//! its headers or over reading an answer, and how many connections there may be. Each is a way to make a service slow.

use std::{convert::Infallible, future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

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
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tokio_io_timeout::TimeoutWriter;

/// How long a client may take to send a request's headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to make room for any more of its answer. Who never reads keeps nothing longer than this.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many connections may be open; further ones wait in the system's queue until one ends.
const MAX_CONNECTIONS: usize = 10_000;
/// After an accept that failed (no file descriptors left, say) the next one would fail at once too.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What all clients together, and each of them, may keep.
struct Limits {
    connections: usize,
    write_timeout: Duration,
}

/// A connection with its place among those that may be open, which is given back when this is dropped.
struct Accepted {
    stream: TcpStream,
    peer: SocketAddr,
    place: OwnedSemaphorePermit,
}

impl Limits {
    /// Where the process may open fewer files than [`MAX_CONNECTIONS`], connections leave a quarter of them to the rest of it: a
    /// database is files, too.
    fn of_this_process() -> Self {
        Self { connections: connections_of_this_process(), write_timeout: WRITE_TIMEOUT }
    }
}

/// How many connections may be open.
pub(crate) fn connections_of_this_process() -> usize {
    connections(files())
}

/// How many files the process may open: many systems give a program few, and more where it asks.
#[cfg(unix)]
fn files() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(MAX_CONNECTIONS + MAX_CONNECTIONS / 2).unwrap_or(u64::MAX);
    let allowed = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    if limit.current.is_none_or(|current| current >= allowed) {
        return limit.current;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    raised.map_or(limit.current, |()| Some(allowed))
}

#[cfg(not(unix))]
fn files() -> Option<u64> {
    None
}

fn connections(files: Option<u64>) -> usize {
    let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
    (files - files / 4).clamp(1, MAX_CONNECTIONS)
}

/// Serves until `stop` is done, then lets the requests under way finish for at most `grace`.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    serve_within(Limits::of_this_process(), listener, endpoint, stop, grace).await;
}

async fn serve_within(
    limits: Limits,
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
    stop: impl Future<Output = ()>,
    grace: Duration,
) {
    let endpoint = Arc::new(endpoint);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(limits.connections));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok(accepted) => connect(accepted, limits.write_timeout, Arc::clone(&endpoint), &graceful),
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

/// Waits for a place first: a connection that there is none for stays in the system's queue.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.expect("nobody closes the semaphore");
    let (stream, peer) = listener.accept().await?;
    Ok(Accepted { stream, peer, place })
}

fn connect(
    Accepted { stream, peer, place }: Accepted,
    write_timeout: Duration,
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
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(write_timeout));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let connection = graceful.watch(builder.serve_connection(TokioIo::new(Box::pin(stream)), service));
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!("connection ended: {error}");
        }
        drop(place);
    });
}

fn prepare(stream: &TcpStream) -> io::Result<SocketAddr> {
    stream.set_nodelay(true)?;
    stream.local_addr()
}

#[cfg(test)]
mod tests {
    use hyper::body::Bytes;
    use poem::{EndpointExt, endpoint::make_sync};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpSocket,
        sync::oneshot,
        task::JoinHandle,
        time::Instant,
    };

    use super::*;

    const REQUEST: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    const SHORT: Duration = Duration::from_secs(1);
    /// How long anything that happens at once may take on a busy machine.
    const PATIENCE: Duration = Duration::from_secs(30);

    /// A service whose every answer is so many bytes long.
    struct Service {
        address: SocketAddr,
        stop: oneshot::Sender<()>,
        served: JoinHandle<()>,
    }

    impl Service {
        async fn start(connections: usize, answer: usize) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let body = Bytes::from(vec![b'x'; answer]);
            let endpoint = make_sync(move |_| Response::builder().body(body.clone())).boxed();
            let (stop, stopped) = oneshot::channel::<()>();
            let limits = Limits { connections, write_timeout: SHORT };
            let stop_asked = async move { drop(stopped.await) };
            let served = tokio::spawn(serve_within(limits, listener, endpoint, stop_asked, PATIENCE));
            Self { address, stop, served }
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.address).await.expect("the system queues it")
        }

        /// Sends requests at once, and reads nothing.
        async fn ask(&self, requests: usize) -> TcpStream {
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_recv_buffer_size(4096).expect("a small buffer");
            let mut stream = socket.connect(self.address).await.expect("the system queues it");
            stream.write_all(REQUEST.repeat(requests).as_bytes()).await.expect("it is read or buffered");
            stream
        }
    }

    /// Reads until the service hangs up, or resets the connection.
    async fn drain(mut stream: TcpStream) -> usize {
        let mut answers = Vec::new();
        let _ = time::timeout(PATIENCE, stream.read_to_end(&mut answers)).await.expect("it ends");
        answers.len()
    }

    async fn is_answered(stream: &mut TcpStream) {
        stream.write_all(REQUEST.as_bytes()).await.expect("it is open");
        let mut start = [0; 12];
        time::timeout(PATIENCE, stream.read_exact(&mut start)).await.expect("in time").expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 200");
    }

    #[tokio::test]
    async fn who_does_not_read_the_answer_is_hung_up_on_and_others_are_not() {
        let service = Service::start(10, 1 << 20).await;
        let stalled = service.ask(64).await;
        let mut other = service.connect().await;
        is_answered(&mut other).await;
        time::sleep(SHORT * 4).await;
        // Had it been waited for, all 64 MiB would come.
        let read = drain(stalled).await;
        assert!(read < 32 << 20, "{read} bytes came");
        is_answered(&mut service.connect().await).await;
    }

    #[tokio::test]
    async fn who_reads_slowly_but_reads_gets_the_whole_answer() {
        let service = Service::start(10, 16 << 20).await;
        let mut stream = service.ask(1).await;
        let (mut read, mut buffer, started) = (0, vec![0; 1 << 20], Instant::now());
        while read < 16 << 20 {
            time::sleep(SHORT / 5).await;
            read += time::timeout(PATIENCE, stream.read_exact(&mut buffer))
                .await
                .expect("in time")
                .expect("more");
        }
        assert!(started.elapsed() > SHORT * 2, "it was slow");
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_who_does_not_read() {
        let service = Service::start(10, 1 << 20).await;
        let stalled = service.ask(64).await;
        is_answered(&mut service.connect().await).await;
        service.stop.send(()).expect("it runs");
        time::timeout(PATIENCE / 2, service.served)
            .await
            .expect("well before the grace ends")
            .expect("no panic");
        drop(stalled);
    }

    #[tokio::test]
    async fn further_connections_wait_until_one_ends() {
        let service = Service::start(2, 1).await;
        let mut open = [service.connect().await, service.connect().await];
        for stream in &mut open {
            is_answered(stream).await;
        }
        let mut waiting = service.connect().await;
        waiting.write_all(REQUEST.as_bytes()).await.expect("the system takes it");
        let mut start = [0; 12];
        time::timeout(SHORT, waiting.read_exact(&mut start)).await.expect_err("there is no place for it");
        drop(open);
        is_answered(&mut waiting).await;
    }

    #[tokio::test]
    async fn a_full_service_stops_when_it_is_told_to() {
        let service = Service::start(1, 1).await;
        is_answered(&mut service.connect().await).await;
        let mut open = service.connect().await;
        is_answered(&mut open).await;
        service.stop.send(()).expect("it runs");
        time::timeout(PATIENCE / 2, service.served).await.expect("in time").expect("no panic");
    }

    #[test]
    fn connections_leave_files_to_the_rest_of_the_process() {
        for (files, places) in [
            (None, MAX_CONNECTIONS),
            (Some(1 << 20), MAX_CONNECTIONS),
            (Some(u64::MAX), MAX_CONNECTIONS),
            (Some(1024), 768),
            (Some(200), 150),
            (Some(0), 1),
        ] {
            assert_eq!(connections(files), places, "{files:?}");
        }
    }
}
