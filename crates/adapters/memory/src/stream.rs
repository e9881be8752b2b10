use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    commit::RowChange,
    event::{Event, EventType, Version},
    id::{EventId, SnapshotId, StreamId, UserId},
    port::{
        EventListQuery, EventPage, EventScope, EventSearch, EventSearchQuery, IdempotencyKeys, StoreError,
        StreamStatistics, Streams,
    },
    stream::{IdempotentRequest, RequestDigest, Snapshot, StreamState},
};

use crate::{Memory, State};

/// What commits write about streams.
#[derive(Default)]
pub(crate) struct StreamRows {
    states: HashMap<StreamId, StreamState>,
    snapshots: HashMap<SnapshotId, Snapshot>,
    requests: HashMap<RequestDigest, IdempotentRequest>,
}

impl StreamRows {
    pub(crate) const fn states(&self) -> &HashMap<StreamId, StreamState> {
        &self.states
    }

    pub(crate) fn replace_states(&mut self, states: HashMap<StreamId, StreamState>) {
        self.states = states;
    }

    pub(crate) fn apply(&mut self, change: RowChange) {
        match change {
            RowChange::PutStreamState(state) => {
                self.states.insert(state.stream, state);
            }
            RowChange::DeleteStreamState(stream) => {
                self.states.remove(&stream);
            }
            RowChange::PutSnapshot(snapshot) => {
                self.snapshots.insert(snapshot.id, snapshot);
            }
            RowChange::DeleteSnapshotsBelow(stream, version) => {
                self.snapshots.retain(|_, snapshot| snapshot.stream != stream || snapshot.version >= version);
            }
            RowChange::PutIdempotentRequest(request) => {
                self.requests.insert(request.key, request);
            }
            RowChange::DeleteIdempotentRequest(key, claimed_by) => {
                self.requests.retain(|_, request| (request.key, request.claimed_by) != (key, claimed_by));
            }
            _ => unreachable!("`Rows` sees to the others"),
        }
    }
}

#[async_trait]
impl Streams for Memory {
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        Ok(self.state().rows.streams.states.get(&stream).cloned())
    }

    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let state = self.state();
        let own = state.rows.streams.snapshots.values().filter(|snapshot| snapshot.stream == stream);
        let mut own: Vec<_> = own.cloned().collect();
        own.sort_by_key(|snapshot| std::cmp::Reverse((snapshot.version, snapshot.id)));
        own.truncate(limit);
        Ok(own)
    }
}

#[async_trait]
impl IdempotencyKeys for Memory {
    async fn find(&self, key: RequestDigest) -> Result<Option<IdempotentRequest>, StoreError> {
        Ok(self.state().rows.streams.requests.get(&key).cloned())
    }

    async fn list_older(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        let state = self.state();
        let older = state.rows.streams.requests.values().filter(|request| request.created_at < before);
        let mut older: Vec<_> = older.cloned().collect();
        older.sort_by_key(|request| (request.created_at, request.key));
        older.truncate(limit);
        Ok(older)
    }
}

impl State {
    fn is_in_scope(&self, stream: StreamId, scope: EventScope) -> bool {
        match scope {
            EventScope::All => true,
            EventScope::Stream(one) => stream == one,
            EventScope::Company(company) => {
                let member = self.rows.members.get(&UserId::new(stream.into()));
                stream == company.into()
                    || member.is_some_and(|member| member.company == company && member.is_active())
            }
        }
    }

    fn meets(&self, event: &Event, query: &EventSearchQuery) -> bool {
        let EventSearchQuery { scope, event_type, actor, from, to, text } = query;
        let new = &event.event;
        self.is_in_scope(event.stream, *scope)
            && event_type.as_ref().is_none_or(|wanted| *wanted == new.event_type)
            && actor.is_none_or(|wanted| new.actor.id() == Some(wanted))
            && from.is_none_or(|from| new.id >= from)
            && to.is_none_or(|to| new.id < to)
            && text.as_ref().is_none_or(|text| new.data.as_str().contains(text))
    }
}

/// Cuts what was found down to a page.
fn page<C>(mut found: Vec<Event>, limit: usize, place: impl Fn(&Event) -> C) -> EventPage<C> {
    let has_more = found.len() > limit;
    found.truncate(limit);
    EventPage { next: found.last().filter(|_| has_more).map(place), events: found }
}

#[async_trait]
impl EventSearch for Memory {
    async fn list(
        &self,
        stream: StreamId,
        query: &EventListQuery,
        limit: usize,
    ) -> Result<EventPage<Version>, StoreError> {
        let state = self.state();
        let mut found: Vec<_> = state
            .kept()
            .filter(|event| event.stream == stream && (query.from..=query.to).contains(&event.version))
            .filter(|event| query.event_type.as_ref().is_none_or(|wanted| *wanted == event.event.event_type))
            .cloned()
            .collect();
        if query.is_descending {
            found.reverse();
        }
        Ok(page(found, limit, |event| event.version))
    }

    async fn search(
        &self,
        query: &EventSearchQuery,
        before: Option<EventId>,
        limit: usize,
    ) -> Result<EventPage<EventId>, StoreError> {
        let state = self.state();
        let mut found: Vec<_> = state
            .kept()
            .filter(|event| before.is_none_or(|before| event.event.id < before))
            .filter(|event| state.meets(event, query))
            .cloned()
            .collect();
        found.sort_by_key(|event| std::cmp::Reverse(event.event.id));
        Ok(page(found, limit, |event| event.event.id))
    }

    async fn statistics(
        &self,
        stream: StreamId,
        recent: &[(EventType, DateTime<Utc>)],
    ) -> Result<StreamStatistics, StoreError> {
        let state = self.state();
        let own: Vec<_> =
            state.kept().filter(|event| event.stream == stream).map(|event| &event.event).collect();
        let mut by_type: BTreeMap<EventType, u64> = BTreeMap::new();
        let mut by_day = BTreeMap::new();
        for event in &own {
            *by_type.entry(event.event_type.clone()).or_default() += 1;
            *by_day.entry(event.recorded_at.date_naive()).or_default() += 1;
        }
        let mut types: Vec<_> = by_type.into_iter().collect();
        types.sort_by(|(one, ones), (other, others)| others.cmp(ones).then_with(|| one.cmp(other)));
        types.truncate(StreamStatistics::MOST_TYPES);
        let count = |(event_type, since): &(EventType, DateTime<Utc>)| {
            let counted =
                own.iter().filter(|event| event.event_type == *event_type && event.recorded_at >= *since);
            counted.count() as u64
        };
        Ok(StreamStatistics {
            events: own.len() as u64,
            by_type: types.into_iter().collect(),
            by_day: by_day.into_iter().rev().take(StreamStatistics::MOST_DAYS).collect(),
            first_at: own.iter().map(|event| event.recorded_at).min(),
            last_at: own.iter().map(|event| event.recorded_at).max(),
            recent: recent.iter().map(count).collect(),
        })
    }
}
