//! Connections: a pool for what the ports ask, and one that listens. libpq is not needed.

mod listener;
mod server;
mod tls;

use std::{num::NonZeroUsize, time::Duration};

use diesel_async::{
    AsyncPgConnection, SimpleAsyncConnection,
    pooled_connection::{
        AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
        deadpool::{Object, Pool},
    },
};
use futures::FutureExt;
use portcullis_domain::port::StoreError;
use tokio::time::timeout;

pub(crate) use listener::{Newest, listen};
pub(crate) use server::{Access, Server};

/// A connection borrowed from the pool.
pub(crate) type Connection = Object<AsyncPgConnection>;

/// Connections to one server, made when they are first needed. One that has broken is never handed out again, so the pool is
/// whole as soon as the server is back.
pub(crate) struct Connections {
    pool: Pool<AsyncPgConnection>,
    patience: Duration,
}

impl Connections {
    pub(crate) fn new(server: Server, access: Access, size: NonZeroUsize, patience: Duration) -> Self {
        let mut config = ManagerConfig::default();
        // Whether it is closed is known without asking the server; a question would cost each use a round trip.
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let server = server.clone();
            let connecting = async move {
                let connection = server.connect(access).await;
                connection.map_err(|error| diesel::ConnectionError::BadConnection(error_text(&error)))
            };
            connecting.boxed()
        });
        // The URL stays with the server: nothing here prints it.
        let manager = AsyncDieselConnectionManager::new_with_config("", config);
        let pool = Pool::builder(manager)
            .max_size(size.get())
            .build()
            .expect("a pool without timeouts of its own needs no runtime to be named");
        Self { pool, patience }
    }

    /// A connection, as soon as one is free. Fails at once when the server does not answer.
    pub(crate) async fn get(&self) -> Result<Connection, StoreError> {
        match timeout(self.patience, self.pool.get()).await {
            Ok(connection) => connection.map_err(StoreError::unavailable),
            Err(_) => Err(StoreError::unavailable("no database connection became free in time")),
        }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.pool.status().size
    }

    /// Hands out no more connections.
    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// Ends a transaction that is not wanted, or else the connection: the next user must not be inside it.
pub(crate) async fn roll_back(mut connection: Connection) {
    if let Err(error) = connection.batch_execute("ROLLBACK").await {
        tracing::debug!(%error, "a connection was given up");
        drop(Object::take(connection));
    }
}

/// An error and its causes in one line.
pub(crate) fn error_text(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
