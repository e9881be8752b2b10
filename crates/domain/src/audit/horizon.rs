use super::{AuditError, Auditor, Evidence};
use crate::{
    port::{EventStore, FeedCursor, StoreError},
    retention::{BasesHash, Horizon, HorizonFault, StreamBase},
};

/// How many streams are read at once.
const PAGE: usize = 1_000;

impl Evidence<'_> {
    /// Up to where the log is in archives.
    pub(super) async fn horizon(self) -> Result<Option<Horizon>, StoreError> {
        match self.retention {
            Some(retention) => retention.horizon().await,
            None => Ok(None),
        }
    }

    /// Checks what is kept in the place of archived events, and lets the auditor go on from there.
    pub(super) async fn begin_after(
        self,
        horizon: &Horizon,
        store: &dyn EventStore,
        auditor: &mut Auditor,
    ) -> Result<(), AuditError> {
        let Some(retention) = self.retention else { return Ok(()) };
        if let Some(keys) = self.keys {
            horizon.check_signature(keys)?;
        }
        let (mut hash, mut streams, mut after) = (BasesHash::NONE, 0, None);
        loop {
            let page = retention.list_bases(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.stream);
            for mark in page.iter().map(StreamBase::mark) {
                hash = hash.then(&mark);
                streams += 1;
                auditor.begin_at(&mark);
            }
        }
        if (hash, streams) != (horizon.bases, horizon.streams) {
            return Err(HorizonFault::Bases.into());
        }
        auditor.begin_after(horizon);
        let first = store.read_feed(FeedCursor::START, 1).await?.into_iter().next();
        match first.filter(|item| item.cursor <= horizon.tip.cursor) {
            Some(item) => {
                let event = item.event;
                Err(AuditError::Archived {
                    stream: event.stream,
                    version: event.version,
                    event: event.event.id,
                })
            }
            None => Ok(()),
        }
    }
}
