use async_trait::async_trait;

use super::StoreError;
use crate::{
    id::StreamId,
    retention::{Horizon, StreamBase},
};

/// What is kept in the place of events that were moved into an archive.
///
/// # Contract
///
/// * A horizon and its bases read back as they were written, to the byte and the microsecond; of each stream there is the base that was put last, and `list_bases` gives them in the order of the streams' ids.
/// * A horizon that does not lie beyond the newest changes nothing, and its bases neither; of any number that race for one place one is put.
/// * `drop_archived` deletes events up to the newest horizon, oldest first and no more than its limit, and says how many; beyond it, and without a horizon, it deletes none.
/// * The log goes on as if what was dropped were there: heads stay, the next event has the next version and lies beyond all others, and the rest is read and fed as before.
/// * Horizons, bases and what was dropped survive the loss of the process.
#[async_trait]
pub trait Retention: Send + Sync {
    /// The newest horizon; none while the whole log is there.
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError>;
    /// The base of a stream that lost events.
    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError>;
    /// Those of streams with ids above `after`, at most `limit`.
    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError>;
    /// Puts the next horizon with the bases that change; false where it is not beyond the newest.
    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError>;
    /// Deletes events that a horizon says are in an archive.
    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError>;
}
