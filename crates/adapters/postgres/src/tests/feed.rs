use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use portcullis_domain::{
    commit::Expected,
    id::EventId,
    port::{EventStore, FeedCursor, FeedItem},
};
use tokio::time::sleep;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Database, append, appends, feed, stream};
use crate::Postgres;

const SLOW: u128 = 100;
/// Longer than a reader waits for a transaction, so that it must go on without the slow one.
const SLEEP: Duration = Duration::from_millis(1_500);

/// Reads by the cursor, in small pages, until told that all is written.
async fn read_on(store: &Postgres, is_done: &AtomicBool) -> Vec<FeedItem> {
    let mut items: Vec<FeedItem> = Vec::new();
    loop {
        // Asked before reading: what was committed when it was true is in this last reading.
        let is_last = is_done.load(Ordering::SeqCst);
        let after = items.last().map_or(FeedCursor::START, |item| item.cursor);
        let page = store.read_feed(after, 7).await.expect("the feed reads");
        if page.is_empty() && is_last {
            return items;
        }
        items.extend(page);
    }
}

/// The reader that this adapter is not: by position alone, as if events appeared in the order of their numbers.
async fn read_on_by_position(client: &Client, is_done: &AtomicBool) -> HashSet<Uuid> {
    let query = "SELECT position, id::text FROM events WHERE position > $1 ORDER BY position LIMIT 7";
    let (mut after, mut ids) = (0_i64, HashSet::new());
    loop {
        let is_last = is_done.load(Ordering::SeqCst);
        let page = client.query(query, &[&after]).await.expect("read");
        if page.is_empty() && is_last {
            return ids;
        }
        for row in page {
            after = row.get(0);
            ids.insert(row.get::<_, &str>(1).parse().expect("an id"));
        }
    }
}

/// Several write to shared streams, until some time after the slow one has begun.
async fn write(store: Arc<Postgres>, writer: u128) -> Vec<EventId> {
    let begun = Instant::now();
    let mut written = Vec::new();
    while begun.elapsed() < SLEEP {
        let streams = (0..=writer % 3).map(|number| stream((writer + number) % 5));
        let committed = store.commit(appends(streams, Expected::Any)).await.expect("kept");
        written.extend(committed.events.iter().map(|event| event.event.id));
        sleep(Duration::from_millis(5)).await;
    }
    written
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_that_sleeps_is_not_skipped_though_a_reader_by_position_skips_it() {
    let database = Database::new().await;
    let store = Arc::new(database.open().await);
    let other = Arc::new(database.bare().await);
    let sleeping = format!(
        "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_sleep({}); RETURN NULL; END $$;
         CREATE TRIGGER sleep AFTER INSERT ON events FOR EACH ROW
         WHEN (NEW.stream_id = '{}' AND NEW.version = 2) EXECUTE FUNCTION sleep()",
        SLEEP.as_secs_f64(),
        stream(SLOW)
    );
    other.batch_execute(&sleeping).await.expect("made");

    let is_done = Arc::new(AtomicBool::new(false));
    let right = tokio::spawn({
        let (store, is_done) = (Arc::clone(&store), Arc::clone(&is_done));
        async move { read_on(&store, &is_done).await }
    });
    let wrong = tokio::spawn({
        let (other, is_done) = (Arc::clone(&other), Arc::clone(&is_done));
        async move { read_on_by_position(&other, &is_done).await }
    });
    let slow = tokio::spawn({
        let store = Arc::clone(&store);
        // Of several streams, one of which sleeps while all of its locks are held.
        async move { store.commit(appends([stream(SLOW), stream(SLOW + 1)], Expected::New)).await }
    });
    sleep(Duration::from_millis(100)).await;
    let writers: Vec<_> = (0..8).map(|writer| tokio::spawn(write(Arc::clone(&store), writer))).collect();
    let mut written: HashSet<EventId> = HashSet::new();
    for writer in writers {
        written.extend(writer.await.expect("no panic"));
    }
    let late: Vec<_> =
        slow.await.expect("no panic").expect("kept").events.iter().map(|event| event.event.id).collect();
    written.extend(&late);
    is_done.store(true, Ordering::SeqCst);

    let (items, by_position) = (right.await.expect("no panic"), wrong.await.expect("no panic"));
    let ids: HashSet<_> = items.iter().map(|item| item.event.event.id).collect();
    assert_eq!(ids, written, "everything, and nothing else");
    assert_eq!(items.len(), written.len(), "and once");
    assert_eq!(feed(&store, FeedCursor::START).await, items, "in the order in which anybody else reads it");
    let skipped = late.iter().filter(|id| !by_position.contains(&Uuid::from(**id))).count();
    assert_eq!(skipped, late.len(), "this case would catch a reader by position");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feed_ends_before_what_an_older_transaction_may_still_precede() {
    let database = Database::new().await;
    let store = database.open().await;
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let first = feed(&store, FeedCursor::START).await;
    assert_eq!(first.len(), 2);

    let older = database.bare().await;
    older.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.expect("begun");
    store.commit(append(stream(1), Expected::Exactly(2))).await.expect("kept");
    assert_eq!(feed(&store, FeedCursor::START).await, first);
    assert_eq!(store.read_stream(stream(1), 0, 10).await.expect("read").len(), 4, "a stream is read at once");
    older.batch_execute("ROLLBACK").await.expect("ended");
    assert_eq!(feed(&store, FeedCursor::START).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn transactions_of_other_databases_hold_up_nobody() {
    let (database, elsewhere) = (Database::new().await, Database::new().await);
    let store = database.open().await;
    let older = elsewhere.bare().await;
    older.batch_execute("BEGIN; SELECT pg_current_xact_id()").await.expect("begun");
    let committed = store.commit(append(stream(1), Expected::New)).await.expect("kept");
    assert_eq!(feed(&store, FeedCursor::START).await.len(), committed.events.len());
    older.batch_execute("COMMIT").await.expect("it was open all the time");
}
