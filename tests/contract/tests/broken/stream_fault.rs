//! Faults in what streams are beside the log and in searching it, and the cases that catch them.

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_domain::{
    commit::{Commit, CommitError, Committed, RowChange},
    event::{Event, EventType, Version},
    id::{EventId, StreamId},
    port::{
        EventListQuery, EventPage, EventScope, EventSearch, EventSearchQuery, EventStore, IdempotencyKeys,
        StoreError, StreamStatistics, Streams,
    },
    stream::{IdempotentRequest, RequestDigest, Snapshot, StreamState},
};
use portcullis_memory::Memory;

use crate::store::{Fault, Sound, Store};

/// Rows that are deleted stay.
#[derive(Default)]
struct RowsStay;

#[async_trait]
impl Fault for RowsStay {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.rows.retain(|row| {
            !matches!(
                row,
                RowChange::DeleteStreamState(_)
                    | RowChange::DeleteSnapshotsBelow(..)
                    | RowChange::DeleteIdempotentRequest(..)
            )
        });
        memory.commit(commit).await
    }
}

/// The snapshot of the version itself goes too: `version <= $2`.
#[derive(Default)]
struct DeletesToo;

#[async_trait]
impl Fault for DeletesToo {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        for row in &mut commit.rows {
            if let RowChange::DeleteSnapshotsBelow(_, version) = row {
                *version = version.saturating_add(1);
            }
        }
        memory.commit(commit).await
    }
}

/// Keys are looked for and then written, so that claims are not needed.
#[derive(Default)]
struct Unclaimed;

#[async_trait]
impl Fault for Unclaimed {
    async fn commit(&self, memory: &Arc<Memory>, mut commit: Commit) -> Result<Committed, CommitError> {
        commit.claims.clear();
        memory.commit(commit).await
    }
}

crate::caught! {
    rows_of_streams_that_stay_are_caught: Store<RowsStay>, Store<Sound> => [
        streams::a_deleted_state_is_not_found,
        streams::deleting_snapshots_below_a_version_leaves_the_others,
        idempotency_keys::a_deleted_request_is_not_found,
    ]
    snapshots_of_the_version_itself_that_go_too_are_caught: Store<DeletesToo>, Store<Sound> => [
        streams::deleting_snapshots_below_a_version_leaves_the_others,
    ]
    keys_that_nobody_claims_are_caught: Store<Unclaimed>, Store<Sound> => [
        idempotency_keys::of_racing_requests_with_one_key_one_is_done,
    ]
}

/// How reading is broken; by default it is not.
#[async_trait]
trait Reading: Send + Sync + 'static {
    async fn state(memory: &Memory, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        memory.find_state(stream).await
    }

    async fn snapshots(memory: &Memory, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        memory.list_snapshots(stream, limit).await
    }

    async fn older(
        memory: &Memory,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        memory.list_older(before, limit).await
    }

    async fn list(
        memory: &Memory,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        EventSearch::list(memory, stream, query, limit).await
    }

    async fn search(
        memory: &Memory,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        memory.search(query, before, limit).await
    }

    async fn statistics(
        memory: &Memory,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        memory.statistics(stream, recent).await
    }
}

struct Reader<R>(Arc<Memory>, PhantomData<R>);

#[async_trait]
impl<R: Reading> Streams for Reader<R> {
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        R::state(&self.0, stream).await
    }

    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        R::snapshots(&self.0, stream, limit).await
    }
}

#[async_trait]
impl<R: Reading> IdempotencyKeys for Reader<R> {
    async fn find(&self, key: RequestDigest) -> Result<Option<IdempotentRequest>, StoreError> {
        IdempotencyKeys::find(self.0.as_ref(), key).await
    }

    async fn list_older(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        R::older(&self.0, before, limit).await
    }
}

#[async_trait]
impl<R: Reading> EventSearch for Reader<R> {
    async fn list(
        &self,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        R::list(&self.0, stream, query, limit).await
    }

    async fn search(
        &self,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        R::search(&self.0, query, before, limit).await
    }

    async fn statistics(
        &self,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        R::statistics(&self.0, stream, recent).await
    }
}

/// A store in memory that is read in a broken way.
struct Read<R>(Store<Sound>, Arc<Reader<R>>);

#[async_trait]
impl<R: Reading> StoreHarness for Read<R> {
    async fn start() -> Self {
        let store = Store::<Sound>::start().await;
        let memory = store.memory();
        Self(store, Arc::new(Reader(memory, PhantomData)))
    }

    async fn restart(self) -> Self {
        self
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            streams: self.1.clone(),
            event_search: self.1.clone(),
            idempotency_keys: self.1.clone(),
            ..self.0.ports()
        }
    }
}

struct Right;

impl Reading for Right {}

/// Metadata went through a text that ends at NUL.
struct CutsMetadata;

#[async_trait]
impl Reading for CutsMetadata {
    async fn state(memory: &Memory, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        let mut state = memory.find_state(stream).await?;
        if let Some(state) = &mut state {
            state.metadata.retain(|_, value| !value.to_string().contains("\\u0000"));
        }
        Ok(state)
    }
}

/// `ORDER BY created_at`.
struct OldestFirst;

#[async_trait]
impl Reading for OldestFirst {
    async fn snapshots(memory: &Memory, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let mut all = memory.list_snapshots(stream, usize::MAX).await?;
        all.reverse();
        all.truncate(limit);
        Ok(all)
    }

    async fn older(
        memory: &Memory,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        let mut all = memory.list_older(before + TimeDelta::microseconds(1), usize::MAX).await?;
        all.truncate(limit);
        Ok(all)
    }
}

