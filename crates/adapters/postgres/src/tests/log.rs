use portcullis_domain::{
    commit::{CommitError, Expected},
    port::{EventStore, FeedCursor, StoreError},
};

use super::{Database, append, event, feed, stream};

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_change_or_delete_an_event() {
    let database = Database::new().await;
    let store = database.open().await;
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let before = feed(&store, FeedCursor::START).await;
    let other = database.bare().await;
    for sql in [
        "UPDATE events SET data = '{\"forged\":true}'",
        "UPDATE events SET position = position + 1 WHERE false",
        "DELETE FROM events",
        "DELETE FROM events WHERE false",
        "TRUNCATE events",
        "TRUNCATE events CASCADE",
        "INSERT INTO events SELECT * FROM events ON CONFLICT (position) DO UPDATE SET data = 'forged'",
    ] {
        let error = other.batch_execute(sql).await.expect_err(sql);
        let message = error.as_db_error().expect("the server's word").message().to_owned();
        assert!(message.starts_with("events are append-only"), "{sql}: {message}");
    }
    for columns in [
        "position, 1, gen_random_uuid(), gen_random_uuid()",
        "position + 50, 1, id, gen_random_uuid()",
        "position + 50, 1, gen_random_uuid(), stream_id",
    ] {
        let sql = format!(
            "INSERT INTO events SELECT {columns}, stream_kind, version, type, schema_version, actor_kind, actor_id, data,
                                       personal, recorded_at, prev_hash, hash FROM events LIMIT 1"
        );
        let error = other.batch_execute(&sql).await.expect_err(&sql);
        assert_eq!(error.code(), Some(&tokio_postgres::error::SqlState::UNIQUE_VIOLATION), "{sql}");
    }
    assert_eq!(feed(&store, FeedCursor::START).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_refuses_to_delete_an_event_that_no_horizon_covers() {
    let database = Database::new().await;
    let store = database.open().await;
    for expected in [Expected::New, Expected::Exactly(2), Expected::Exactly(4)] {
        store.commit(append(stream(1), expected)).await.expect("kept");
    }
    let before = feed(&store, FeedCursor::START).await;
    let other = database.bare().await;
    let horizon = "INSERT INTO horizons SELECT 1, 0, transaction_id, position, 2, hash, hash, hash, 1, now(), 'k4.pid.x', hash || hash
                   FROM events WHERE position = 2";
    other.batch_execute(horizon).await.expect("written");
    for sql in ["DELETE FROM events", "DELETE FROM events WHERE position = 3", "TRUNCATE events"] {
        let error = other.batch_execute(sql).await.expect_err(sql);
        let message = error.as_db_error().expect("the server's word").message().to_owned();
        assert!(message.starts_with("events are append-only"), "{sql}: {message}");
    }
    other.batch_execute("DELETE FROM events WHERE position <= 2").await.expect("it is in an archive");
    assert_eq!(feed(&store, FeedCursor::START).await, before[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_does_not_read_is_named() {
    let database = Database::new().await;
    let store = database.open().await;
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let other = database.bare().await;
    other
        .batch_execute(
            "DROP TRIGGER events_are_append_only ON events;
             ALTER TABLE events DROP CONSTRAINT events_hash_check, DROP CONSTRAINT events_version_check",
        )
        .await
        .expect("the owner may");
    for (change, message) in [
        ("actor_kind = 'x'", "events: position 2: actor kind \"x\" with an id is unknown"),
        ("stream_kind = 'x'", "events: position 2: stream_kind \"x\" is unknown"),
        ("hash = '\\x0011'", "events: position 2: hash has 2 bytes, not 32"),
        ("version = -version", "events: position 2: version -2 is out of range"),
    ] {
        other.batch_execute(&format!("UPDATE events SET {change} WHERE position = 2")).await.expect(change);
        match store.read_feed(FeedCursor::START, 10).await {
            Err(StoreError::Corrupt(source)) => assert_eq!(source.to_string(), message),
            other => panic!("{change}: {other:?}"),
        }
        assert_eq!(store.read_feed(FeedCursor::START, 1).await.expect("the first reads").len(), 1);
        other
            .batch_execute(
                "UPDATE events SET actor_kind = 'user', stream_kind = 'user', hash = prev_hash, version = position
                 WHERE position = 2",
            )
            .await
            .expect("mended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_id_is_used_once() {
    let database = Database::new().await;
    let store = database.open().await;
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
