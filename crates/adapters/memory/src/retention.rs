use async_trait::async_trait;
use portcullis_domain::{
    id::StreamId,
    port::{Retention, StoreError},
    retention::{Horizon, StreamBase},
};

use crate::Memory;

#[async_trait]
impl Retention for Memory {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        Ok(self.state().horizon.clone())
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        Ok(self.state().bases.get(&stream).cloned())
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        let state = self.state();
        let bases = state.bases.values().filter(|base| after.is_none_or(|after| base.stream > after));
        Ok(bases.take(limit).cloned().collect())
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        let mut state = self.state();
        let is_beyond = state.horizon.as_ref().is_none_or(|newest| horizon.tip.number > newest.tip.number);
        if is_beyond {
            state.horizon = Some(horizon.clone());
            state.bases.extend(bases.iter().map(|base| (base.stream, base.clone())));
        }
        Ok(is_beyond)
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        let mut state = self.state();
        let archived = state.horizon.as_ref().map_or(0, |horizon| horizon.tip.cursor.position);
        let left = archived.saturating_sub(state.dropped).min(limit as u64);
        state.dropped += left;
        Ok(left)
    }
}