/// A page that comes short is taken for the last.
struct ShortIsLast;

const LOOKED_AT: usize = 1_000;

#[async_trait]
impl Reading for ShortIsLast {
    async fn list(
        memory: &Memory,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        let all = EventListQuery { event_type: None, ..query.clone() };
        let mut page = EventSearch::list(memory, stream, &all, LOOKED_AT).await?;
        page.events
            .retain(|event| query.event_type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type));
        Ok(cut(page.events, limit, |event| event.version))
    }

    async fn search(
        memory: &Memory,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        let all = EventSearchQuery { text: None, event_type: None, ..query.clone() };
        let page = memory.search(&all, before, LOOKED_AT).await?;
        let found: Vec<_> = page
            .events
            .into_iter()
            .filter(|event| query.event_type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type))
            .filter(|event| query.text.as_ref().is_none_or(|text| event.event.data.as_str().contains(text)))
            .collect();
        Ok(cut(found, limit, |event| event.event.id))
    }
}

fn cut<C>(mut found: Vec<Event>, limit: usize, place: impl Fn(&Event) -> C) -> EventPage<C> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    EventPage { next: found.last().filter(|_| has_more).map(place), events: found }
}

/// Types and texts are patterns: `LIKE`, whatever the letter case.
struct Patterns;

fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern) = (text.to_lowercase(), pattern.to_lowercase());
    let parts: Vec<_> = pattern.split('%').collect();
    let mut rest = text.as_str();
    parts.iter().all(|part| match rest.find(part) {
        Some(place) => {
            rest = &rest[place + part.len()..];
            true
        }
        None => false,
    })
}

#[async_trait]
impl Reading for Patterns {
    async fn list(
        memory: &Memory,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        let all = EventListQuery { event_type: None, ..query.clone() };
        let mut page = EventSearch::list(memory, stream, &all, usize::MAX).await?;
        page.events.retain(|event| {
            let wanted = query.event_type.as_ref();
            wanted.is_none_or(|wanted| is_like(event.event.event_type.as_str(), wanted.as_str()))
        });
        Ok(cut(page.events, limit, |event| event.version))
    }

    async fn search(
        memory: &Memory,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        let all = EventSearchQuery { text: None, ..query.clone() };
        let mut page = memory.search(&all, before, usize::MAX).await?;
        page.events
            .retain(|event| query.text.as_ref().is_none_or(|text| is_like(event.event.data.as_str(), text)));
        Ok(cut(page.events, limit, |event| event.event.id))
    }
}

/// Whoever asks to belong to a company is taken for a member, since nobody looks at the status.
struct PendingToo;

#[async_trait]
impl Reading for PendingToo {
    async fn search(
        memory: &Memory,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        use portcullis_domain::port::Members;

        let EventScope::Company(company) = query.scope else {
            return memory.search(query, before, limit).await;
        };
        let all = EventSearchQuery { scope: EventScope::All, ..query.clone() };
        let mut page = memory.search(&all, before, usize::MAX).await?;
        let members = memory.list_by_company(company, None, usize::MAX).await?;
        page.events.retain(|event| {
            event.stream == company.into()
                || members.iter().any(|member| StreamId::from(member.user) == event.stream)
        });
        Ok(cut(page.events, limit, |event| event.event.id))
    }
}

/// Days are those of the server's time zone, an hour off.
struct LocalDays;

#[async_trait]
impl Reading for LocalDays {
    async fn statistics(
        memory: &Memory,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        let mut counted = memory.statistics(stream, recent).await?;
        counted.by_day.clear();
        for event in memory.read_stream(stream, 0, usize::MAX).await? {
            let day = (event.event.recorded_at + TimeDelta::hours(1)).date_naive();
            *counted.by_day.entry(day).or_default() += 1;
        }
        Ok(counted)
    }
}

/// Types are counted apart however many there are.
struct AllTypes;

#[async_trait]
impl Reading for AllTypes {
    async fn statistics(
        memory: &Memory,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        let mut counted = memory.statistics(stream, recent).await?;
        counted.by_type.clear();
        for event in memory.read_stream(stream, 0, usize::MAX).await? {
            *counted.by_type.entry(event.event.event_type).or_default() += 1;
        }
        Ok(counted)
    }
}

crate::caught! {
    metadata_that_are_cut_are_caught: Read<CutsMetadata>, Read<Right> => [
        streams::a_put_state_is_found,
        streams::a_second_put_replaces_the_state,
    ]
    snapshots_in_another_order_are_caught: Read<OldestFirst>, Read<Right> => [
        streams::snapshots_are_listed_from_the_greatest_version,
        idempotency_keys::requests_made_before_a_time_are_listed_oldest_first,
    ]
    a_short_page_that_is_taken_for_the_last_is_caught: Read<ShortIsLast>, Read<Right> => [
        event_search::what_is_rare_is_found_page_by_page,
    ]
    types_and_texts_that_are_patterns_are_caught: Read<Patterns>, Read<Right> => [
        event_search::a_text_is_found_letter_for_letter,
        event_search::a_list_gives_the_versions_asked_for_in_their_order,
    ]
    those_who_ask_to_be_members_taken_for_members_are_caught: Read<PendingToo>, Read<Right> => [
        event_search::a_search_of_a_company_gives_its_own_streams_and_its_active_members,
    ]
    days_of_another_time_zone_are_caught: Read<LocalDays>, Read<Right> => [
        event_search::a_stream_is_counted_by_type_and_by_day,
    ]
    types_that_are_counted_without_bound_are_caught: Read<AllTypes>, Read<Right> => [
        event_search::of_many_types_the_most_frequent_are_counted_apart,
    ]
}
