use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{ReachError, StreamState};
use crate::{
    caller::Caller,
    id::StreamId,
    identity::Identity,
    port::{StoreError, StreamHead},
};

/// How a stream is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamStatus {
    /// Where it is.
    pub head: StreamHead,
    /// What it is beside its events.
    pub state: StreamState,
    /// Whether clients may write on it: it was not deactivated, and whom it is of was not erased.
    pub is_active: bool,
    /// When its last event happened.
    pub last_event_at: Option<DateTime<Utc>>,
}

/// Why a stream is not shown.
#[derive(Debug, Error)]
pub enum StreamError {
    /// There is none, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ReachError> for StreamError {
    fn from(error: ReachError) -> Self {
        match error {
            ReachError::NotFound => Self::NotFound,
            ReachError::Store(error) => Self::Store(error),
        }
    }
}

impl Identity {
    /// How a stream is.
    pub async fn stream_status(
        &self,
        caller: &Caller,
        stream: StreamId,
    ) -> Result<StreamStatus, StreamError> {
        let reached = self.reach_stream(caller, stream).await?;
        Ok(self.status_at(reached.head).await?)
    }

    pub(super) async fn status_at(&self, head: StreamHead) -> Result<StreamStatus, StoreError> {
        let ports = self.ports();
        let state = ports.streams.find_state(head.stream).await?;
        let state = state.unwrap_or_else(|| StreamState::new(head.stream, head.kind));
        let last = ports.events.read_stream(head.stream, head.version.saturating_sub(1), 1).await?;
        let last_event_at = match last.first() {
            Some(event) => Some(event.event.recorded_at),
            None => ports.retention.find_base(head.stream).await?.map(|base| base.recorded_at),
        };
        Ok(StreamStatus {
            is_active: state.is_active && self.has_subject(&head).await?,
            last_event_at,
            head,
            state,
        })
    }

    /// As it is after a commit of the caller's.
    pub(super) async fn status_now(&self, stream: StreamId) -> Result<StreamStatus, StoreError> {
        let head = self.ports().events.head(stream).await?;
        self.status_at(head.ok_or_else(|| StoreError::corrupt("a stream without its head"))?).await
    }
}
