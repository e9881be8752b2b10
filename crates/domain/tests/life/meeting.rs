//! A store in which commits meet: races that happen every time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use portcullis_domain::{
    Policy, Ports,
    commit::{Commit, CommitError, Committed},
    event::{Event, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};
use tokio::sync::Barrier;

use crate::world::World;

/// The store of a world, whose next commits wait for each other when they are told to: all of them were decided before any is applied.
pub(crate) struct Meeting {
    inner: Arc<dyn EventStore>,
    barrier: Barrier,
    expected: AtomicUsize,
}

/// A world in which `count` commits can meet.
pub(crate) fn meeting_of(policy: Policy, count: usize) -> (Arc<World>, Arc<Meeting>) {
    let mut meeting = None;
    let world = World::with(policy, |ports| {
        let store =
            Meeting { inner: ports.events, barrier: Barrier::new(count), expected: AtomicUsize::new(0) };
        let store = Arc::new(store);
        meeting = Some(Arc::clone(&store));
        Ports { events: store, ..ports }
    });
    (Arc::new(world), meeting.expect("made above"))
}

impl Meeting {
    /// The next so many commits meet; those after them go on as ever.
    pub(crate) fn expect(&self, count: usize) {
        self.expected.store(count, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl EventStore for Meeting {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let one_less = |expected: usize| expected.checked_sub(1);
        if self.expected.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            self.barrier.wait().await;
        }
        self.inner.commit(commit).await
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.inner.read_stream(stream, after, limit).await
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.inner.head(stream).await
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        self.inner.list_heads(after, limit).await
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        self.inner.read_feed(after, limit).await
    }

    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        self.inner.wait(after).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}
