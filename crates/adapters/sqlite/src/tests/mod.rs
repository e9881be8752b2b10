mod event_search;
mod group_commit;
mod log;
mod open;
mod plan;
mod row;
mod statement;
mod upgrade;
mod user_list;
mod writer;

use std::{
    future::{Future, poll_fn},
    path::{Path, PathBuf},
    pin::Pin,
    sync::mpsc,
    task::Poll,
};

use chrono::DateTime;
use diesel::{Connection, connection::SimpleConnection, sqlite::SqliteConnection};
use portcullis_domain::{
    commit::{Append, Commit, CommitError, Expected},
    event::{Actor, EventData, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::StoreError,
    seal::Sealed,
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::{Options, Sqlite};

/// A folder that goes away with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    fn database(&self) -> PathBuf {
        self.0.path().join("portcullis.db")
    }

    fn open(&self) -> Sqlite {
        Sqlite::open(self.database(), Options::default()).expect("opens")
    }

    /// A connection without any of the adapter's settings, as another program would have it.
    fn bare(&self) -> SqliteConnection {
        let path = self.database();
        SqliteConnection::establish(path.to_str().expect("plain text")).expect("connects")
    }

    /// All files and what they hold.
    fn content(&self) -> Vec<(PathBuf, Vec<u8>)> {
        content(self.0.path())
    }
}

fn content(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).expect("readable");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .map(|path| (path.clone(), std::fs::read(path).expect("readable")))
        .collect();
    files.sort();
    files
}

fn stream(number: u128) -> StreamId {
    StreamId::new(Uuid::from_u128(number))
}

fn event(data: &str) -> NewEvent {
    NewEvent {
        id: EventId::new(unique()),
        event_type: EventType::new("user.updated"),
        schema_version: 1,
        actor: Actor::User(Uuid::from_u128(1)),
        data: EventData::from_stored(data),
        personal: Some(Sealed::new(vec![1, 2, 3])),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// An id that no other event of this run has.
fn unique() -> Uuid {
    use std::sync::atomic::{AtomicU64, Ordering};

    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn append(stream: StreamId, expected: Expected) -> Commit {
    let append = Append { stream, kind: StreamKind::User, expected, events: vec![event("{}")] };
    Commit { appends: vec![append], ..Commit::default() }
}

/// Polls a future for the first time, which puts its write into the queue, and leaves it waiting.
async fn begun<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending(), "it waits for the disk");
        Poll::Ready(())
    })
    .await;
    future
}

/// Keeps the writer inside a transaction until `release` is called, so that what is begun meanwhile waits together.
struct Held {
    release: mpsc::Sender<()>,
}

impl Held {
    /// Returns once the writer is inside.
    async fn new(store: &Sqlite) -> (Self, impl Future<Output = Result<(), StoreError>>) {
        Self::after(store, |_| {}).await
    }

    /// As `new`, with something done on the writing connection first.
    async fn after(
        store: &Sqlite,
        first: impl FnOnce(&mut SqliteConnection) + Send + 'static,
    ) -> (Self, impl Future<Output = Result<(), StoreError>>) {
        let (release, released) = mpsc::channel::<()>();
        let (inside, is_inside) = oneshot::channel();
        let write = begun(store.write(move |connection| {
            first(connection);
            inside.send(()).expect("the test waits");
            released.recv().expect("the test releases");
            Ok(())
        }))
        .await;
        is_inside.await.expect("the writer runs");
        (Self { release }, write)
    }

    fn release(self) {
        self.release.send(()).expect("the writer waits");
    }
}

fn is_unavailable<T>(outcome: &Result<T, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_))))
}

fn execute(connection: &mut SqliteConnection, sql: &str) {
    connection.batch_execute(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
}
