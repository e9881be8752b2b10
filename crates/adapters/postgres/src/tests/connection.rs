use std::time::{Duration, Instant};

use portcullis_domain::{
    commit::{CommitError, Committed, Expected},
    port::{EventStore, FeedCursor, StoreError},
};
use tokio::time::{sleep, timeout};

use super::{Database, PATIENCE, append, is_unavailable, proxy::Proxy, schema::Schema, stream};
use crate::{Options, Postgres};

fn newest(committed: &Committed) -> u64 {
    committed.events.last().expect("it has events").position
}

/// Commits until one is kept.
async fn commit_at_last(store: &Postgres, number: u128) -> Committed {
    let trying = async {
        loop {
            match store.commit(append(stream(number), Expected::Any)).await {
                Ok(committed) => return committed,
                Err(CommitError::Store(StoreError::Unavailable(_))) => sleep(Duration::from_millis(50)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    timeout(PATIENCE, trying).await.expect("the store is back")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_connections_were_all_ended_goes_on_by_itself() {
    let database = Database::new().await;
    let (store, other_process) = (database.open().await, database.open().await);
    let ending = database.bare().await;
    for round in 0..3 {
        let racing = (0..8).map(|number| store.commit(append(stream(number), Expected::Any)));
        futures::future::try_join_all(racing).await.expect("kept, over several connections");
        let ended = ending
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = current_database() AND application_name = 'portcullis'",
                &[],
            )
            .await
            .expect("ended");
        assert!(ended > 4, "{ended} connections were there in round {round}");
        // A closed connection is told from an open one before it is used, once the word of it has come.
        sleep(Duration::from_millis(200)).await;
        store.commit(append(stream(1), Expected::Any)).await.expect("at the first try");

        // It listens again, too.
        let after = store.read_feed(FeedCursor::START, 10_000).await.expect("read");
        let after = after.last().expect("events").cursor;
        let hearing = async {
            let waiting = store.wait(after);
            tokio::pin!(waiting);
            loop {
                other_process.commit(append(stream(2), Expected::Any)).await.expect("kept");
                if let Ok(woken) = timeout(Duration::from_millis(300), &mut waiting).await {
                    return woken.expect("open");
                }
            }
        };
        timeout(PATIENCE, hearing).await.expect("it hears of other processes again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_server_is_away_everything_is_unavailable_at_once_and_afterwards_it_is_not() {
    let schema = Schema::new();
    let mut proxy = Proxy::new(schema.url()).await;
    let store = Postgres::connect(proxy.url(), Options::default()).await.expect("opens");
    let before = store.commit(append(stream(1), Expected::New)).await.expect("kept");
    proxy.stop().await;
    for _ in 0..20 {
        let asked = Instant::now();
        assert!(is_unavailable(&store.commit(append(stream(1), Expected::Any)).await));
        assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
        assert!(matches!(store.head(stream(1)).await, Err(StoreError::Unavailable(_))));
        assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    }
    proxy.start().await;
    let after = commit_at_last(&store, 1).await;
    assert!(newest(&after) > newest(&before));
    assert_eq!(after.events[0].version, 3, "nothing was written meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_hears_of_another_process_within_milliseconds() {
    let schema = Schema::new();
    let open = || Postgres::connect(schema.url(), Options::default());
    let (here, there) = (open().await.expect("opens"), open().await.expect("opens"));
    // Until it listens.
    sleep(Duration::from_millis(500)).await;
    for round in 1..=5 {
        let committed = there.commit(append(stream(round), Expected::New)).await.expect("kept");
        let items = here.read_feed(FeedCursor::START, 1_000).await.expect("read");
        let before =
            items.iter().rev().nth(committed.events.len()).map_or(FeedCursor::START, |item| item.cursor);
        let asked = Instant::now();
        timeout(PATIENCE, here.wait(before)).await.expect("woken").expect("open");
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    let newest = here.read_feed(FeedCursor::START, 1_000).await.expect("read").last().expect("events").cursor;
    let waited = timeout(Duration::from_millis(300), here.wait(newest)).await;
    assert!(waited.is_err(), "nothing lies beyond the newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_starts_hears_of_what_was_there_before_it() {
    let schema = Schema::new();
    let open = || Postgres::connect(schema.url(), Options::default());
    open().await.expect("opens").commit(append(stream(1), Expected::New)).await.expect("kept");
    let later = open().await.expect("opens");
    timeout(PATIENCE, later.wait(FeedCursor::START)).await.expect("woken").expect("open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_refuses_everything_and_wakes_who_waits() {
    let schema = Schema::new();
    let store = Postgres::connect(schema.url(), Options::default()).await.expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let far = FeedCursor { transaction: u64::MAX, position: 0 };
    let (waited, ()) = tokio::join!(store.wait(far), async {
        sleep(Duration::from_millis(100)).await;
        store.close();
    });
    assert!(matches!(waited, Err(StoreError::Unavailable(_))));
    assert!(is_unavailable(&store.commit(append(stream(2), Expected::New)).await));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
}
