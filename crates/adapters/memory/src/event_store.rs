use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Append, Claim, ClaimKey, Commit, CommitError, Committed, Expected, Guard},
    event::{Event, EventHash, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
};
use uuid::Uuid;

use crate::{Memory, State};

/// What a commit makes of the keys it names: their owners after it.
type Claims = HashMap<ClaimKey, Option<Uuid>>;

#[async_trait]
impl EventStore for Memory {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        check_shape(&commit)?;
        let _turn = self.gate.read().await;
        let mut state = self.state();
        // All that can fail comes first; what follows cannot, so nothing is ever half done.
        state.check_guards(&commit.guards)?;
        let claims = state.check_claims(&commit.claims)?;
        state.check_versions(&commit.appends)?;
        state.apply_claims(claims);
        let events = commit.appends.into_iter().flat_map(|append| state.append(append)).collect();
        commit.rows.into_iter().for_each(|change| state.rows.apply(change));
        for subject in commit.shred {
            state.rows.shred(subject);
            state.derived.shred(subject);
        }
        // Told under the lock, so that whoever waits never hears of an older position after a newer one.
        self.newest.send_replace(state.newest());
        Ok(Committed { events })
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let state = self.state();
        let places = state.streams.get(&stream).map(Vec::as_slice).unwrap_or_default();
        let events = places.iter().skip(index(after)).map(|place| &state.log[*place]);
        Ok(events.filter(|event| event.position > state.dropped).take(limit).cloned().collect())
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        Ok(self.state().head(stream))
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        let state = self.state();
        let ids = state.streams.keys().filter(|id| after.is_none_or(|after| **id > after));
        Ok(ids.filter_map(|id| state.head(*id)).take(limit).collect())
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        let state = self.state();
        let events = state.log.iter().skip(index(after.position.max(state.dropped))).take(limit);
        Ok(events.map(|event| FeedItem { cursor: cursor(event), event: event.clone() }).collect())
    }

    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        // A watch channel keeps its newest value, so a commit between the caller's read and this line is not missed.
        let mut newest = self.newest.subscribe();
        newest.wait_for(|position| *position > after.position).await.map_err(StoreError::unavailable)?;
        Ok(())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Refuses what no caller means: such a commit is a defect of the program that made it.
fn check_shape(commit: &Commit) -> Result<(), CommitError> {
    if commit.appends.iter().any(|append| append.events.is_empty()) {
        return Err(StoreError::corrupt("an append without events").into());
    }
    let mut seen = HashSet::new();
    let appended = commit.appends.iter().map(|append| append.stream);
    if !appended.chain(commit.guards.iter().map(|guard| guard.stream)).all(|stream| seen.insert(stream)) {
        return Err(StoreError::corrupt("one stream twice in a commit").into());
    }
    Ok(())
}

impl State {
    /// The events that were not dropped, in the order of their positions.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &Event> {
        self.log.iter().skip(index(self.dropped))
    }

    /// The position of the newest event; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.log.last().map_or(0, |event| event.position)
    }

    fn head(&self, stream: StreamId) -> Option<StreamHead> {
        let newest = &self.log[*self.streams.get(&stream)?.last()?];
        Some(StreamHead { stream, kind: newest.stream_kind, version: newest.version, hash: newest.hash })
    }

    /// Walks the claims in their order, as if each saw what those before it did.
    fn check_claims(&self, claims: &[Claim]) -> Result<Claims, CommitError> {
        let mut after = Claims::new();
        for claim in claims {
            let (Claim::Take { key, owner } | Claim::Release { key, owner }) = claim;
            let held = after.get(key).copied().unwrap_or_else(|| self.claims.get(key).copied());
            let next = match claim {
                Claim::Take { .. } if held.is_some_and(|holder| holder != *owner) => {
                    return Err(CommitError::Taken { key: key.clone() });
                }
                Claim::Take { .. } => Some(*owner),
                Claim::Release { .. } => held.filter(|holder| holder != owner),
            };
            after.insert(key.clone(), next);
        }
        Ok(after)
    }

    fn apply_claims(&mut self, claims: Claims) {
        for (key, owner) in claims {
            match owner {
                Some(owner) => self.claims.insert(key, owner),
                None => self.claims.remove(&key),
            };
        }
    }

    fn check_guards(&self, guards: &[Guard]) -> Result<(), CommitError> {
        guards.iter().try_for_each(|guard| {
            let actual = self.head(guard.stream).map_or(0, |head| head.version);
            Expected::Exactly(guard.version).check(guard.stream, actual)
        })
    }

    fn check_versions(&self, appends: &[Append]) -> Result<(), CommitError> {
        appends.iter().try_for_each(|append| {
            let actual = self.head(append.stream).map_or(0, |head| head.version);
            append.expected.check(append.stream, actual)
        })
    }

    fn append(&mut self, append: Append) -> Vec<Event> {
        let head = self.head(append.stream);
        let mut version = head.map_or(0, |head| head.version);
        let mut hash = head.map_or(EventHash::GENESIS, |head| head.hash);
        let mut stored = Vec::with_capacity(append.events.len());
        for event in append.events {
            version += 1;
            let event = Event::chained(event, self.newest() + 1, append.stream, append.kind, version, hash);
            hash = event.hash;
            self.streams.entry(append.stream).or_default().push(self.log.len());
            self.log.push(event.clone());
            stored.push(event);
        }
        stored
    }
}

/// Positions and versions count from 1 without a gap here, so each is the number of events before the next one.
fn index(after: u64) -> usize {
    usize::try_from(after).unwrap_or(usize::MAX)
}

pub(crate) const fn cursor(event: &Event) -> FeedCursor {
    FeedCursor { transaction: 0, position: event.position }
}
