use std::{collections::BTreeSet, time::Duration};

use chrono::{DateTime, Months, TimeDelta, Utc};
use portcullis_domain::{
    caller::Origin,
    commit::{Commit, RowChange},
    id::UserId,
    port::{EventStore, LoginHistory},
    session::{LoginAttempt, LoginFailure},
};
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Database, PATIENCE, unique_id};
use crate::Postgres;

fn attempt(user: UserId, at: DateTime<Utc>) -> LoginAttempt {
    let origin = Origin { ip_address: None, user_agent: Some("Mozilla/5.0".to_owned()) };
    LoginAttempt { id: unique_id().into(), user, at, origin, failure: Some(LoginFailure::InvalidPassword) }
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().expect("a time")
}

async fn put_user(client: &Client, number: u128) -> UserId {
    let id = Uuid::from_u128(number);
    let sql = format!(
        "INSERT INTO users (id, version, email, email_folded, name, name_folded, role, is_active, is_verified, unlocks, created_at,
                            updated_at)
         VALUES ('{id}', 1, '-', '-', '-', '-', 'user', true, true, 0, now(), now())"
    );
    client.batch_execute(&sql).await.expect("written");
    id.into()
}

/// The partitions that hold attempts, and how many each.
async fn partitions(client: &Client) -> Vec<(String, i64)> {
    let sql = "SELECT tableoid::regclass::text, count(*) FROM login_attempts GROUP BY 1 ORDER BY 1";
    let rows = client.query(sql, &[]).await.expect("read");
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn has_table(client: &Client, name: &str) -> bool {
    let row = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await.expect("asked");
    row.get(0)
}

async fn until_there(client: &Client, name: &str) {
    let there = async {
        while !has_table(client, name).await {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, there).await.expect("the partition is made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_without_a_partition_gets_one_and_what_was_written_before_moves_into_it() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    let user = put_user(&other, 1).await;
    let at = time("2031-05-31T23:59:59.999999Z");
    let later = at + TimeDelta::microseconds(1);
    store.record(vec![attempt(user, at), attempt(user, later)]).await.expect("kept");
    until_there(&other, "login_attempts_2031_07").await;
    let held = [("login_attempts_2031_05".to_owned(), 1), ("login_attempts_2031_06".to_owned(), 1)];
    assert_eq!(partitions(&other).await, held);
    let listed = store.list_by_user(user, None, 10).await.expect("listed");
    assert_eq!(listed.iter().map(|attempt| attempt.at).collect::<Vec<_>>(), [later, at]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_replicas_make_one_partition_while_all_write_into_it() {
    let database = Database::new().await;
    let other = database.bare().await;
    let mut stores = Vec::new();
    for _ in 0..10 {
        stores.push(database.open().await);
    }
    let user = put_user(&other, 1).await;
    let start = time("2032-01-15T00:00:00Z");
    let writing = stores.iter().map(|store| async move {
        for minute in 0..30 {
            let at = start + TimeDelta::minutes(minute);
            if minute % 2 == 0 {
                store.record(vec![attempt(user, at)]).await.expect("kept");
            } else {
                let rows = vec![RowChange::PutLoginAttempt(attempt(user, at))];
                store.commit(Commit { rows, ..Commit::default() }).await.expect("kept");
            }
        }
    });
    futures::future::join_all(writing).await;
    until_there(&other, "login_attempts_2032_02").await;
    assert_eq!(partitions(&other).await, [("login_attempts_2032_01".to_owned(), 300)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_misses_what_moves_into_a_new_partition() {
    let database = Database::new().await;
    let store = database.open().await;
    let user = put_user(&database.bare().await, 1).await;
    let start = time("2033-01-15T00:00:00Z");
    for month in 0..24 {
        let at = start.checked_add_months(Months::new(month)).expect("a time");
        store.record(vec![attempt(user, at)]).await.expect("kept");
        // While the partition is made.
        for _ in 0..30 {
            let listed = store.list_by_user(user, None, 100).await.expect("listed");
            assert_eq!(listed.len(), month as usize + 1);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_months_are_dropped_and_the_rest_is_deleted() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    let user = put_user(&other, 1).await;
    let first = time("2030-10-01T00:00:00Z");
    let mut attempts = Vec::new();
    for month in 0..4 {
        let begins_at = first.checked_add_months(Months::new(month)).expect("a time");
        attempts.extend((0..10).map(|day| attempt(user, begins_at + TimeDelta::days(day))));
    }
    store.record(attempts).await.expect("kept");
    for name in ["login_attempts_2030_10", "login_attempts_2031_01", "login_attempts_2031_02"] {
        until_there(&other, name).await;
    }
    // Of a time whose partition nobody made.
    other
        .execute(
            "INSERT INTO login_attempts (id, user_id, at) SELECT gen_random_uuid(), id, 'epoch' FROM users",
            &[],
        )
        .await
        .expect("written");

    let before = time("2030-12-06T00:00:00Z");
    assert_eq!(store_prune(&store, before).await, 10 + 10 + 5 + 1);
    assert!(!has_table(&other, "login_attempts_2030_10").await);
    assert!(!has_table(&other, "login_attempts_2030_11").await);
    let held = [("login_attempts_2030_12".to_owned(), 5), ("login_attempts_2031_01".to_owned(), 10)];
    assert_eq!(partitions(&other).await, held);
    assert_eq!(store_prune(&store, before).await, 0);
    // At the first moment of a month all of those before it are old, and none of its own.
    assert_eq!(store_prune(&store, time("2031-01-01T00:00:00Z")).await, 5);
    assert!(!has_table(&other, "login_attempts_2030_12").await);
    assert_eq!(store.list_by_user(user, None, 100).await.expect("listed").len(), 10);
}

async fn store_prune(store: &Postgres, before: DateTime<Utc>) -> u64 {
    LoginHistory::prune(store, before).await.expect("pruned")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_cannot_be_dropped_for_readers_is_emptied() {
    let database = Database::new().await;
    let store = database.open().await;
    let mut other = database.bare().await;
    let user = put_user(&other, 1).await;
    store.record(vec![attempt(user, time("2030-10-05T00:00:00Z"))]).await.expect("kept");
    until_there(&other, "login_attempts_2030_11").await;
    let reading = other.transaction().await.expect("begun");
    reading.query("SELECT FROM login_attempts", &[]).await.expect("read");
    assert_eq!(store_prune(&store, time("2031-01-01T00:00:00Z")).await, 1);
    assert_eq!(store.list_by_user(user, None, 10).await.expect("listed"), []);
    reading.rollback().await.expect("ended");
    assert_eq!(store_prune(&store, time("2031-01-01T00:00:00Z")).await, 0);
    assert!(!has_table(&other, "login_attempts_2030_10").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_recorded_of_an_account_that_is_erased_meanwhile() {
    let database = Database::new().await;
    let (store, replica) = (database.open().await, database.open().await);
    let other = database.bare().await;
    let at = time("2031-05-31T00:00:00Z");
    let stays = put_user(&other, 1_000).await;
    let mut recorded = BTreeSet::new();
    for number in 1..=30 {
        let user = put_user(&other, number).await;
        let erased = Commit {
            rows: vec![RowChange::DeleteLoginAttemptsOf(user), RowChange::DeleteUser(user)],
            ..Commit::default()
        };
        let recording = async {
            for _ in 0..5 {
                let beside = attempt(stays, at);
                recorded.insert(beside.id);
                replica.record(vec![attempt(user, at), beside]).await.expect("kept");
            }
        };
        let (outcome, ()) = tokio::join!(store.commit(erased), recording);
        outcome.expect("erased");
    }
    let left = "SELECT count(*) FROM login_attempts WHERE user_id <> $1::text::uuid";
    let left: i64 = other.query_one(left, &[&stays.to_string()]).await.expect("counted").get(0);
    assert_eq!(left, 0);
    let listed = store.list_by_user(stays, None, 1_000).await.expect("listed");
    assert_eq!(listed.iter().map(|attempt| attempt.id).collect::<BTreeSet<_>>(), recorded);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_twice_is_there_once() {
    let database = Database::new().await;
    let store = database.open().await;
    let user = put_user(&database.bare().await, 1).await;
    let batch = vec![attempt(user, time("2031-05-31T00:00:00Z"))];
    store.record(batch.clone()).await.expect("kept");
    store.record(batch.clone()).await.expect("kept");
    assert_eq!(store.list_by_user(user, None, 10).await.expect("listed"), batch);
}
