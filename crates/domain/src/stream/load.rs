//! A stream's state, from its newest believable snapshot and the events after it.

use super::{Fold, RejectedSnapshot, Snapshot, SnapshotFault, snapshot};
use crate::{
    event::{Event, StreamKind, Version},
    id::StreamId,
    identity::Identity,
    port::{StoreError, StreamHead},
    seal::DataKey,
};

/// How many events are read at a time.
const PAGE: usize = 1_000;
/// How many snapshots are tried before the fold begins at the beginning; no more are kept either.
pub(super) const SNAPSHOTS: usize = 3;

/// A stream's state, and how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedStream {
    /// The state.
    pub fold: Fold,
    /// The snapshot that it was read from.
    pub snapshot: Option<Snapshot>,
    /// Snapshots that were not believed on the way: to be reported.
    pub rejected: Vec<RejectedSnapshot>,
}

/// The newest snapshot that is believed, with the state that it holds.
pub(super) struct Believed {
    pub(super) newest: Option<(Snapshot, Fold)>,
    pub(super) rejected: Vec<RejectedSnapshot>,
}

impl Identity {
    /// A stream's state at its head, for tools too: nobody's permission is asked. Without its subject's key (they were erased) it is nobody's.
    pub async fn load_stream(
        &self,
        head: &StreamHead,
        key: Option<&DataKey>,
    ) -> Result<LoadedStream, StoreError> {
        let Believed { newest, rejected } = self.believed_snapshot(head.stream, head.kind, key).await?;
        // One of a later version than the head came in meanwhile, or the head was set back.
        let newest = newest.filter(|(snapshot, _)| snapshot.version <= head.version);
        let (snapshot, from) = newest.unzip();
        let from = match from {
            Some(from) => from,
            None => self.beginning_of(head.stream, head.kind, key).await?,
        };
        Ok(LoadedStream { fold: self.fold_on(from, head.version, key).await?, snapshot, rejected })
    }

    /// The state at a version by the events alone, and what those had added up to that were moved into an archive.
    pub async fn fold_stream(
        &self,
        stream: StreamId,
        kind: StreamKind,
        to: Version,
        key: Option<&DataKey>,
    ) -> Result<Fold, StoreError> {
        self.fold_on(self.beginning_of(stream, kind, key).await?, to, key).await
    }

    async fn fold_on(&self, mut fold: Fold, to: Version, key: Option<&DataKey>) -> Result<Fold, StoreError> {
        while fold.version < to {
            let left = usize::try_from(to - fold.version).unwrap_or(usize::MAX);
            let events = self.ports().events.read_stream(fold.stream, fold.version, left.min(PAGE)).await?;
            if events.is_empty() {
                return Err(StoreError::corrupt(format!("stream {}: events are missing", fold.stream)));
            }
            for event in &events {
                fold = fold.apply(event, key).map_err(StoreError::corrupt)?;
            }
        }
        Ok(fold)
    }

    pub(super) async fn believed_snapshot(
        &self,
        stream: StreamId,
        kind: StreamKind,
        key: Option<&DataKey>,
    ) -> Result<Believed, StoreError> {
        let mut rejected = Vec::new();
        let Some(key) = key else { return Ok(Believed { newest: None, rejected }) };
        let archived = self.archived_version(stream).await?;
        for snapshot in self.ports().streams.list_snapshots(stream, SNAPSHOTS).await? {
            if snapshot.version <= archived {
                // What bears it out is in the archive, and the base is as new.
                break;
            }
            match self.open_snapshot(&snapshot, kind, key).await? {
                Ok(fold) => return Ok(Believed { newest: Some((snapshot, fold)), rejected }),
                Err(fault) => rejected.push(snapshot.rejected(fault)),
            }
        }
        Ok(Believed { newest: None, rejected })
    }

    /// Whether a snapshot is what the log says, without a fold from the beginning.
    pub(crate) async fn open_snapshot(
        &self,
        snapshot: &Snapshot,
        kind: StreamKind,
        key: &DataKey,
    ) -> Result<Result<Fold, SnapshotFault>, StoreError> {
        let Some(before) = snapshot.version.checked_sub(1) else { return Ok(Err(SnapshotFault::NotInLog)) };
        let events: Vec<Event> = self.ports().events.read_stream(snapshot.stream, before, 2).await?;
        Ok(snapshot::open(snapshot, kind, &events, key))
    }
}
