use std::time::Duration;

use portcullis_domain::{
    commit::{Commit, RowChange},
    port::EventStore,
    seal::{Sealed, SubjectKey},
};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Database, PATIENCE};
use crate::Postgres;

async fn put_and_shred(store: &Postgres, number: u128) {
    let subject = Uuid::from_u128(number).into();
    let key = SubjectKey { subject, wrapped: Sealed::new(vec![7; 40]) };
    let put = Commit { rows: vec![RowChange::PutSubjectKey(key)], ..Commit::default() };
    store.commit(put).await.expect("kept");
    store.commit(Commit { shred: vec![subject], ..Commit::default() }).await.expect("shredded");
}

/// How often each table of the schema was vacuumed on demand.
async fn vacuumed(client: &Client) -> Vec<(String, i64)> {
    let sql = "SELECT relname::text, vacuum_count FROM pg_stat_user_tables WHERE vacuum_count > 0 ORDER BY 1";
    let rows = client.query(sql, &[]).await.expect("read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn until_vacuumed(client: &Client) -> Vec<(String, i64)> {
    let waiting = async {
        loop {
            let tables = vacuumed(client).await;
            // The last of them.
            if tables.iter().any(|(table, _)| table == "claims") {
                return tables;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("vacuumed")
}

#[tokio::test(flavor = "multi_thread")]
async fn after_several_erasures_every_table_that_held_something_of_a_person_is_vacuumed_once() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    for number in 1..=5 {
        put_and_shred(&store, number).await;
    }
    assert_eq!(vacuumed(&other).await, [], "nobody waits for it");
    let tables = until_vacuumed(&other).await;
    assert!(tables.iter().all(|(_, count)| *count == 1), "{tables:?}");
    for table in [
        "accesses",
        "credentials",
        "invitations",
        "login_attempts_rest",
        "members",
        "one_time_codes",
        "sessions",
        "snapshots",
        "stream_states",
        "subject_keys",
        "users",
    ] {
        assert!(tables.iter().any(|(vacuumed, _)| vacuumed == table), "{table} in {tables:?}");
    }
    // The keys are gone from the file, not only from sight.
    other
        .batch_execute("CREATE EXTENSION IF NOT EXISTS pageinspect")
        .await
        .expect("the tests' server has it");
    let kept =
        "SELECT count(*) FROM heap_page_items(get_raw_page('subject_keys', 0)) WHERE t_data IS NOT NULL";
    let kept: i64 = other.query_one(kept, &[]).await.expect("read").get(0);
    assert_eq!(kept, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_transaction_is_waited_for() {
    let database = Database::new().await;
    let store = database.open().await;
    let mut reader = database.bare().await;
    let other = database.bare().await;
    let reading = reader
        .build_transaction()
        .isolation_level(tokio_postgres::IsolationLevel::RepeatableRead)
        .start()
        .await
        .expect("begun");
    reading.query("SELECT FROM subject_keys", &[]).await.expect("read");
    put_and_shred(&store, 1).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(vacuumed(&other).await, []);
    reading.rollback().await.expect("ended");
    until_vacuumed(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vacuum_that_fails_is_tried_again() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    // A table that is not there, for a while.
    other.batch_execute("ALTER TABLE claims RENAME TO hidden").await.expect("renamed");
    let subject = Uuid::from_u128(1).into();
    store.commit(Commit { shred: vec![subject], ..Commit::default() }).await.expect("shredded");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(vacuumed(&other).await, []);
    other.batch_execute("ALTER TABLE hidden RENAME TO claims").await.expect("renamed");
    until_vacuumed(&other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_closes_abandons_it() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    put_and_shred(&store, 1).await;
    store.close();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(vacuumed(&other).await, []);
}
