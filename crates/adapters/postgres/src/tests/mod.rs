mod commit;
mod connection;
mod event_search;
mod feed;
mod log;
mod login_history;
mod open;
mod proxy;
#[path = "../../tests/schema/mod.rs"]
mod schema;
mod upgrade;
mod user_list;
mod vacuum;

use std::time::Duration;

use chrono::DateTime;
use portcullis_domain::{
    commit::{Append, Commit, CommitError, Expected},
    event::{Actor, EventData, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::{EventStore, FeedCursor, FeedItem, StoreError},
    seal::Sealed,
};
use tokio_postgres::Client;
use uuid::Uuid;

use crate::{Options, Postgres};
use schema::{connect, on_own_runtime, server, unique};

/// How long anything that happens at once may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A database that nobody else uses, for tests that hold transactions open, break connections or need roles: whoever shares a
/// database with those waits for them.
struct Database {
    name: String,
    url: String,
}

impl Database {
    async fn new() -> Self {
        let name = unique("test");
        let server = server();
        connect(&server).await.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("created");
        let config: tokio_postgres::Config = server.parse().expect("it was connected to");
        let old = config.get_dbname().expect("the tests' URL names a database");
        let (address, query) = server.split_once('?').unwrap_or((&server, ""));
        let address = address.strip_suffix(old).expect("the database ends the address");
        Self { url: format!("{address}{name}?{query}"), name }
    }

    fn url(&self) -> &str {
        &self.url
    }

    async fn open(&self) -> Postgres {
        Postgres::connect(&self.url, Options::default()).await.expect("opens")
    }

    /// A connection without any of the adapter's settings, as another program would have it.
    async fn bare(&self) -> Client {
        connect(&self.url).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        on_own_runtime(async move { connect(&server()).await.batch_execute(&sql).await.expect("dropped") });
    }
}

fn stream(number: u128) -> StreamId {
    StreamId::new(Uuid::from_u128(number))
}

fn event(data: &str) -> NewEvent {
    NewEvent {
        id: EventId::new(unique_id()),
        event_type: EventType::new("user.updated"),
        schema_version: 1,
        actor: Actor::User(Uuid::from_u128(1)),
        data: EventData::from_stored(data),
        personal: Some(Sealed::new(vec![1, 2, 3])),
        recorded_at: DateTime::UNIX_EPOCH,
    }
}

/// An id that no other event of this run has.
fn unique_id() -> Uuid {
    use std::sync::atomic::{AtomicU64, Ordering};

    static NEXT: AtomicU64 = AtomicU64::new(1);
    Uuid::from_u128(NEXT.fetch_add(1, Ordering::Relaxed).into())
}

fn append(stream: StreamId, expected: Expected) -> Commit {
    appends([stream], expected)
}

fn appends(streams: impl IntoIterator<Item = StreamId>, expected: Expected) -> Commit {
    let append =
        |stream| Append { stream, kind: StreamKind::User, expected, events: vec![event("{}"), event("{}")] };
    Commit { appends: streams.into_iter().map(append).collect(), ..Commit::default() }
}

async fn feed(store: &Postgres, after: FeedCursor) -> Vec<FeedItem> {
    store.read_feed(after, 100_000).await.expect("the feed reads")
}

fn is_unavailable<T>(outcome: &Result<T, CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Store(StoreError::Unavailable(_))))
}
