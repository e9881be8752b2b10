//! The embedded store of Portcullis: one `SQLite` file, and nothing to install or run beside it.
//!
//! * **Durable**: a write-ahead log with `synchronous=FULL`. A commit is answered once it is on the disk.
//! * **One writer with group commit**: commits that wait together share one transaction, each in a savepoint of its own, so
//!   that one that conflicts does not fail its neighbours.
//! * **Readers never wait for the writer**: a few connections of their own see the last commit.
//! * **Append-only**: the database itself refuses to change or delete an event.
//!
//! Another process may open the same file at the same time, to write (`portcullis admin create`) or to read
//! (`portcullis audit verify`).

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

use std::{
    fs::OpenOptions,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use diesel::sqlite::SqliteConnection;
use portcullis_domain::port::StoreError;
use tokio::sync::watch;

pub use connection::WriterStatistics;
use connection::{Abandoned, Access, Readers, Traces, Writer};
pub use error::OpenError;
pub use migration::Migration;

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that read, each with a connection.
    pub readers: NonZeroUsize,
    /// How long to wait for another process that holds the database.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { readers: NonZeroUsize::MIN.saturating_add(3), busy_timeout: Duration::from_secs(10) }
    }
}

/// A database file, opened. It implements every store port; clone an `Arc` of it into each.
///
/// Dropping it does what [`close`](Self::close) does, and blocks the thread meanwhile.
pub struct Sqlite {
    readers: Readers,
    writer: Option<Writer>,
    newest: watch::Receiver<u64>,
    path: PathBuf,
    patience: Duration,
}

impl Sqlite {
    /// Opens a database, makes it (readable by this user alone) where there is none, and applies pending migrations.
    /// A file that this version does not know is refused before anything is written. Blocks; for the start of a program.
    pub fn open(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = absolute(path.as_ref())?;
        Self::migrate(&path, options)?;
        let mut connection = connection::writing(&path, options.busy_timeout)?;
        let failed = |source| OpenError::from_engine(path.clone(), source);
        let position = connection::newest_position(&mut connection).map_err(failed)?;
        let (sender, newest) = watch::channel(position);
        let readers = readers(&path, Access::Query, options)?;
        let writer = Writer::start(connection, &path, options.busy_timeout, sender)
            .map_err(|source| OpenError::Engine { path: path.clone(), source: source.into() })?;
        Ok(Self { readers, writer: Some(writer), newest, path, patience: options.busy_timeout })
    }

    /// Opens a database that has all migrations, for reading alone, beside a server that writes it. Every write is refused as
    /// unavailable, and so is waiting for events, since none are committed here. Blocks; for the start of a program.
    pub fn open_read_only(path: impl AsRef<Path>, options: Options) -> Result<Self, OpenError> {
        let path = absolute(path.as_ref())?;
        if !Self::pending_migrations(&path, options)?.is_empty() {
            return Err(OpenError::Outdated { path });
        }
        let (_, newest) = watch::channel(0);
        let readers = readers(&path, Access::Inspect, options)?;
        Ok(Self { readers, writer: None, newest, path, patience: options.busy_timeout })
    }

    /// All migrations that this version knows, oldest first, and whether the database has them. Changes nothing.
    pub fn migrations(path: impl AsRef<Path>, options: Options) -> Result<Vec<Migration>, OpenError> {
        migration::list(&absolute(path.as_ref())?, options.busy_timeout)
    }

    /// The names of the migrations that the database lacks, oldest first. Changes nothing.
    pub fn pending_migrations(path: impl AsRef<Path>, options: Options) -> Result<Vec<String>, OpenError> {
        let all = Self::migrations(path, options)?;
        Ok(all
            .into_iter()
            .filter(|migration| !migration.is_applied)
            .map(|migration| migration.name)
            .collect())
    }

    /// Applies pending migrations, all of them or none, and makes the database where there is none. Returns their names.
    pub fn migrate(path: impl AsRef<Path>, options: Options) -> Result<Vec<String>, OpenError> {
        let path = absolute(path.as_ref())?;
        if Self::pending_migrations(&path, options)?.is_empty() {
            return Ok(Vec::new());
        }
        create(&path)?;
        migration::run(&mut connection::writing(&path, options.busy_timeout)?, &path)
    }

    /// Reverts the newest migration, **with the data in what it made**, and returns its name; `None` when there is none.
    pub fn revert_migration(path: impl AsRef<Path>, options: Options) -> Result<Option<String>, OpenError> {
        migration::revert(&absolute(path.as_ref())?, options.busy_timeout)
    }

    /// Writes the whole file anew: no byte of it is left that is not of a row. Writers of other processes wait meanwhile. Returns
    /// what still holds bytes of before, where a reader was in the way.
    pub fn scrub(path: impl AsRef<Path>, options: Options) -> Result<Option<String>, OpenError> {
        let path = absolute(path.as_ref())?;
        if !Self::pending_migrations(&path, options)?.is_empty() {
            return Err(OpenError::Outdated { path });
        }
        replay::remove(&replay::path_beside(&path));
        let mut connection = connection::writing(&path, options.busy_timeout)?;
        let is_whole = connection::rewrite(&mut connection);
        let is_whole = is_whole.map_err(|error| OpenError::from_engine(path, error))?;
        Ok((!is_whole).then(|| "a reader is at work on the write-ahead log".to_owned()))
    }

    /// Takes no more work, finishes what was taken, empties the write-ahead log and closes the file. What is asked of it
    /// afterwards is answered as unavailable.
    pub async fn close(&self) {
        match &self.writer {
            Some(writer) => drop(tokio::join!(writer.close(), self.readers.close())),
            None => self.readers.close().await,
        }
    }

    /// How many connections are open: one a thread.
    pub fn connections(&self) -> usize {
        self.readers.count() + usize::from(self.writer.is_some())
    }

    /// How many writes were done, and in how many transactions.
    pub fn statistics(&self) -> WriterStatistics {
        self.writer.as_ref().map(Writer::statistics).unwrap_or_default()
    }

    fn writer(&self) -> Result<&Writer, StoreError> {
        self.writer
            .as_ref()
            .ok_or_else(|| StoreError::unavailable("the database was opened for reading alone"))
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers.read(query).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer()?.write(Traces::Linger, Abandoned::Dropped, work).await
    }
}

fn readers(path: &Path, access: Access, options: Options) -> Result<Readers, OpenError> {
    let connections =
        (0..options.readers.get()).map(|_| connection::reading(path, access, options.busy_timeout));
    Readers::start(connections.collect::<Result<_, _>>()?)
        .map_err(|source| OpenError::Engine { path: path.to_owned(), source: source.into() })
}

fn absolute(path: &Path) -> Result<PathBuf, OpenError> {
    std::path::absolute(path)
        .map_err(|source| OpenError::Unreadable { path: path.to_owned(), source: source.into() })
}

/// Makes the file, readable by this user alone: the engine gives its own files beside it the same mode.
fn create(path: &Path) -> Result<(), OpenError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let folder = path.parent().unwrap_or(path);
    options
        .open(path)
        .map(drop)
        .map_err(|source| OpenError::Folder { path: folder.to_owned(), source: source.into() })
}
