//! The store of Portcullis at scale: `PostgreSQL` 13 or later, with any number of replicas writing side by side.
//!
//! * **Durable**: a commit is answered once the server has committed it.
//! * **Side by side**: commits to different streams do not wait for each other. Each takes the locks of its streams and keys, in
//!   one order, before it writes; at most three round trips.
//! * **A feed without gaps**: events are read in the order of their transactions, and only once no earlier one can appear.
//! * **Append-only**: the database itself refuses to change or delete an event.
//! * **Forgets**: after an erasure the rows that held a person's data are vacuumed away, and the login history is kept by the month.
//! * **Nothing to install**: no libpq and no OpenSSL; TLS as `sslmode` and `sslrootcert` in the URL ask for it.
//!
//! The schema is the first of the connection's search path (`?options=-csearch_path%3Dname` in the URL), and is made where it is
//! missing and the user may.

mod column;
mod commit;
mod connection;
mod error;
mod event_search;
mod event_store;
mod migration;
mod replay;
mod row;
mod statement;
mod subscription;
#[cfg(test)]
mod tests;
mod upkeep;

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use connection::{Access, Connection, Connections, Newest, Server};
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    port::{FeedCursor, StoreError},
};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

use commit::Failure;
pub use error::{MINIMUM_SERVER_VERSION, OpenError};
pub use migration::Migration;
use upkeep::Upkeep;

/// How often a commit is tried that others were in the way of.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(5);

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections at most; one more listens, and at times one cleans up after erasures.
    pub pool_size: NonZeroUsize,
    /// How long a statement may take, and a transaction stand still.
    pub statement_timeout: Duration,
    /// How long to wait for a connection while all are in use.
    pub pool_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            pool_size: NonZeroUsize::MIN.saturating_add(15),
            statement_timeout: Duration::from_secs(10),
            pool_timeout: Duration::from_secs(5),
        }
    }
}

/// A database, opened. It implements every store port; clone an `Arc` of it into each. Needs a tokio runtime.
pub struct Postgres {
    connections: Arc<Connections>,
    newest: Arc<Newest>,
    listener: Option<JoinHandle<()>>,
    upkeep: Arc<Upkeep>,
    closed: watch::Sender<bool>,
    server: Server,
}

impl Postgres {
    /// Opens a database and applies pending migrations; of any number that start at once, one does. A database that this version
    /// does not know is refused before anything is written.
    pub async fn connect(url: &str, options: Options) -> Result<Self, OpenError> {
        let server = Server::parse(url, &options)?;
        migration::run(&server).await?;
        let schema = migration::inspect(&mut server.connect(Access::Inspect).await?, &server).await?.schema;
        let newest = Arc::new(Newest::new());
        let listener = connection::listen(server.clone(), &schema.unwrap_or_default(), Arc::clone(&newest));
        Ok(Self::new(server, Access::Serve, options, newest, Some(listener)))
    }

    /// Opens a database that has all migrations, for reading alone. Every write is refused as unavailable, and so is
    /// waiting for events.
    pub async fn connect_read_only(url: &str, options: Options) -> Result<Self, OpenError> {
        let server = Server::parse(url, &options)?;
        if migration::list(&server).await?.iter().any(|migration| !migration.is_applied) {
            return Err(OpenError::Outdated { server: server.name().to_owned() });
        }
        Ok(Self::new(server, Access::Inspect, options, Arc::new(Newest::new()), None))
    }

    /// All migrations that this version knows, oldest first, and whether the database has them. Changes nothing.
    pub async fn migrations(url: &str, options: Options) -> Result<Vec<Migration>, OpenError> {
        migration::list(&Server::parse(url, &options)?).await
    }

    /// The names of the migrations that the database lacks, oldest first. Changes nothing.
    pub async fn pending_migrations(url: &str, options: Options) -> Result<Vec<String>, OpenError> {
        let all = Self::migrations(url, options).await?;
        Ok(all
            .into_iter()
            .filter(|migration| !migration.is_applied)
            .map(|migration| migration.name)
            .collect())
    }

    /// Applies pending migrations, each whole or not at all, and makes the schema where there is none. Returns their names.
    pub async fn migrate(url: &str, options: Options) -> Result<Vec<String>, OpenError> {
        migration::run(&Server::parse(url, &options)?).await
    }

    /// Reverts the newest migration, **with the data in what it made**, and returns its name; `None` when there is none.
    pub async fn revert_migration(url: &str, options: Options) -> Result<Option<String>, OpenError> {
        migration::revert(&Server::parse(url, &options)?).await
    }

    /// Wipes what erasures have left in the server's files: rewrites the tables that held something of a person, and writes over the
    /// write-ahead log. Whoever uses the tables waits meanwhile. Returns why it was not done to the end, where it
    /// was not: an older transaction that does not end, or, for the log, the lack of rights to `CHECKPOINT`,
    /// `pg_switch_wal` and `pg_ls_waldir`.
    pub async fn scrub(url: &str, options: Options) -> Result<Option<String>, OpenError> {
        let server = Server::parse(url, &options)?;
        if migration::list(&server).await?.iter().any(|migration| !migration.is_applied) {
            return Err(OpenError::Outdated { server: server.name().to_owned() });
        }
        upkeep::scrub(&server).await
    }

    /// Takes no more work. What is asked of it afterwards is answered as unavailable; what was begun ends.
    pub fn close(&self) {
        self.closed.send_replace(true);
        self.connections.close();
        if let Some(listener) = &self.listener {
            listener.abort();
        }
        self.upkeep.close();
    }

    /// How many connections are open, in use or not, beside the one that listens.
    pub fn connections(&self) -> usize {
        self.connections.count()
    }

    fn new(
        server: Server,
        access: Access,
        options: Options,
        newest: Arc<Newest>,
        listener: Option<JoinHandle<()>>,
    ) -> Self {
        let connections = Connections::new(server.clone(), access, options.pool_size, options.pool_timeout);
        let connections = Arc::new(connections);
        let upkeep = Arc::new(Upkeep::start(server.clone(), Arc::clone(&connections)));
        let closed = watch::Sender::new(false);
        Self { connections, newest, listener, upkeep, closed, server }
    }

    async fn connection(&self) -> Result<Connection, StoreError> {
        self.connections.get().await
    }

    /// Applies a commit, several times if need be. Only an engine's own word that it undid everything leads to another try.
    async fn apply(&self, commit: Commit) -> Result<(Committed, FeedCursor), CommitError> {
        let connections = Arc::clone(&self.connections);
        let upkeep = Arc::clone(&self.upkeep);
        detached(async move {
            for tried in 1.. {
                let mut connection = connections.get().await?;
                let failure = match commit::apply(&mut connection, &commit).await {
                    Ok(outcome) => {
                        upkeep.committed(&commit);
                        return Ok(outcome);
                    }
                    Err(failure) => failure,
                };
                connection::roll_back(connection).await;
                match failure {
                    Failure::Engine(error) if error::is_contention(&error) && tried < TRIES => {
                        sleep(tried * PAUSE).await;
                    }
                    failure => return Err(failure.into()),
                }
            }
            unreachable!("the last try returns")
        })
        .await
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.close();
    }
}

/// Does a write to its end, whether its caller waits for it or not: dropped half way it would leave a transaction open.
async fn detached<T, E>(work: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    tokio::spawn(work).await.map_err(StoreError::unavailable)?
}
