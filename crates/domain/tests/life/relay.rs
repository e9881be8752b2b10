//! A store that passes everything on to another, but for what a test changes on the way.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    Policy, Ports,
    commit::{Commit, CommitError, Committed},
    event::{Event, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};

use crate::world::World;

/// What a test changes. Nothing, unless it says so.
#[async_trait]
pub(crate) trait Change: Send + Sync {
    async fn before_commit(&self) -> Result<(), CommitError> {
        Ok(())
    }

    fn events(&self, events: Vec<Event>) -> Vec<Event> {
        events
    }

    fn head(&self, head: StreamHead) -> StreamHead {
        head
    }

    fn feed(&self, _after: FeedCursor, items: Vec<FeedItem>) -> Vec<FeedItem> {
        items
    }
}

pub(crate) struct Relay<C> {
    pub(crate) inner: Arc<dyn EventStore>,
    pub(crate) change: Arc<C>,
}

/// A world whose store is changed on the way.
pub(crate) fn world_with<C: Change + 'static>(policy: Policy, change: C) -> (World, Arc<C>) {
    let change = Arc::new(change);
    let world = World::with(policy, |ports| {
        let relay = Relay { inner: ports.events, change: Arc::clone(&change) };
        Ports { events: Arc::new(relay), ..ports }
    });
    (world, change)
}

#[async_trait]
impl<C: Change> EventStore for Relay<C> {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.change.before_commit().await?;
        self.inner.commit(commit).await
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        Ok(self.change.events(self.inner.read_stream(stream, after, limit).await?))
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        Ok(self.inner.head(stream).await?.map(|head| self.change.head(head)))
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        let heads = self.inner.list_heads(after, limit).await?;
        Ok(heads.into_iter().map(|head| self.change.head(head)).collect())
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        Ok(self.change.feed(after, self.inner.read_feed(after, limit).await?))
    }

    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        self.inner.wait(after).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.ping().await
    }
}
