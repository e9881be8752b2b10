//! Lines 2 to 4: versions.

use portcullis_domain::{
    commit::{CommitError, Expected},
    event::Version,
    id::StreamId,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

async fn versions(store: &StorePorts, stream: StreamId) -> Vec<Version> {
    store.stream(stream).await.iter().map(|event| event.version).collect()
}

/// However many events each commit brings, and whatever other streams do in between.
pub async fn versions_count_from_one_without_a_gap<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::id(), sample::id());
    for count in [1, 3, 1, 2] {
        store.commit(sample::appends([sample::append(one, Expected::Any, count)])).await;
        store.commit(sample::appends([sample::append(other, Expected::Any, 1)])).await;
    }
    assert_eq!(versions(&store, one).await, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(versions(&store, other).await, [1, 2, 3, 4]);
}

/// From any version on, at most so many; nothing beyond the end, and nothing of a stream that is none.
pub async fn a_stream_is_read_in_pages_from_any_version<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    store.commit(sample::appends([sample::append(stream, Expected::New, 5)])).await;
    let all = store.stream(stream).await;
    let cases: [(Version, usize, &[Version]); 8] = [
        (0, 2, &[1, 2]),
        (2, 2, &[3, 4]),
        (4, 2, &[5]),
        (5, 2, &[]),
        (9, 2, &[]),
        (0, 0, &[]),
        (1, usize::MAX, &[2, 3, 4, 5]),
        (Version::MAX, 2, &[]),
    ];
    for (after, limit, expected) in cases {
        let page = store.events.read_stream(stream, after, limit).await.expect("the page reads");
        let read: Vec<_> = page.iter().map(|event| event.version).collect();
        assert_eq!(read, expected, "after {after}, at most {limit}");
        assert!(page.iter().all(|event| all.contains(event)), "a page shows other events than the whole");
    }
    assert!(store.stream(sample::id()).await.is_empty());
}

/// Behind the stream's version, as after another's commit.
pub async fn a_stale_version_conflicts_and_names_both_versions<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    store.commit(sample::appends([sample::append(stream, Expected::New, 3)])).await;
    for stale in [0, 1, 2] {
        let append = sample::append(stream, Expected::Exactly(stale), 1);
        let outcome = store.events.commit(sample::appends([append])).await;
        assert_eq!(sample::conflict(&outcome), Some((stream, stale, 3)));
    }
    store.commit(sample::appends([sample::append(stream, Expected::Exactly(3), 1)])).await;
    assert_eq!(versions(&store, stream).await, [1, 2, 3, 4]);
}

/// Ahead of the stream's version, and on a stream that is none.
pub async fn a_version_that_is_not_reached_yet_conflicts<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (stream, absent) = (sample::id(), sample::id());
    store.commit(sample::appends([sample::append(stream, Expected::New, 2)])).await;
    for (stream, expected, actual) in [(stream, 3, 2), (absent, 1, 0)] {
        let append = sample::append(stream, Expected::Exactly(expected), 1);
        let outcome = store.events.commit(sample::appends([append])).await;
        assert_eq!(sample::conflict(&outcome), Some((stream, expected, actual)));
    }
    assert_eq!(versions(&store, stream).await, [1, 2]);
    assert!(versions(&store, absent).await.is_empty());
}

/// 0 is what a new stream is expected at.
pub async fn a_stream_expected_to_be_new_conflicts_when_it_has_events<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    store.commit(sample::appends([sample::append(stream, Expected::New, 2)])).await;
    let outcome = store.events.commit(sample::appends([sample::append(stream, Expected::New, 1)])).await;
    assert_eq!(sample::conflict(&outcome), Some((stream, 0, 2)));
    assert_eq!(versions(&store, stream).await, [1, 2]);
}

/// Not on a new stream, not on an old one.
pub async fn an_append_at_any_version_never_conflicts<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    for _ in 0..3 {
        store.commit(sample::appends([sample::append(stream, Expected::Any, 1)])).await;
    }
    assert_eq!(versions(&store, stream).await, [1, 2, 3]);
}

/// Sixteen decided on one state; one of them was first.
pub async fn of_racing_writers_on_one_version_one_wins<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    for round in 0..8 {
        let outcomes = race(RACERS, |_| {
            let (store, append) = (store.clone(), sample::append(stream, Expected::Exactly(round), 1));
            async move { store.events.commit(sample::appends([append])).await }
        })
        .await;
        let mut won = Vec::new();
        for outcome in outcomes {
            match outcome {
                Ok(committed) => won.extend(committed.events),
                Err(CommitError::Conflict { stream: of, expected, actual }) => {
                    assert_eq!((of, expected, actual), (stream, round, round + 1));
                }
                Err(error) => panic!("a racer failed with {error:?}"),
            }
        }
        assert_eq!(won.len(), 1, "winners in round {round}");
        assert_eq!(
            store.stream(stream).await.last(),
            won.first(),
            "what is stored is not the winner's event"
        );
    }
    assert_eq!(versions(&store, stream).await, [1, 2, 3, 4, 5, 6, 7, 8]);
}

/// The first event of a stream is raced for like any other.
pub async fn of_racing_writers_on_a_new_stream_one_wins<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for _ in 0..8 {
        let stream = sample::id();
        let outcomes = race(RACERS, |_| {
            let (store, append) = (store.clone(), sample::append(stream, Expected::New, 2));
            async move { store.events.commit(sample::appends([append])).await }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1, "winners");
        assert_eq!(outcomes.iter().filter_map(sample::conflict).count(), RACERS - 1, "conflicts");
        assert_eq!(versions(&store, stream).await, [1, 2]);
    }
}

/// Whoever does not care for the version is not failed for it.
pub async fn racing_writers_at_any_version_all_land_without_a_gap<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    let outcomes = race(RACERS, |_| {
        let (store, append) = (store.clone(), sample::append(stream, Expected::Any, 2));
        async move { store.commit(sample::appends([append])).await }
    })
    .await;
    let expected: Vec<_> = (1..=2 * RACERS as u64).collect();
    assert_eq!(versions(&store, stream).await, expected);
    let stored = store.stream(stream).await;
    assert!(
        outcomes.iter().flatten().all(|event| stored.contains(event)),
        "an event was returned and not kept"
    );
}
