//! Read ports on what streams are beside the log, and on the log by other orders than its own.

use std::collections::BTreeMap;

use async_trait::async_trait;
use chrono::{DateTime, NaiveDate, Utc};

use super::StoreError;
use crate::{
    event::{Event, EventType, Version},
    id::{CompanyId, EventId, StreamId},
    stream::{IdempotentRequest, RequestDigest, Snapshot, StreamState},
};

/// What streams are beside the user or company that they are of, and their snapshots, as the commits left them.
///
/// # Contract
///
/// * A put state is found, its metadata as they were; a second put replaces it; a deleted one is not found.
/// * Put snapshots of a stream are listed, the greatest version first, and no other stream's; a second put of one id replaces it.
/// * Deleting a stream's snapshots below a version leaves those at it and above, and all of other streams.
#[async_trait]
pub trait Streams: Send + Sync {
    /// A stream's state; `None` where nothing ever happened to the stream itself.
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError>;
    /// A stream's snapshots, the newest first, at most `limit`.
    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError>;
}

/// Requests that were done under a client's key, which the commit of each claims.
///
/// # Contract
///
/// * A put request is found by its key, as it was put; a second put of one key replaces it; a deleted one is not found, and deleting one that was
///   replaced deletes nothing.
/// * `list_older` gives those made before the time, the oldest first, at most as many as asked for.
/// * Of commits that race with one key exactly one is applied, and its request is the one that is found.
#[async_trait]
pub trait IdempotencyKeys: Send + Sync {
    /// By key, however old.
    async fn find(&self, key: RequestDigest) -> Result<Option<IdempotentRequest>, StoreError>;
    /// Those made before a time, the oldest first, at most `limit`.
    async fn list_older(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError>;
}

/// The log by other orders than its own. Whatever is asked for, one call looks at a bounded number of events: a page may come short, and even empty,
/// and says where to go on.
///
/// # Contract
///
/// * `list` gives a stream's events within the versions, of the type if one is asked for, in the order asked for; `search` gives the events that meet
///   every filter, the greatest id first; neither gives anything else.
/// * Going on where each page says, to the last, gives each event once, however many are written meanwhile; a page holds at most as many as asked for.
/// * A text is found wherever it stands in the data, letter for letter; no character of it has a meaning of its own.
/// * `statistics` counts a stream's events in all, by type and by day of UTC, and those of each type asked for since its time; and says when the
///   first and the last one happened.
#[async_trait]
pub trait EventSearch: Send + Sync {
    /// Events of one stream.
    async fn list(
        &self,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError>;

    /// Events of many streams, before the one given, which need not be there.
    async fn search(
        &self,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError>;

    /// What a stream holds, in numbers. `recent` are types, each with the time since which events of it are counted.
    async fn statistics(
        &self,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError>;
}

/// Which events of one stream are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventListQuery {
    /// From this version on.
    pub from: Version,
    /// To this version, and with it.
    pub to: Version,
    /// Of this type alone.
    pub event_type: Option<EventType>,
    /// The greatest version first.
    pub is_descending: bool,
}

/// Which events are looked for: those that meet all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventSearchQuery {
    /// On which streams.
    pub scope: EventScope,
    /// Of this type.
    pub event_type: Option<EventType>,
    /// Done by the user or API key with this id.
    pub actor: Option<uuid::Uuid>,
    /// With this id or a greater one: ids are in the order of time, to the millisecond.
    pub from: Option<EventId>,
    /// With an id less than this.
    pub to: Option<EventId>,
    /// With this text in their data, as it is written there.
    pub text: Option<String>,
}

/// Which streams are searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventScope {
    /// All.
    All,
    /// One.
    Stream(StreamId),
    /// A company's own and those of its active members.
    Company(CompanyId),
}

/// Some events, and where the next ones are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage<C> {
    /// The events.
    pub events: Vec<Event>,
    /// The last place that was looked at; `None` when there is nothing beyond it.
    pub next: Option<C>,
}

/// A stream in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamStatistics {
    /// Its events.
    pub events: u64,
    /// By type, of no more than [`MOST_TYPES`](StreamStatistics::MOST_TYPES) types, the most frequent ones.
    pub by_type: BTreeMap<EventType, u64>,
    /// By day of UTC, of no more than the last [`MOST_DAYS`](StreamStatistics::MOST_DAYS) on which something happened.
    pub by_day: BTreeMap<NaiveDate, u64>,
    /// When the first one happened.
    pub first_at: Option<DateTime<Utc>>,
    /// When the last one did.
    pub last_at: Option<DateTime<Utc>>,
    /// How many there are of each type asked for since its time.
    pub recent: Vec<u64>,
}

impl StreamStatistics {
    /// How many types are counted apart.
    pub const MOST_TYPES: usize = 100;
    /// How many days are counted apart.
    pub const MOST_DAYS: usize = 366;
}
