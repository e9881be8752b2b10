use serde_json::{Map, Value};

use super::StreamEvent;
use crate::{
    event::{StreamKind, Version},
    id::StreamId,
};

/// What a stream's readers and writers note about it; a JSON object without personal data.
pub type Metadata = Map<String, Value>;

/// What a stream is beside the user or company that it is of: what its own events add up to. Streams to which none of them happened have no row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// Which.
    pub stream: StreamId,
    /// What it is of.
    pub kind: StreamKind,
    /// Clients may write on it.
    pub is_active: bool,
    /// What is noted about it.
    pub metadata: Metadata,
    /// The version of the newest snapshot that was taken.
    pub last_snapshot: Option<Version>,
}

impl StreamState {
    /// As every stream begins.
    pub fn new(stream: StreamId, kind: StreamKind) -> Self {
        Self { stream, kind, is_active: true, metadata: Metadata::new(), last_snapshot: None }
    }

    /// The state after one more event; never fails: what happened has happened.
    #[must_use]
    pub fn apply(mut self, event: &StreamEvent) -> Self {
        match event {
            StreamEvent::MetadataUpdated { after, .. } => self.metadata.clone_from(after),
            StreamEvent::Deactivated { .. } => self.is_active = false,
            StreamEvent::SnapshotTaken(taken) => self.last_snapshot = Some(taken.version),
            StreamEvent::ClientDefined { .. } => {}
        }
        self
    }
}
