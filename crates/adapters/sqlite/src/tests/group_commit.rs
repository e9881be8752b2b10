use portcullis_domain::{
    commit::{Claim, ClaimKey, CommitError, Expected, RowChange},
    port::{EventStore, SubjectKeys},
    seal::{Sealed, SubjectKey},
    value::Email,
};
use uuid::Uuid;

use super::{Folder, Held, append, begun, execute, is_unavailable, stream};

#[tokio::test]
async fn commits_that_wait_together_share_a_transaction() {
    let folder = Folder::new();
    let store = folder.open();
    let (held, holder) = Held::new(&store).await;
    let mut waiting = Vec::new();
    for number in 0..64 {
        waiting.push(begun(store.commit(append(stream(number), Expected::New))).await);
    }
    held.release();
    holder.await.expect("kept");
    for commit in waiting {
        commit.await.expect("kept");
    }
    // The holder and 63 commits fill the first transaction; the 64th commit opens the second.
    let statistics = store.statistics();
    assert_eq!((statistics.writes, statistics.transactions), (65, 2));
    assert_eq!(store.list_heads(None, 100).await.expect("read").len(), 64);
}

#[tokio::test]
async fn one_that_conflicts_fails_alone_and_leaves_nothing() {
    let folder = Folder::new();
    let store = folder.open();
    let key = ClaimKey::email(&Email::new("jane@example.com"));
    let subject = Uuid::from_u128(9).into();
    let mut conflicting = append(stream(2), Expected::Exactly(5));
    conflicting.claims = vec![Claim::Take { key: key.clone(), owner: Uuid::from_u128(2) }];
    let row = RowChange::PutSubjectKey(SubjectKey { subject, wrapped: Sealed::new(vec![7]) });
    let mut taken = append(stream(4), Expected::New);
    taken.rows = vec![row];
    taken.claims = vec![Claim::Take { key: key.clone(), owner: Uuid::from_u128(4) }];
    let mut first = append(stream(1), Expected::New);
    first.claims = vec![Claim::Take { key: key.clone(), owner: Uuid::from_u128(1) }];

    let (held, _holder) = Held::new(&store).await;
    let conflicting = begun(store.commit(conflicting)).await;
    let first = begun(store.commit(first)).await;
    let taken = begun(store.commit(taken)).await;
    let last = begun(store.commit(append(stream(3), Expected::New))).await;
    held.release();

    // Had the conflict's claim stayed, the next commit would have found it.
    let first = first.await.expect("stands");
    let last = last.await.expect("stands");
    match conflicting.await {
        Err(CommitError::Conflict { expected: 5, actual: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
    match taken.await {
        Err(CommitError::Taken { key: named }) => assert_eq!(named, key),
        other => panic!("{other:?}"),
    }
    assert_eq!((first.events[0].position, last.events[0].position), (1, 2));
    assert_eq!(store.head(stream(2)).await.expect("read"), None);
    assert_eq!(store.head(stream(4)).await.expect("read"), None);
    assert_eq!(store.find(subject).await.expect("read"), None);
    assert_eq!(store.statistics().transactions, 1);
}

#[tokio::test]
async fn a_write_whose_caller_hung_up_is_done() {
    let folder = Folder::new();
    let store = folder.open();
    let (held, holder) = Held::new(&store).await;
    drop(begun(store.commit(append(stream(1), Expected::New))).await);
    held.release();
    holder.await.expect("kept");
    // Whatever is written next was queued after it.
    store.commit(append(stream(2), Expected::New)).await.expect("kept");
    assert!(store.head(stream(1)).await.expect("read").is_some());
}

#[tokio::test]
async fn when_the_transaction_fails_the_whole_group_is_told_so() {
    let folder = Folder::new();
    let store = folder.open();
    // The engine finds out at COMMIT alone: the event of a stream that is not there.
    let (held, holder) = Held::after(&store, |connection| {
        execute(
            connection,
            "PRAGMA defer_foreign_keys = ON;
             INSERT INTO events VALUES (99, randomblob(16), randomblob(16), 'user', 1, 't', 1, 'system', NULL, '{}',
                                        NULL, 0, zeroblob(32), zeroblob(32));",
        );
    })
    .await;
    let neighbour = begun(store.commit(append(stream(1), Expected::New))).await;
    let conflicting = begun(store.commit(append(stream(1), Expected::New))).await;
    held.release();
    holder.await.expect_err("fell");
    assert!(is_unavailable(&neighbour.await));
    // It conflicted with a commit that fell: nobody may learn of that.
    assert!(is_unavailable(&conflicting.await));
    assert_eq!(store.list_heads(None, 10).await.expect("read"), []);

    let next = store.commit(append(stream(1), Expected::New)).await.expect("the writer goes on");
    assert_eq!(next.events[0].position, 1);
}

#[tokio::test]
async fn what_is_answered_on_a_full_disk_is_what_is_stored() {
    let folder = Folder::new();
    let store = folder.open();
    let (held, _holder) =
        Held::after(&store, |connection| execute(connection, "PRAGMA max_page_count = 1")).await;
    let mut large = append(stream(2), Expected::New);
    large.appends[0].events[0] = super::event(&"x".repeat(1 << 20));
    let mut waiting = Vec::new();
    for (number, commit) in
        [append(stream(1), Expected::New), large, append(stream(3), Expected::New)].into_iter().enumerate()
    {
        waiting.push((number as u128 + 1, begun(store.commit(commit)).await));
    }
    held.release();
    for (number, commit) in waiting {
        let outcome = commit.await;
        let is_stored = store.head(stream(number)).await.expect("read").is_some();
        assert_eq!(outcome.is_ok(), is_stored, "{outcome:?}");
        assert!(is_stored || is_unavailable(&outcome), "{outcome:?}");
    }
    assert_eq!(store.head(stream(2)).await.expect("read"), None, "it had no place");

    let more = |connection: &mut _| {
        execute(connection, "PRAGMA max_page_count = 100000");
        Ok(())
    };
    store.write(more).await.expect("kept");
    store.commit(append(stream(4), Expected::New)).await.expect("the writer goes on");
}
