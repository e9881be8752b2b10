use super::{AuditError, Auditor, Evidence};
use crate::{
    port::{EventStore, FeedCursor, StoreError},
    retention::{BasesSum, Horizon, HorizonFault, each_base},
};

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
        let mut sum = BasesSum::NONE;
        each_base(retention, |base| {
            let mark = base.mark();
            sum.add(&mark);
            auditor.begin_at(&mark);
            Ok::<_, StoreError>(())
        })
        .await?;
        if sum != horizon.sum() {
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
