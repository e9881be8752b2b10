//! Line 11: waiting for an event.

use std::time::Duration;

use portcullis_domain::{
    commit::Expected,
    port::{FeedCursor, FeedItem},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

/// More than a wake-up takes on any machine, less than anybody's polling fall-back should be.
const SOON: Duration = Duration::from_secs(5);
const WAITERS: usize = 16;

async fn wait(store: &StorePorts, after: FeedCursor) {
    let waited = tokio::time::timeout(SOON, store.events.wait(after)).await;
    waited.expect("nobody woke the one who waits").expect("waiting works");
}

/// Waits until there is something to read beyond the cursor, and reads it. An early return is no harm.
async fn next(store: &StorePorts, after: FeedCursor) -> FeedItem {
    loop {
        if let Some(item) = store.events.read_feed(after, 1).await.expect("the feed reads").pop() {
            return item;
        }
        wait(store, after).await;
    }
}

async fn commit_one(store: &StorePorts) {
    store.commit(sample::appends([sample::append(sample::id(), Expected::New, 1)])).await;
}

/// And everybody who waits is.
pub async fn whoever_waits_is_woken_by_a_commit<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let waiters = race(WAITERS + 1, |number| {
        let store = store.clone();
        async move {
            if number < WAITERS {
                Some(next(&store, FeedCursor::START).await)
            } else {
                tokio::time::sleep(Duration::from_millis(50)).await;
                commit_one(&store).await;
                None
            }
        }
    })
    .await;
    let first = store.feed().await.remove(0);
    assert_eq!(waiters.into_iter().flatten().collect::<Vec<_>>(), vec![first; WAITERS]);
}

/// The reader finds nothing, the commit comes, the reader waits: it must not sleep on.
pub async fn a_commit_between_reading_and_waiting_is_not_missed<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut after = FeedCursor::START;
    for _ in 0..20 {
        assert!(store.events.read_feed(after, 1).await.expect("reads").is_empty());
        commit_one(&store).await;
        wait(&store, after).await;
        after = next(&store, after).await.cursor;
    }
}

/// A reader that follows a writer step by step, both as fast as they can.
pub async fn no_wake_up_is_lost_in_a_race<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let count = 200;
    let followed = race(2, |number| {
        let store = store.clone();
        async move {
            let mut after = FeedCursor::START;
            for _ in 0..count {
                if number == 0 {
                    commit_one(&store).await;
                } else {
                    after = next(&store, after).await.cursor;
                }
            }
            after
        }
    })
    .await;
    assert_eq!(Some(followed[1]), store.feed().await.last().map(|item| item.cursor));
}
