use std::collections::BTreeMap;

use super::{ArchivePlan, BasesSum, Horizon, StreamBase, base::each_base};
use crate::{
    event::Event,
    id::StreamId,
    identity::Identity,
    port::{CheckpointSigner, FeedCursor, Retention, StoreError},
};

/// How many events are read at once.
const PAGE: usize = 500;

/// A horizon that is to be put, with the bases that change with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHorizon {
    /// The horizon.
    pub horizon: Horizon,
    /// Of the streams that lose events, in the order of their ids.
    pub bases: Vec<StreamBase>,
}

impl Identity {
    /// What is kept in the place of what a plan moves away. Changes nothing. Holds a base of every stream that loses events.
    pub async fn draw_horizon(
        &self,
        plan: &ArchivePlan,
        signer: &dyn CheckpointSigner,
    ) -> Result<NewHorizon, StoreError> {
        let ports = self.ports();
        let from = plan.horizon.as_ref().map_or(FeedCursor::START, |horizon| horizon.tip.cursor);
        let mut bases = Vec::new();
        for (stream, event) in self.newest_events(from, plan.tip.cursor).await? {
            let key = self.data_key(uuid::Uuid::from(stream).into()).await?;
            let fold = self.fold_stream(stream, event.stream_kind, event.version, key.as_ref()).await?;
            bases.push(StreamBase::at(&event, &fold, key.as_ref(), ports.entropy.as_ref()));
        }
        let sum = sum(ports.retention.as_ref(), &bases).await?;
        let horizon = Horizon::sign(signer, &plan.tip, sum, ports.clock.now());
        Ok(NewHorizon { horizon, bases })
    }

    /// The newest event of each stream after one place, up to another.
    async fn newest_events(
        &self,
        from: FeedCursor,
        to: FeedCursor,
    ) -> Result<BTreeMap<StreamId, Event>, StoreError> {
        let (mut newest, mut cursor) = (BTreeMap::new(), from);
        while cursor < to {
            let items = self.ports().events.read_feed(cursor, PAGE).await?;
            let is_missing = items.first().is_none_or(|item| item.cursor > to);
            if is_missing {
                return Err(StoreError::corrupt("events are missing that a checkpoint saw"));
            }
            for item in items.into_iter().take_while(|item| item.cursor <= to) {
                cursor = item.cursor;
                newest.insert(item.event.stream, item.event);
            }
        }
        Ok(newest)
    }
}

/// Over the bases that there are, and those that take their place.
async fn sum(retention: &dyn Retention, new: &[StreamBase]) -> Result<BasesSum, StoreError> {
    let (mut sum, mut new) = (BasesSum::NONE, new.iter().peekable());
    each_base(retention, |old| {
        while let Some(before) = new.next_if(|base| base.stream < old.stream) {
            sum.add(&before.mark());
        }
        sum.add(&new.next_if(|base| base.stream == old.stream).unwrap_or(old).mark());
        Ok::<_, StoreError>(())
    })
    .await?;
    new.for_each(|base| sum.add(&base.mark()));
    Ok(sum)
}
