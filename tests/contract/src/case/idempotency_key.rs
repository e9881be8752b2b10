use chrono::TimeDelta;
use portcullis_domain::{
    commit::{Claim, ClaimKey, Commit, CommitError, Expected, RowChange},
    stream::{IdempotentRequest, RequestDigest},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

async fn find(store: &StorePorts, key: RequestDigest) -> Option<IdempotentRequest> {
    store.idempotency_keys.find(key).await.expect("reads")
}

/// Every byte of it.
pub async fn a_put_request_is_found_by_its_key<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::idempotent_request(sample::now()), sample::idempotent_request(sample::now()));
    store.put([one.clone(), other.clone()].map(RowChange::PutIdempotentRequest)).await;
    assert_eq!(find(&store, one.key).await, Some(one));
    assert_eq!(find(&store, other.key).await, Some(other));
    assert_eq!(find(&store, sample::idempotent_request(sample::now()).key).await, None);
}

/// In every field.
pub async fn a_second_put_replaces_the_request<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let first = sample::idempotent_request(sample::now());
    let later = sample::idempotent_request(sample::now() + TimeDelta::hours(25));
    for request in [first.clone(), IdempotentRequest { key: first.key, ..later }] {
        store.put([RowChange::PutIdempotentRequest(request.clone())]).await;
        assert_eq!(find(&store, request.key).await, Some(request));
    }
}

/// Alone.
pub async fn a_deleted_request_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::idempotent_request(sample::now()), sample::idempotent_request(sample::now()));
    store.put([one.clone(), other.clone()].map(RowChange::PutIdempotentRequest)).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteIdempotentRequest(one.key, one.claimed_by)]).await;
        assert_eq!(find(&store, one.key).await, None);
        assert_eq!(find(&store, other.key).await.as_ref(), Some(&other));
    }
    let replaced = IdempotentRequest { key: other.key, ..one };
    store.put([RowChange::DeleteIdempotentRequest(replaced.key, replaced.claimed_by)]).await;
    assert_eq!(find(&store, other.key).await, Some(other), "it is another one by now");
}

/// To the microsecond.
pub async fn requests_made_before_a_time_are_listed_oldest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let at = |microseconds| sample::now() + TimeDelta::microseconds(microseconds);
    let requests: Vec<_> = [3, 1, 2, 0, 4].map(|late| sample::idempotent_request(at(late))).into();
    store.put(requests.iter().cloned().map(RowChange::PutIdempotentRequest)).await;
    let mut oldest_first = requests;
    oldest_first.sort_by_key(|request| request.created_at);
    for (before, count) in [(0, 0), (1, 1), (3, 3), (4, 4), (5, 5)] {
        for limit in [0, 1, 2, 100] {
            let listed = store.idempotency_keys.list_older(at(before), limit).await.expect("reads");
            assert_eq!(listed, oldest_first[..limit.min(count)], "before {before}, at most {limit}");
        }
    }
}

/// Each an append to one stream, as a client does that sends a request again and again; and no other leaves anything.
pub async fn of_racing_requests_with_one_key_one_is_done<H: StoreHarness>() {
    const RACERS: usize = 20;
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let key = sample::idempotent_request(sample::now()).key;
    let outcomes = race(RACERS, |_| {
        let store = store.clone();
        async move {
            let event = sample::event();
            let request =
                IdempotentRequest { key, claimed_by: event.id, ..sample::idempotent_request(sample::now()) };
            let commit = Commit {
                claims: vec![Claim::Take { key: ClaimKey::idempotency_key(key), owner: event.id.into() }],
                appends: vec![sample::append_events(stream, Expected::Any, vec![event])],
                rows: vec![RowChange::PutIdempotentRequest(request.clone())],
                ..Commit::default()
            };
            match store.events.commit(commit).await {
                Ok(_) => Some(request),
                Err(CommitError::Taken { .. }) => None,
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await;
    let done: Vec<_> = outcomes.into_iter().flatten().collect();
    assert_eq!(done.len(), 1, "winners");
    let events = store.stream(stream).await;
    assert_eq!(events.iter().map(|event| event.event.id).collect::<Vec<_>>(), [done[0].claimed_by]);
    assert_eq!(find(&store, key).await.as_ref(), done.first());
}
