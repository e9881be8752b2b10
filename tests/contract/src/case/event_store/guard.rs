//! Line 12: guards.

use portcullis_domain::{
    commit::{Commit, CommitError, Committed, Expected, Guard},
    event::Version,
    id::StreamId,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

fn guard(stream: StreamId, version: Version) -> Guard {
    Guard { stream, version }
}

/// One event for a stream at a version, on a guard.
fn guarded(stream: StreamId, version: Version, guard: Guard) -> Commit {
    let append = sample::append(stream, Expected::Exactly(version), 1);
    Commit { guards: vec![guard], ..sample::appends([append]) }
}

/// A new stream with so many events.
async fn put_stream(store: &StorePorts, version: usize) -> StreamId {
    let stream = sample::id();
    store.commit(sample::appends([sample::append(stream, Expected::New, version)])).await;
    stream
}

async fn version(store: &StorePorts, stream: StreamId) -> Version {
    store.events.head(stream).await.expect("reads").map_or(0, |head| head.version)
}

/// Behind, ahead, and of a stream without events; whatever the other guards say.
pub async fn a_guard_at_another_version_conflicts_and_names_both<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (moved, kept, none) = (put_stream(&store, 3).await, put_stream(&store, 2).await, sample::id());
    let cases = [(moved, 2, 3), (moved, 4, 3), (moved, 0, 3), (none, 1, 0), (none, Version::MAX, 0)];
    for (stream, expected, actual) in cases {
        for place in 0..=1 {
            let mut commit = guarded(sample::id(), 0, guard(kept, 2));
            commit.guards.insert(place, guard(stream, expected));
            let target = commit.appends[0].stream;
            let outcome = store.events.commit(commit).await;
            assert_eq!(sample::conflict(&outcome), Some((stream, expected, actual)), "{outcome:?}");
            assert!(store.stream(target).await.is_empty(), "an event on a guard that does not hold");
        }
    }
}

/// However often it is guarded: no event, no version, and no stream where there was none.
pub async fn a_guard_that_holds_appends_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (guarded_stream, none, target) = (put_stream(&store, 3).await, sample::id(), sample::id());
    let before = store.stream(guarded_stream).await;
    for number in 0..3 {
        let mut commit = guarded(target, number, guard(guarded_stream, 3));
        commit.guards.push(guard(none, 0));
        let events = store.commit(commit).await;
        assert_eq!(events.iter().map(|event| event.stream).collect::<Vec<_>>(), [target]);
    }
    let user = sample::user();
    let rows = Commit { guards: vec![guard(guarded_stream, 3)], ..sample::rows([sample::put_user(&user)]) };
    assert!(store.commit(rows).await.is_empty(), "a guard became an event");
    assert_eq!(store.users.find(user.id).await.expect("reads"), Some(user), "rows on a guard alone");
    assert_eq!(store.stream(guarded_stream).await, before);
    assert_eq!((version(&store, none).await, version(&store, target).await), (0, 3));
    assert_eq!(store.feed().await.len(), 6);
    let heads = store.events.list_heads(None, sample::ALL).await.expect("reads");
    assert_eq!(heads.len(), 2, "a guard made a stream");
    store.commit(sample::appends([sample::append(none, Expected::New, 1)])).await;
}

/// Nobody changes what they guard: none of them is in another's way.
pub async fn racing_guards_of_one_version_all_hold<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (shared, none) = (put_stream(&store, 2).await, sample::id());
    for _ in 0..4 {
        let outcomes = race(RACERS, |_| {
            let (store, mut commit) = (store.clone(), guarded(sample::id(), 0, guard(shared, 2)));
            commit.guards.push(guard(none, 0));
            async move { store.events.commit(commit).await }
        })
        .await;
        for outcome in outcomes {
            assert!(outcome.is_ok(), "a guard that holds: {outcome:?}");
        }
    }
}

/// How many were applied; the others must have conflicted.
fn applied(outcomes: &[Result<Committed, CommitError>]) -> usize {
    for outcome in outcomes {
        assert!(outcome.is_ok() || sample::conflict(outcome).is_some(), "a racer failed with {outcome:?}");
    }
    outcomes.iter().filter(|outcome| outcome.is_ok()).count()
}

/// Two owners who each leave because the other one stays.
pub async fn of_two_that_guard_each_others_stream_one_is_applied<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for round in 0..100 {
        // Streams that have events, and streams that are new.
        let count = round % 2;
        let streams = if count == 0 {
            [sample::id(), sample::id()]
        } else {
            [put_stream(&store, count).await, put_stream(&store, count).await]
        };
        let at = count as Version;
        let outcomes = race(2, |number| {
            let commit = guarded(streams[number], at, guard(streams[1 - number], at));
            let store = store.clone();
            async move { store.events.commit(commit).await }
        })
        .await;
        let versions = [version(&store, streams[0]).await, version(&store, streams[1]).await];
        assert_eq!(applied(&outcomes), 1, "of two commits of which each rules out the other: {versions:?}");
        assert_eq!(versions.iter().sum::<Version>(), 2 * at + 1, "what is stored is not what was applied");
    }
}

/// Each rules out the next one: in no order could all of them have been applied.
pub async fn of_a_ring_of_guards_not_all_are_applied<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for _ in 0..50 {
        let streams = [put_stream(&store, 1).await, put_stream(&store, 1).await, put_stream(&store, 1).await];
        let outcomes = race(streams.len(), |number| {
            let next = streams[(number + 1) % streams.len()];
            let (store, commit) = (store.clone(), guarded(streams[number], 1, guard(next, 1)));
            async move { store.events.commit(commit).await }
        })
        .await;
        assert!((1..streams.len()).contains(&applied(&outcomes)), "{outcomes:?}");
    }
}

/// Many at once, on few streams, each on what it last read: as if one came after the other.
pub async fn of_racers_that_guard_all_the_others_one_is_applied<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for _ in 0..10 {
        let streams: Vec<StreamId> = (0..4).map(|_| sample::id()).collect();
        // Each takes the one thing that there is, having seen that none of the others has it.
        let outcomes = race(RACERS, |number| {
            let (store, own) = (store.clone(), number % streams.len());
            let guards = streams.iter().enumerate().filter(|(place, _)| *place != own);
            let guards = guards.map(|(_, stream)| guard(*stream, 0)).collect();
            let append = sample::append(streams[own], Expected::New, 1);
            let commit = Commit { guards, ..sample::appends([append]) };
            async move { store.events.commit(commit).await }
        })
        .await;
        assert_eq!(applied(&outcomes), 1, "takers of the one thing that there is");
        let mut events = 0;
        for stream in &streams {
            events += store.stream(*stream).await.len();
        }
        assert_eq!(events, 1);
    }
}
