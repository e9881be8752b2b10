use diesel::connection::SimpleConnection;
use portcullis_domain::{
    commit::{CommitError, Expected},
    port::{EventStore, FeedCursor, StoreError},
};

use super::{Folder, append, event, execute, stream};
use crate::{OpenError, Options, Sqlite};

#[tokio::test]
async fn the_database_refuses_to_change_delete_or_replace_an_event() {
    let folder = Folder::new();
    let store = folder.open();
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let before = store.read_feed(FeedCursor::START, 10).await.expect("read");
    let mut other = folder.bare();
    let columns = "stream_kind, type, schema_version, actor_kind, actor_id, data, personal, recorded_at, prev_hash, hash";
    for sql in [
        "UPDATE events SET data = '{\"forged\":true}'".to_owned(),
        "UPDATE OR REPLACE events SET position = position + 1".to_owned(),
        "DELETE FROM events".to_owned(),
        "REPLACE INTO events SELECT * FROM events".to_owned(),
        format!(
            "REPLACE INTO events (position, id, stream_id, version, {columns})
             SELECT 50, id, randomblob(16), 1, {columns} FROM events"
        ),
        format!(
            "REPLACE INTO events (position, id, stream_id, version, {columns})
             SELECT 50, randomblob(16), stream_id, version, {columns} FROM events"
        ),
    ] {
        let error = other.batch_execute(&sql).expect_err(&sql).to_string();
        assert!(error.starts_with("events are append-only"), "{sql}: {error}");
    }
    assert_eq!(store.read_feed(FeedCursor::START, 10).await.expect("read"), before);
}

#[tokio::test]
async fn the_database_refuses_to_delete_an_event_that_no_horizon_covers() {
    let folder = Folder::new();
    let store = folder.open();
    for expected in [Expected::New, Expected::Exactly(1), Expected::Exactly(2)] {
        store.commit(append(stream(1), expected)).await.expect("kept");
    }
    let mut other = folder.bare();
    execute(
        &mut other,
        "INSERT INTO horizons SELECT 1, 0, 2, 2, hash, hash, hash, 1, 0, 'k4.pid.x', CAST(hash || hash AS BLOB) FROM events LIMIT 1",
    );
    for sql in ["DELETE FROM events", "DELETE FROM events WHERE position = 3"] {
        let error = other.batch_execute(sql).expect_err(sql).to_string();
        assert!(error.starts_with("events are append-only"), "{sql}: {error}");
    }
    execute(&mut other, "DELETE FROM events WHERE position <= 2");
    assert_eq!(store.read_feed(FeedCursor::START, 10).await.expect("read").len(), 1);
}

#[tokio::test]
async fn an_event_that_does_not_read_is_named() {
    let folder = Folder::new();
    let store = folder.open();
    for expected in [Expected::New, Expected::Exactly(1), Expected::Exactly(2)] {
        store.commit(append(stream(1), expected)).await.expect("kept");
    }
    let mut other = folder.bare();
    execute(&mut other, "DROP TRIGGER events_are_not_updated; PRAGMA ignore_check_constraints = ON");
    for (change, message) in [
        ("actor_kind = 'x'", "events: position 2: actor kind \"x\" with an id is unknown"),
        ("stream_kind = 'x'", "events: position 2: stream_kind \"x\" is unknown"),
        ("actor_id = x'00'", "events: position 2: actor_id has 1 bytes, not 16"),
        ("hash = x'0011'", "events: position 2: hash has 2 bytes, not 32"),
        ("version = -version", "events: position 2: version -2 is out of range"),
        (
            "recorded_at = 9223372036854775807",
            "events: position 2: recorded_at 9223372036854775807 is no time",
        ),
    ] {
        execute(&mut other, &format!("SAVEPOINT change; UPDATE events SET {change} WHERE position >= 2"));
        execute(&mut other, "RELEASE change");
        match store.read_feed(FeedCursor::START, 10).await {
            Err(StoreError::Corrupt(source)) => assert_eq!(source.to_string(), message),
            other => panic!("{change}: {other:?}"),
        }
        assert_eq!(store.read_feed(FeedCursor::START, 1).await.expect("the first reads").len(), 1);
        execute(
            &mut other,
            "UPDATE events SET actor_kind = 'user', stream_kind = 'user', actor_id = zeroblob(16), hash = zeroblob(32),
                               version = position, recorded_at = 0 WHERE position >= 2",
        );
    }
}

#[tokio::test]
async fn an_event_id_is_used_once() {
    let folder = Folder::new();
    let store = folder.open();
    let mut first = append(stream(1), Expected::New);
    let mut second = append(stream(2), Expected::New);
    let same = event("{}");
    first.appends[0].events = vec![same.clone()];
    second.appends[0].events = vec![same];
    store.commit(first).await.expect("kept");
    match store.commit(second).await {
        Err(CommitError::Store(StoreError::Corrupt(_))) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(store.head(stream(2)).await.expect("read"), None);
}

#[tokio::test]
async fn a_damaged_page_is_reported_as_corrupt() {
    let folder = Folder::new();
    let store = folder.open();
    for number in 0..200 {
        let mut commit = append(stream(number), Expected::New);
        commit.appends[0].events[0] = event(&"x".repeat(5_000));
        store.commit(commit).await.expect("kept");
    }
    store.close().await;
    let mut bytes = std::fs::read(folder.database()).expect("readable");
    let half = bytes.len() / 2;
    bytes[half..].fill(0xff);
    std::fs::write(folder.database(), bytes).expect("writable");
    let error =
        Sqlite::open(folder.database(), Options::default()).map(drop).expect_err("its end does not read");
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    let store = Sqlite::open_read_only(folder.database(), Options::default()).expect("its beginning reads");
    match store.read_feed(FeedCursor::START, 1_000).await {
        Err(StoreError::Corrupt(_)) => {}
        other => panic!("{:?}", other.map(|items| items.len())),
    }
}
