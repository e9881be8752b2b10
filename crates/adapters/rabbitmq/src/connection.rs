//! One connection to the broker, and the channels on it.

use std::{
    io,
    net::Shutdown,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{ConfirmSelectOptions, ExchangeDeclareOptions},
    tcp::{AsyncTcpStream, OwnedTLSConfig},
    types::{FieldTable, ShortString},
    uri::{AMQPScheme, AMQPUri},
};
use socket2::{SockRef, Socket};
use tokio::time::timeout;
use tracing::subscriber::NoSubscriber;

use crate::{
    error::{ConnectError, TlsFailure},
    url::address,
    version::{self, TooOld},
};

/// The part of the deadline for connecting that asking for the version may take.
const ASKING: u32 = 4;
/// Channels kept for the next calls; more are made where more calls run at once.
const IDLE_CHANNELS: usize = 8;

/// A connection on which the exchange was declared.
pub(crate) struct Link {
    /// Ends before the connection does, which would otherwise wait for the broker to say good-bye.
    cutter: Cutter,
    idle: Mutex<Vec<Channel>>,
    connection: Connection,
}

impl Link {
    /// Connects and declares the exchange. The first time the broker is asked for its version before.
    pub(crate) async fn open(
        uri: &AMQPUri,
        exchange: &ShortString,
        deadline: Duration,
        is_first: bool,
    ) -> Result<Self, ConnectError> {
        let cutter = Cutter::default();
        let opening = async {
            let connection = connect(uri, cutter.0.clone(), deadline, is_first).await?;
            let refused = |error| ConnectError::from_declaration(uri, exchange.as_str(), error);
            let channel = confirming_channel(&connection).await.map_err(refused)?;
            let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
            channel
                .exchange_declare(exchange.clone(), ExchangeKind::Topic, durable, FieldTable::default())
                .await
                .map_err(refused)?;
            Ok((connection, channel))
        };
        let (connection, channel) =
            timeout(deadline, opening).await.map_err(|_| ConnectError::timed_out(uri))??;
        Ok(Self { cutter, idle: Mutex::new(vec![channel]), connection })
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.cutter.is_cut() && self.connection.status().connected()
    }

    /// A channel for one call: lapin pairs messages that come back with confirms by the order in which they come, so that of
    /// two calls on one channel each could be told of the other's.
    pub(crate) async fn channel(&self) -> Result<Channel, lapin::Error> {
        let idle = self.idle().pop();
        match idle.filter(|channel| channel.status().connected()) {
            Some(channel) => Ok(channel),
            None => confirming_channel(&self.connection).await,
        }
    }

    /// Takes a channel back, once all its confirms are there.
    pub(crate) fn put_back(&self, channel: Channel) {
        let mut idle = self.idle();
        if idle.len() < IDLE_CHANNELS {
            idle.push(channel);
        }
    }

    /// Gives the connection up. Whatever waits for it fails.
    pub(crate) fn cut(&self) {
        self.cutter.cut();
    }

    /// Ends the connection in good order.
    pub(crate) async fn close(&self, deadline: Duration) {
        // One that is lost already has nothing to close.
        let _ = timeout(deadline, self.connection.close(200, "OK".into())).await;
        self.cut();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Channel>> {
        self.idle.lock().expect("nothing panics while it is held")
    }
}

async fn confirming_channel(connection: &Connection) -> Result<Channel, lapin::Error> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn connect(
    uri: &AMQPUri,
    line: Arc<Line>,
    deadline: Duration,
    is_first: bool,
) -> Result<Connection, ConnectError> {
    let properties = ConnectionProperties::default().with_connection_name("portcullis".into());
    let failed = |error| ConnectError::from_handshake(uri, error);
    let runtime = lapin::runtime::default_runtime().map_err(failed)?;
    // The same as the runtime that is handed to the function, whose type has no name here.
    let reactor = runtime.clone();
    let dial = Arc::new(async move |uri: AMQPUri| {
        let address = (uri.authority.host.clone(), uri.authority.port);
        let dialling = async {
            let stream = AsyncTcpStream::connect(&reactor, reactor.to_socket_addrs(address)).await?;
            if let AsyncTcpStream::Plain(stream) = &stream {
                line.attach(SockRef::from(stream.get_ref()).try_clone()?)?;
            }
            match uri.scheme {
                AMQPScheme::AMQP => Ok(stream),
                AMQPScheme::AMQPS => {
                    let tls = OwnedTLSConfig::default();
                    let secured = stream.into_tls(&uri.authority.host, tls.as_ref()).await;
                    secured.map_err(|error| io::Error::other(TlsFailure(error)))
                }
            }
        };
        let outcome = timeout(deadline, dialling).await;
        outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    });
    if is_first {
        // A broker that cannot be asked, or not soon, is told of by the connection proper.
        let asking = async {
            match dial(uri.clone()).await {
                Ok(mut stream) => version::ask(&mut stream).await,
                Err(_) => Ok(()),
            }
        };
        if let Ok(Err(TooOld(version))) = timeout(deadline / ASKING, asking).await {
            return Err(ConnectError::TooOld { address: address(uri), version });
        }
    }
    let dial = async move |uri: AMQPUri, _| {
        silence_this_thread();
        dial(uri).await.map_err(lapin::Error::from)
    };
    Connection::connector(uri.clone(), runtime, dial, properties).await.map_err(failed)
}

/// lapin dials on the thread that then moves the connection's frames, and that thread logs every message that comes back, whole.
/// What goes wrong there is told to whoever waits for it as well, so nothing is lost when this thread logs no more.
fn silence_this_thread() {
    // The guard would end the silence with this function.
    std::mem::forget(tracing::subscriber::set_default(NoSubscriber::new()));
}

/// Ends a connection's socket when it is dropped, whoever waits on it: without this, lapin's thread would stay for as long as a
/// silent broker's socket does, one for each connection that was tried.
#[derive(Default)]
struct Cutter(Arc<Line>);

/// What there is to cut.
#[derive(Default)]
struct Line(Mutex<Wire>);

#[derive(Default)]
enum Wire {
    #[default]
    Dialling,
    Open(Socket),
    Cut,
}

impl Cutter {
    fn cut(&self) {
        if let Wire::Open(socket) = std::mem::replace(&mut *self.0.wire(), Wire::Cut) {
            // A socket whose other side is gone says so here, which is all the same now.
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn is_cut(&self) -> bool {
        matches!(*self.0.wire(), Wire::Cut)
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Line {
    /// From now on this is what is cut. Refused where that has happened meanwhile.
    fn attach(&self, socket: Socket) -> io::Result<()> {
        let mut wire = self.wire();
        if matches!(*wire, Wire::Cut) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        *wire = Wire::Open(socket);
        Ok(())
    }

    fn wire(&self) -> MutexGuard<'_, Wire> {
        self.0.lock().expect("nothing panics while it is held")
    }
}
