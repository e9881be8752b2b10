//! Line 7: what is committed is there, and stays.

use chrono::TimeDelta;
use std::time::Duration;

use portcullis_domain::{
    commit::{Claim, Commit, Expected, RowChange},
    event::EventHash,
    key_ring::SealedSigningKey,
    port::{FeedCursor, RotateOutcome, Rotation},
    seal::Sealed,
    session::{LoginAttempt, LoginFailure, Session},
    user::User,
};

use super::person::Person;
use crate::{StoreHarness, StorePorts, sample};

/// Everything at once: events, the keys they claim, and every row.
fn commit(person: &Person) -> Commit {
    Commit {
        appends: vec![sample::append(person.user.stream(), Expected::New, 2)],
        claims: User::claims_between(None, Some(&person.user)),
        rows: person.puts(),
        ..Commit::default()
    }
}

async fn check_all_is_there(person: &Person, store: &StorePorts) {
    assert_eq!(store.stream(person.user.stream()).await.len(), 2);
    person.check_is_there(store).await;
}

/// Nothing is in it, and it answers.
pub async fn a_new_store_is_empty_and_answers<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    store.events.ping().await.expect("a sign of life");
    assert!(store.feed().await.is_empty());
    assert!(store.events.list_heads(None, sample::ALL).await.expect("reads").is_empty());
    assert!(store.signing_keys.list().await.expect("reads").is_empty());
}

/// By every port, hundreds of times: a read model that lags loses this sooner or later.
pub async fn every_read_sees_what_was_just_committed<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for number in 1..=100 {
        let person = Person::new();
        store.commit(commit(&person)).await;
        check_all_is_there(&person, &store).await;
        assert_eq!(store.feed().await.len(), 2 * number);
    }
}

/// A commit need not say that anything happened.
pub async fn a_commit_without_events_writes_its_rows<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let person = Person::new();
    let events = store.commit(Commit { appends: vec![], ..commit(&person) }).await;
    assert!(events.is_empty());
    assert!(store.feed().await.is_empty());
    assert_eq!(store.users.find(person.user.id).await.expect("reads"), Some(person.user));
    store.commit(Commit::default()).await;
}

/// A row that is put and then deleted in one commit is gone; deleted and then put, it is there.
pub async fn rows_are_applied_in_the_order_in_which_they_are_listed<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = sample::user();
    let (kept, gone) = (sample::session(user.id), sample::session(user.id));
    store
        .put([
            sample::put_user(&user),
            RowChange::PutSession(gone.clone()),
            RowChange::DeleteSessionsOf(user.id),
            RowChange::PutSession(kept.clone()),
        ])
        .await;
    assert_eq!(store.sessions.find(gone.id).await.expect("reads"), None);
    assert_eq!(store.sessions.find(kept.id).await.expect("reads"), Some(kept));
}

/// Events, heads, rows, keys, cursors: all is as it was, and the log goes on where it stood.
pub async fn everything_outlives_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let person = Person::new();
    store.commit(commit(&person)).await;
    let signing_key =
        SealedSigningKey { epoch: 1, material: Sealed::new(vec![1, 2, 3]), created_at: sample::now() };
    assert!(store.signing_keys.insert(signing_key.clone()).await.expect("writes"));
    let feed = store.feed().await;
    let cursor = feed.last().map_or(FeedCursor::START, |item| item.cursor);
    let holder = sample::id();
    let lease = store.subscriptions.lease("mail", holder, Duration::from_secs(600));
    assert_eq!(lease.await.expect("leases"), Some(FeedCursor::START));
    assert!(store.subscriptions.advance("mail", holder, cursor).await.expect("writes"));
    drop(store);

    let harness = harness.restart().await;
    let store = harness.ports();
    assert_eq!(store.feed().await, feed);
    check_all_is_there(&person, &store).await;
    assert_eq!(store.signing_keys.list().await.expect("reads"), vec![signing_key]);
    let cursors = store.subscriptions.list().await.expect("reads").into_iter().map(|state| state.cursor);
    assert_eq!(cursors.collect::<Vec<_>>(), [cursor]);
    for claim in User::claims_between(None, Some(&person.user)) {
        let (Claim::Take { key, .. } | Claim::Release { key, .. }) = claim;
        let take = Claim::Take { key: key.clone(), owner: sample::id() };
        assert_eq!(sample::taken(store.events.commit(sample::claims([take])).await), Some(key));
    }
    let append = sample::append(person.user.stream(), Expected::Exactly(2), 1);
    let added = store.commit(sample::appends([append])).await;
    assert_eq!(added[0].version, 3);
    let before = feed.last().map_or(EventHash::GENESIS, |item| item.event.hash);
    assert_eq!(added[0].prev_hash, before, "the chain goes on");
    let later: Vec<_> = store.events.read_feed(cursor, sample::ALL).await.expect("reads");
    assert_eq!(later.into_iter().map(|item| item.event).collect::<Vec<_>>(), added);
}

/// A change that is no event is as durable as one that is.
pub async fn changes_that_are_no_events_outlive_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let person = Person::new();
    store.commit(commit(&person)).await;
    let at = sample::now() + TimeDelta::seconds(1);
    let rotation = Rotation {
        session: person.session.id,
        from_generation: 1,
        at,
        expires_at: at + TimeDelta::minutes(1),
        origin: person.session.origin.clone(),
    };
    let outcome = store.sessions.rotate(rotation).await.expect("rotates");
    let RotateOutcome::Rotated(rotated) = outcome else { panic!("not rotated: {outcome:?}") };
    assert!(store.one_time_codes.take_attempt(person.code.id, 5).await.expect("counts"));
    let seen_at = at + TimeDelta::seconds(1);
    store.sessions.touch(rotated.id, seen_at).await.expect("writes");
    let failed = LoginAttempt {
        failure: Some(LoginFailure::InvalidPassword),
        ..sample::login_attempt(person.user.id, at)
    };
    store.login_history.record(vec![failed.clone()]).await.expect("records");
    assert_eq!(store.login_history.prune(at).await.expect("prunes"), 1);
    assert_eq!(store.accesses.prune(at).await.expect("prunes"), 1);
    drop(store);

    let harness = harness.restart().await;
    let store = harness.ports();
    assert_eq!(
        store.sessions.find(rotated.id).await.expect("reads"),
        Some(Session { last_seen_at: seen_at, ..rotated })
    );
    let attempts = store.login_history.list_by_user(person.user.id, None, sample::ALL).await.expect("reads");
    assert_eq!(attempts, [failed]);
    let looks = store.accesses.list_by_stream(person.user.stream(), None, sample::ALL).await.expect("reads");
    assert!(looks.is_empty(), "what was pruned is back");
    let code = store.one_time_codes.find(person.user.id, person.code.purpose).await.expect("reads");
    assert_eq!(code.map(|code| code.attempts), Some(1));
}
