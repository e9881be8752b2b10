//! Streams as their readers and writers meet them: the history of one user or one company, on which clients may write events of their own.

mod append_event;
mod audit_stream;
mod changes;
mod deactivate;
mod event;
mod event_type;
mod fold;
mod forget_requests;
mod history;
mod idempotency;
mod latest_snapshot;
mod list_events;
mod load;
mod reach;
mod search;
mod set_metadata;
mod snapshot;
mod state;
mod stats;
mod status;
mod take_snapshot;
mod write;

pub use append_event::{AppendEvent, AppendEventError, MAX_EVENT_DATA};
pub use audit_stream::{AuditCursor, AuditEntry, AuditPage, CHECKED, StreamCheck};
pub use changes::{FieldChange, FieldChanges};
pub use deactivate::{DeactivateStream, DeactivateStreamError};
pub(crate) use event::schemas as event_schemas;
pub use event::{SnapshotTaken, StreamEvent};
pub use event_type::{EventTypeError, MAX_EVENT_TYPE, is_reserved};
pub use fold::{Fold, Subject};
pub use history::{HistoryCursor, HistoryItem, HistoryPage};
pub use idempotency::{
    IDEMPOTENCY_KEPT, IdempotencyKey, IdempotencyKeyError, IdempotentRequest, RequestDigest,
};
pub use latest_snapshot::LatestSnapshotError;
pub use load::LoadedStream;
pub use reach::{ReachError, ReachedStream, Sight, WriteReachError};
pub use search::{SearchEvents, SearchEventsError};
pub use set_metadata::{MAX_METADATA, SetMetadata, SetMetadataError};
pub use snapshot::{RejectedSnapshot, Snapshot, SnapshotFault};
pub use state::{Metadata, StreamState};
pub use stats::StreamStats;
pub use status::{StreamError, StreamStatus};
pub use take_snapshot::{ShownSnapshot, TakeSnapshotError};
