use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_domain::{
    audit::Auditor,
    commit::{Commit, Expected, RowChange},
    port::{EventStore, FeedCursor, StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Folder, Held, append, begun, execute, is_unavailable, stream};
use crate::{Options, Sqlite};

#[tokio::test]
async fn readers_do_not_wait_for_an_open_transaction_and_do_not_see_into_it() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let (held, holder) = Held::after(&store, |connection| {
        crate::commit::apply(connection, append(stream(1), Expected::Exactly(1))).expect("applies");
    })
    .await;
    for _ in 0..100 {
        let read = timeout(Duration::from_secs(5), store.head(stream(1))).await.expect("no waiting");
        assert_eq!(read.expect("read").expect("a head").version, 1);
    }
    held.release();
    holder.await.expect("kept");
    assert_eq!(store.head(stream(1)).await.expect("read").expect("a head").version, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_may_write_one_file_at_once() {
    const EACH: u64 = 300;
    let folder = Folder::new();
    // Two handles share nothing but the file, as two processes would.
    let stores = [Arc::new(folder.open()), Arc::new(folder.open())];
    let writers: Vec<_> = (0..16)
        .map(|number| {
            let store = Arc::clone(&stores[number % 2]);
            tokio::spawn(async move {
                for _ in 0..EACH / 8 {
                    store.commit(append(stream(1), Expected::Any)).await.expect("kept");
                    store.commit(append(stream(number as u128 + 2), Expected::Any)).await.expect("kept");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("no panic");
    }
    let expected = EACH / 8 * 2 * 16;
    for store in &stores {
        let feed = store.read_feed(FeedCursor::START, 100_000).await.expect("read");
        let mut auditor = Auditor::default();
        for item in &feed {
            auditor.check(&item.event).expect("chained, without a gap");
        }
        assert_eq!(feed.len() as u64, expected);
        assert_eq!(feed.last().map(|item| item.cursor.position), Some(expected));
    }
}

#[tokio::test]
async fn a_write_behind_another_process_waits_no_longer_than_it_was_told() {
    let folder = Folder::new();
    let options = Options { busy_timeout: Duration::from_millis(100), ..Options::default() };
    let store = Sqlite::open(folder.database(), options).expect("opens");
    let mut other = folder.bare();
    execute(&mut other, "BEGIN IMMEDIATE");
    let begun_at = Instant::now();
    assert!(is_unavailable(&store.commit(append(stream(1), Expected::New)).await));
    assert!(begun_at.elapsed() >= options.busy_timeout);
    execute(&mut other, "COMMIT");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
}

#[tokio::test]
async fn whoever_waits_hears_of_a_commit_before_and_after() {
    let folder = Folder::new();
    let store = folder.open();
    let waiting = begun(store.wait(FeedCursor::START)).await;
    let committed = store.commit(append(stream(1), Expected::New)).await.expect("kept");
    timeout(Duration::from_secs(5), waiting).await.expect("woken").expect("open");
    timeout(Duration::from_secs(5), store.wait(FeedCursor::START)).await.expect("at once").expect("open");
    let newest = FeedCursor { transaction: 0, position: committed.events[0].position };
    drop(begun(store.wait(newest)).await);

    drop(store);
    let store = folder.open();
    timeout(Duration::from_secs(5), store.wait(FeedCursor::START)).await.expect("remembered").expect("open");
}

#[tokio::test]
async fn closing_finishes_what_was_taken_and_refuses_the_rest() {
    let folder = Folder::new();
    let store = folder.open();
    let (held, holder) = Held::new(&store).await;
    let mut waiting = Vec::new();
    for number in 0..100 {
        waiting.push(begun(store.commit(append(stream(number), Expected::New))).await);
    }
    let listening = begun(store.wait(FeedCursor { transaction: 0, position: 1_000 })).await;
    let closing = begun(store.close()).await;
    assert!(is_unavailable(&store.commit(append(stream(200), Expected::New)).await));
    held.release();
    closing.await;
    holder.await.expect("kept");
    for commit in waiting {
        commit.await.expect("kept");
    }
    assert!(matches!(listening.await, Err(StoreError::Unavailable(_))));
    assert!(matches!(store.ping().await, Err(StoreError::Unavailable(_))));
    // Everything is in the one file.
    assert_eq!(folder.content().len(), 1);
    assert_eq!(folder.open().list_heads(None, 1_000).await.expect("read").len(), 100);
}

#[tokio::test]
async fn a_destroyed_key_is_gone_from_the_disk() {
    const WRAPPED: &[u8] = b"a wrapped key of forty bytes, to be found";
    let folder = Folder::new();
    let store = folder.open();
    let is_on_disk =
        || folder.content().iter().any(|(_, bytes)| bytes.windows(WRAPPED.len()).any(|part| part == WRAPPED));
    let subject = Uuid::from_u128(1).into();
    let key = SubjectKey { subject, wrapped: Sealed::new(WRAPPED.to_vec()) };
    let put = Commit { rows: vec![RowChange::PutSubjectKey(key.clone())], ..Commit::default() };
    store.commit(put).await.expect("kept");
    assert_eq!(store.find(subject).await.expect("read"), Some(key));
    assert!(is_on_disk());

    store.commit(Commit { shred: vec![subject], ..Commit::default() }).await.expect("kept");
    assert_eq!(store.find(subject).await.expect("read"), None);
    assert!(!is_on_disk(), "neither in the file nor in the log beside it");
}
