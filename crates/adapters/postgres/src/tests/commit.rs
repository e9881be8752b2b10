use std::{future::poll_fn, num::NonZeroUsize, pin::pin, task::Poll, time::Duration};

use portcullis_domain::{
    commit::{Claim, ClaimKey, Commit, CommitError, Expected, Guard, RowChange},
    port::{EventStore, StoreError, SubjectKeys},
    seal::{Sealed, SubjectKey},
    value::Email,
};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::{Database, PATIENCE, append, appends, proxy::Proxy, schema::Schema, stream};
use crate::{Options, Postgres};

fn one_connection() -> Options {
    Options { pool_size: NonZeroUsize::MIN, ..Options::default() }
}

/// Events of two streams, a third one guarded, a key taken and another given back, rows written and deleted and a key destroyed.
fn large_commit(round: u128) -> Commit {
    let key = |round| ClaimKey::email(&Email::new(format!("jane{round}@example.com")));
    let owner = Uuid::from_u128(1);
    let row = |number: u128| {
        let key = SubjectKey { subject: Uuid::from_u128(number).into(), wrapped: Sealed::new(vec![7; 40]) };
        RowChange::PutSubjectKey(key)
    };
    Commit {
        claims: vec![Claim::Release { key: key(round - 1), owner }, Claim::Take { key: key(round), owner }],
        guards: vec![Guard { stream: stream(3), version: 0 }],
        rows: vec![
            row(round),
            row(1_000 + round),
            RowChange::DeleteLoginAttemptsOf(Uuid::from_u128(round).into()),
        ],
        shred: vec![Uuid::from_u128(round).into()],
        ..appends([stream(1), stream(2)], Expected::Any)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_takes_three_round_trips() {
    let schema = Schema::new();
    let proxy = Proxy::far(schema.url(), Duration::from_millis(60)).await;
    let store = Postgres::connect(proxy.url(), one_connection()).await.expect("opens");
    // The first prepares its statements, which each connection does once.
    store.commit(large_commit(1)).await.expect("kept");
    // Those made later vacuum.
    let connections = proxy.trips().len();
    let mut trips = Vec::new();
    for round in 2..=6 {
        let before = proxy.trips();
        store.commit(large_commit(round)).await.expect("kept");
        let after = proxy.trips();
        // The pool's connection; the other one announces the commit meanwhile, in one.
        let made = before.iter().zip(&after).take(connections).map(|(before, after)| after - before);
        trips.extend(made.max());
    }
    // A busy machine may take one for two, and never two for one.
    assert_eq!(trips.iter().min(), Some(&3), "round trips: {trips:?}");
    assert_eq!(store.head(stream(1)).await.expect("read").expect("a head").version, 2 * 6);
    let shredded = store.find(Uuid::from_u128(6).into()).await.expect("read");
    assert_eq!(shredded, None, "rows before shredding");
    assert!(store.find(Uuid::from_u128(1_006).into()).await.expect("read").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_caller_hangs_up_is_done_all_the_same() {
    let schema = Schema::new();
    let store = Postgres::connect(schema.url(), one_connection()).await.expect("opens");
    for number in 1..=20 {
        let mut commit = Box::pin(store.commit(append(stream(number), Expected::New)));
        poll_fn(|context| {
            assert!(pin!(commit.as_mut()).poll(context).is_pending(), "it waits for the server");
            Poll::Ready(())
        })
        .await;
        drop(commit);
    }
    // One connection: what was begun on it has ended when the next has it.
    let all_there = async {
        while store.list_heads(None, 100).await.expect("read").len() < 20 {
            sleep(crate::PAUSE).await;
        }
    };
    timeout(PATIENCE, all_there).await.expect("all of them are kept");
    store.commit(append(stream(1), Expected::Exactly(2))).await.expect("the connection is in no transaction");
}

/// Fails every insert of an event, for as long as the sequence says, with what a deadlock's victim is told.
const DEADLOCKS: &str = "
    CREATE SEQUENCE tries;
    CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('tries') <= TG_ARGV[0]::bigint THEN
            RAISE EXCEPTION 'deadlock detected' USING ERRCODE = 'deadlock_detected';
        END IF;
        RETURN NULL;
    END $$;";

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again_and_reported_as_contention_in_the_end() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    let trigger = "CREATE TRIGGER fail AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION fail";
    other.batch_execute(&format!("{DEADLOCKS} {trigger}(3)")).await.expect("made");
    store.commit(append(stream(1), Expected::New)).await.expect("the fourth try is kept");
    other.batch_execute(&format!("DROP TRIGGER fail ON events; {trigger}(1000)")).await.expect("made");
    match store.commit(append(stream(1), Expected::Exactly(2))).await {
        Err(CommitError::Store(StoreError::Contention)) => {}
        other => panic!("{other:?}"),
    }
    let tried: i64 = other.query_one("SELECT last_value FROM tries", &[]).await.expect("read").get(0);
    assert_eq!(tried, 8);
    other.batch_execute("DROP TRIGGER fail ON events").await.expect("dropped");
    store.commit(append(stream(1), Expected::Exactly(2))).await.expect("nothing was left behind");
}

/// Appends to one stream on the strength of another.
fn guarded(to: u128, on: u128) -> Commit {
    Commit { guards: vec![Guard { stream: stream(on), version: 0 }], ..append(stream(to), Expected::New) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_commits_on_two_replicas_that_each_guard_what_the_other_appends_to_one_is_applied() {
    let schema = Schema::new();
    let here = Postgres::connect(schema.url(), Options::default()).await.expect("opens");
    let there = Postgres::connect(schema.url(), Options::default()).await.expect("opens");
    for pair in 0..40 {
        let (one, other) = (2 * pair, 2 * pair + 1);
        let outcomes = tokio::join!(here.commit(guarded(one, other)), there.commit(guarded(other, one)));
        let lost = match outcomes {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            outcomes => panic!("{outcomes:?}"),
        };
        match lost {
            CommitError::Conflict { expected: 0, actual: 2, .. } => {}
            lost => panic!("{lost:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_rows_alone_waits_for_whoever_appends_to_what_it_guards() {
    let database = Database::new().await;
    let store = database.open().await;
    let other = database.bare().await;
    let slow = "CREATE FUNCTION sleep() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$;
                CREATE TRIGGER sleep AFTER INSERT ON events FOR EACH STATEMENT EXECUTE FUNCTION sleep()";
    other.batch_execute(slow).await.expect("made");
    let commit = Commit {
        guards: vec![Guard { stream: stream(1), version: 0 }],
        rows: vec![RowChange::PutSubjectKey(SubjectKey {
            subject: Uuid::from_u128(7).into(),
            wrapped: Sealed::new(vec![7; 40]),
        })],
        ..Commit::default()
    };
    let (appended, guarded) = tokio::join!(store.commit(append(stream(1), Expected::New)), async {
        sleep(Duration::from_millis(300)).await;
        store.commit(commit).await
    });
    appended.expect("kept");
    match guarded {
        Err(CommitError::Conflict { expected: 0, actual: 2, stream: named }) => assert_eq!(named, stream(1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(store.find(Uuid::from_u128(7).into()).await.expect("read"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_names_a_stream_twice_is_refused_before_anything_is_looked_at() {
    let schema = Schema::new();
    let store = Postgres::connect(schema.url(), one_connection()).await.expect("opens");
    store.commit(append(stream(1), Expected::New)).await.expect("kept");
    let stale = Guard { stream: stream(1), version: 7 };
    for commit in [
        Commit { guards: vec![stale, stale], ..Commit::default() },
        Commit { guards: vec![stale], ..append(stream(1), Expected::New) },
        appends([stream(1), stream(1)], Expected::New),
    ] {
        match store.commit(commit).await {
            Err(CommitError::Store(StoreError::Corrupt(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}
