use async_trait::async_trait;

use super::StoreError;
use crate::{
    commit::{Commit, CommitError, Committed},
    event::{Event, EventHash, StreamKind, Version},
    id::StreamId,
};

/// The log, and the one way to change anything: a commit.
///
/// # Contract
///
/// 1. What a commit appends reads back as it was written: to the byte for data and sealed parts, to the microsecond for times.
/// 2. Versions of a stream are 1, 2, 3, … without a gap, in the order of the commits.
/// 3. A commit whose `Expected` does not hold fails with `Conflict`, naming expected and actual version.
/// 4. Of commits that race for one version of a stream exactly one is applied.
/// 5. A commit applies whole or not at all: one that fails leaves no event, row, claim or key.
/// 6. A key is held by at most one owner; taking another owner's fails with `Taken`, naming the key; a released key can be taken again;
///    keys are equal when they fold to the same text; releasing another owner's key changes nothing.
/// 7. After `commit` returns, every read sees what it wrote, and it survives the loss of the process.
/// 8. The feed gives every event once, streams in the order of their versions, and never skips one that becomes visible late, however writers race.
/// 9. Events of types this software does not know are kept and returned like any other.
/// 10. Events are chained: `Event::chained` onto the stream's head, whose hash `head` and `list_heads` return.
/// 11. `wait` returns once an event lies beyond the cursor, when this process committed it; it may return early.
/// 12. A guard on a stream that is at another version fails with `Conflict`, and holds until its commit is applied: of commits that race,
///     of which each guards what the next one appends to, not all are applied; nothing is appended by a guard.
/// 13. An append without events is refused, as is a commit that names one stream twice among its appends and guards: with `StoreError::Corrupt`, before anything else is looked at.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait EventStore: Send + Sync {
    /// Applies a commit, all or nothing.
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// Events of a stream with versions above `after`, in order, at most `limit`.
    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError>;

    /// The stream's head, if it has events.
    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError>;

    /// Heads of all streams in the order of their ids, after the given one, at most `limit`.
    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError>;

    /// Events of all streams beyond a cursor, at most `limit`.
    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError>;

    /// Waits until an event may lie beyond the cursor.
    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError>;

    /// Asks the engine for a sign of life.
    async fn ping(&self) -> Result<(), StoreError>;
}

/// A stream's newest event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// The stream.
    pub stream: StreamId,
    /// What it is of.
    pub kind: StreamKind,
    /// The newest event's version.
    pub version: Version,
    /// The newest event's hash.
    pub hash: EventHash,
}

/// A place in the feed of all events. Ordered; only the store that gave it can read on from it.
///
/// `transaction` is 0 in stores with a single writer. Where writers run side by side a position becomes visible out of
/// order, so there the feed is read by the writing transaction first (see `docs/adr`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeedCursor {
    /// The transaction that wrote the event.
    pub transaction: u64,
    /// The event's position.
    pub position: u64,
}

impl FeedCursor {
    /// Before the first event.
    pub const START: Self = Self { transaction: 0, position: 0 };
}

/// An event in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedItem {
    /// Where to read on after it.
    pub cursor: FeedCursor,
    /// The event.
    pub event: Event,
}
