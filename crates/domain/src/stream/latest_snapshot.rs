use thiserror::Error;

use super::{ReachError, RejectedSnapshot, ShownSnapshot, load::Believed};
use crate::{audit::Accessed, caller::Caller, id::StreamId, identity::Identity, port::StoreError};

/// Why no snapshot is shown.
#[derive(Debug, Error)]
pub enum LatestSnapshotError {
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    StreamNotFound,
    /// There is none that is believed; those that are not are to be reported.
    #[error("no such snapshot")]
    NotFound(Vec<RejectedSnapshot>),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReachError> for LatestSnapshotError {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::NotFound => Self::StreamNotFound,
            ReachError::Store(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// The newest snapshot of a stream that the log bears out.
    pub async fn latest_snapshot(
        &self,
        caller: &Caller,
        stream: StreamId,
    ) -> Result<ShownSnapshot, LatestSnapshotError> {
        let reached = self.reach_stream(caller, stream).await?;
        let key = self.data_key(uuid::Uuid::from(stream).into()).await?;
        let Believed { newest, rejected } =
            self.believed_snapshot(stream, reached.head.kind, key.as_ref()).await?;
        let Some((snapshot, fold)) = newest else { return Err(LatestSnapshotError::NotFound(rejected)) };
        if reached.is_look_at_another() {
            self.note_accesses(caller, [stream], Accessed::Stream).await?;
        }
        Ok(ShownSnapshot { snapshot, state: fold.shown(reached.sight), rejected })
    }
}
