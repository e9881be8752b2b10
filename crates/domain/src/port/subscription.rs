use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{FeedCursor, StoreError};
use crate::{event::EventType, id::EventId};

/// Where each subscription stands in the feed, which replica runs it, and which events it gave up on.
///
/// # Contract
///
/// * A subscription never leased stands at the start and is not listed; each name stands for itself.
/// * Of any number that race for a lease one gets it; until it is released or its time is over nobody else does, and its holder renews it.
/// * A lease comes with the cursor. The holder's `advance` moves the cursor and never backwards; anybody else's changes nothing and is refused.
/// * A paused subscription is leased to nobody, and pausing ends the lease that is; a resumed one goes on where it stood.
/// * `rewind` moves the cursor either way and ends the lease: what its holder was about to report is refused.
/// * A dead letter buried twice is kept once, in the order of the feed; a removed one is gone; each subscription has its own.
/// * The last failure is listed until an advance follows it.
/// * Cursors, pauses and dead letters survive the loss of the process.
#[async_trait]
pub trait Subscriptions: Send + Sync {
    /// All subscriptions that were ever leased, paused, rewound or put an event aside, by name.
    async fn list(&self) -> Result<Vec<SubscriptionState>, StoreError>;

    /// Takes or renews a lease, by the store's own clock; `None` while somebody else has it, or while it is paused.
    async fn lease(
        &self,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError>;

    /// Gives a lease back before its time is over.
    async fn release(&self, name: &str, holder: Uuid) -> Result<(), StoreError>;

    /// Everything up to this cursor has been handled. False when the holder does not hold the lease any more.
    async fn advance(&self, name: &str, holder: Uuid, cursor: FeedCursor) -> Result<bool, StoreError>;

    /// Notes why handling an event failed, without personal data, for whoever looks at the list.
    async fn note_failure(&self, name: &str, error: &str) -> Result<(), StoreError>;

    /// Puts an event aside that keeps failing, so that the others go on.
    async fn bury(&self, name: &str, letter: DeadLetter) -> Result<(), StoreError>;

    /// Events put aside, in the order of the feed, at most `limit`.
    async fn list_dead_letters(&self, name: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError>;

    /// Takes a dead letter out; false when it was not there.
    async fn remove_dead_letter(&self, name: &str, event: EventId) -> Result<bool, StoreError>;

    /// Stops a subscription on every replica until it is resumed.
    async fn pause(&self, name: &str) -> Result<(), StoreError>;

    /// Lets a paused subscription go on.
    async fn resume(&self, name: &str) -> Result<(), StoreError>;

    /// Moves a subscription to a cursor, back or forth.
    async fn rewind(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError>;
}

/// How a subscription is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionState {
    /// Its name.
    pub name: String,
    /// Everything up to here has been handled.
    pub cursor: FeedCursor,
    /// Whether it was told to stand still.
    pub is_paused: bool,
    /// Who runs it, while the lease lasts.
    pub holder: Option<Uuid>,
    /// Why it failed last, if it has not gone on since.
    pub last_error: Option<String>,
    /// How many events it has put aside.
    pub dead_letters: u64,
}

/// An event that was put aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Which event.
    pub event: EventId,
    /// Its place in the feed, where it can be read again.
    pub cursor: FeedCursor,
    /// Its type.
    pub event_type: EventType,
    /// Why it failed last, without personal data.
    pub error: String,
}
