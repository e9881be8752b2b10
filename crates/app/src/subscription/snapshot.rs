use std::{num::NonZeroU64, sync::Arc};

use async_trait::async_trait;
use portcullis_domain::{Identity, port::FeedItem};

use super::{Handler, Progress};
use crate::metric::Metrics;

/// Takes a snapshot of a stream each time that it has grown by so many events.
pub(crate) struct SnapshotSubscription {
    pub(crate) identity: Identity,
    pub(crate) every: NonZeroU64,
    pub(crate) metrics: Arc<Metrics>,
}

#[async_trait]
impl Handler for SnapshotSubscription {
    fn name(&self) -> &'static str {
        "snapshots"
    }

    async fn handle(&self, items: &[FeedItem]) -> Progress {
        for (handled, item) in items.iter().enumerate() {
            match self.identity.take_due_snapshot(&item.event, self.every).await {
                Ok(rejected) => self.metrics.stream.rejected(&rejected),
                Err(error) => return Progress { handled, failure: Some(error.into()) },
            }
        }
        Progress { handled: items.len(), failure: None }
    }
}
