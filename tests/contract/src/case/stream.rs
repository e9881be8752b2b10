use portcullis_domain::{
    commit::RowChange,
    event::StreamKind,
    id::StreamId,
    stream::{Snapshot, StreamState},
};

use crate::{StoreHarness, StorePorts, sample};

async fn find(store: &StorePorts, stream: StreamId) -> Option<StreamState> {
    store.streams.find_state(stream).await.expect("reads")
}

async fn list(store: &StorePorts, stream: StreamId, limit: usize) -> Vec<Snapshot> {
    store.streams.list_snapshots(stream, limit).await.expect("reads")
}

/// Of either kind, with metadata of every kind of JSON and without any.
pub async fn a_put_state_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let state = sample::stream_state(sample::id());
    let new = StreamState::new(sample::id(), StreamKind::Company);
    store.put([RowChange::PutStreamState(state.clone()), RowChange::PutStreamState(new.clone())]).await;
    assert_eq!(find(&store, state.stream).await, Some(state));
    assert_eq!(find(&store, new.stream).await, Some(new));
    assert_eq!(find(&store, sample::id()).await, None);
}

/// With a value and without one in every field that may be without.
pub async fn a_second_put_replaces_the_state<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let first = sample::stream_state(sample::id());
    let second = StreamState::new(first.stream, first.kind);
    let third = StreamState { is_active: true, ..sample::stream_state(first.stream) };
    for state in [first, second, third] {
        store.put([RowChange::PutStreamState(state.clone())]).await;
        assert_eq!(find(&store, state.stream).await, Some(state));
    }
}

/// Alone.
pub async fn a_deleted_state_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::stream_state(sample::id()), sample::stream_state(sample::id()));
    store.put([RowChange::PutStreamState(one.clone()), RowChange::PutStreamState(other.clone())]).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteStreamState(one.stream)]).await;
        assert_eq!(find(&store, one.stream).await, None);
        assert_eq!(find(&store, other.stream).await.as_ref(), Some(&other));
    }
}

/// In whatever order they were put; no more than asked for.
pub async fn snapshots_are_listed_from_the_greatest_version<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (stream, other) = (sample::id(), sample::id());
    let mut snapshots: Vec<_> = (0..7).map(|_| sample::snapshot(stream)).collect();
    let others = sample::snapshot(other);
    let mixed = [&snapshots[3..], &snapshots[..3], std::slice::from_ref(&others)].concat();
    store.put(mixed.into_iter().map(RowChange::PutSnapshot)).await;
    snapshots.reverse();
    for limit in [0, 1, 3, 7, 100] {
        let shown = &snapshots[..limit.min(7)];
        assert_eq!(list(&store, stream, limit).await, shown, "{limit}");
    }
    assert_eq!(list(&store, other, 100).await, [others]);
    assert_eq!(list(&store, sample::id(), 100).await, []);
}

/// Whatever it was of before.
pub async fn a_second_put_replaces_the_snapshot<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let first = sample::snapshot(sample::id());
    let second = Snapshot { id: first.id, ..sample::snapshot(first.stream) };
    let elsewhere = Snapshot { id: first.id, ..sample::snapshot(sample::id()) };
    for snapshot in [first.clone(), second, elsewhere] {
        store.put([RowChange::PutSnapshot(snapshot.clone())]).await;
        assert_eq!(list(&store, snapshot.stream, 100).await, [snapshot]);
    }
    assert_eq!(list(&store, first.stream, 100).await, []);
}

/// To the version; and at last all of them.
pub async fn deleting_snapshots_below_a_version_leaves_the_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (stream, other) = (sample::id(), sample::id());
    let others: Vec<_> = (0..3).map(|_| sample::snapshot(other)).rev().collect();
    let mut left: Vec<_> = (0..5).map(|_| sample::snapshot(stream)).collect();
    store.put(others.iter().chain(&left).cloned().map(RowChange::PutSnapshot)).await;
    left.reverse();
    for below in [0, left[4].version, left[3].version, left[1].version + 1, u64::MAX] {
        store.put([RowChange::DeleteSnapshotsBelow(stream, below)]).await;
        left.retain(|snapshot| snapshot.version >= below);
        assert_eq!(list(&store, stream, 100).await, left, "below {below}");
        assert_eq!(list(&store, other, 100).await.len(), others.len());
    }
}
