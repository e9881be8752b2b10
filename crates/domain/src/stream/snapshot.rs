use chrono::{DateTime, Utc};
use serde_json::Value;
use thiserror::Error;

use super::{Fold, SnapshotTaken, StreamEvent};
use crate::{
    caller::named,
    event::{Event, EventHash, StreamKind, Version},
    id::{SnapshotId, StreamId},
    port::Entropy,
    seal::{DataKey, Sealed},
};

/// Separates these digests from every other use of a data key, and versions the form of the state.
const DIGEST: &str = "portcullis snapshot state v1";

/// A stream's state at a version, sealed with its subject's key, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Which.
    pub id: SnapshotId,
    /// Of which stream.
    pub stream: StreamId,
    /// At which version.
    pub version: Version,
    /// The state, sealed for this id, stream and version and for the hash of the event at the version.
    pub state: Sealed,
    /// When it was taken.
    pub created_at: DateTime<Utc>,
}

named! {
    /// Why a snapshot is not believed.
    SnapshotFault {
        /// It does not open: it was changed, or sealed with another key, or for another stream or version, or for a history that is another one now.
        DoesNotOpen = "does_not_open",
        /// The log does not say that it was taken, or its events there do not hold together.
        NotInLog = "not_in_log",
        /// The log says that it held another state.
        FalseState = "false_state",
        /// It holds no state of a shape that this version knows.
        Unreadable = "unreadable",
    }
}

/// A snapshot that was not believed, to be reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("snapshot {snapshot} of stream {stream} at version {version} is not believed: {}", .fault.as_str())]
pub struct RejectedSnapshot {
    /// Which.
    pub snapshot: SnapshotId,
    /// Of which stream.
    pub stream: StreamId,
    /// At which version it says it is.
    pub version: Version,
    /// Why.
    pub fault: SnapshotFault,
}

/// What a snapshot is bound to: moved anywhere else it does not open.
fn place(id: SnapshotId, stream: StreamId, version: Version, hash: &EventHash) -> Vec<u8> {
    let version = version.to_le_bytes();
    [id.as_uuid().as_bytes().as_slice(), stream.as_uuid().as_bytes(), &version, hash.as_bytes()].concat()
}

/// Whoever has no key learns nothing of the state from it.
fn digest(state: &[u8], key: &DataKey) -> String {
    data_encoding::HEXLOWER.encode(&key.derive(DIGEST, state))
}

/// Seals a state, read as far as the event of this hash; with what the log is to say of it. `None` of nobody.
pub(super) fn seal(
    id: SnapshotId,
    fold: &Fold,
    hash: &EventHash,
    key: &DataKey,
    entropy: &dyn Entropy,
    now: DateTime<Utc>,
) -> Option<(Snapshot, SnapshotTaken)> {
    let state = fold.to_json()?.to_string().into_bytes();
    let taken = SnapshotTaken { snapshot_id: id, version: fold.version, state_digest: digest(&state, key) };
    let sealed = key.seal(&state, &place(id, fold.stream, fold.version, hash), entropy);
    let snapshot =
        Snapshot { id, stream: fold.stream, version: fold.version, state: sealed, created_at: now };
    Some((snapshot, taken))
}

/// Opens a snapshot if the log bears it out. `events` are the event at its version and the one after it, as the store has them now.
pub(super) fn open(
    snapshot: &Snapshot,
    kind: StreamKind,
    events: &[Event],
    key: &DataKey,
) -> Result<Fold, SnapshotFault> {
    let [at, after] = events else { return Err(SnapshotFault::NotInLog) };
    let is_chained = at.version == snapshot.version
        && at.hash == at.computed_hash()
        && after.prev_hash == at.hash
        && after.hash == after.computed_hash();
    if !is_chained {
        return Err(SnapshotFault::NotInLog);
    }
    let state = key
        .open(&snapshot.state, &place(snapshot.id, snapshot.stream, at.version, &at.hash))
        .map_err(|_| SnapshotFault::DoesNotOpen)?;
    let taken = match StreamEvent::read(&after.event, None) {
        Ok(Some(StreamEvent::SnapshotTaken(taken))) if taken.snapshot_id == snapshot.id => taken,
        _ => return Err(SnapshotFault::NotInLog),
    };
    if taken.version != snapshot.version || taken.state_digest != digest(&state, key) {
        return Err(SnapshotFault::FalseState);
    }
    let json: Option<Value> = serde_json::from_slice(&state).ok();
    json.and_then(|json| Fold::from_json(json, snapshot.stream, kind, snapshot.version))
        .ok_or(SnapshotFault::Unreadable)
}

impl Snapshot {
    /// The report that it was not believed.
    pub(super) const fn rejected(&self, fault: SnapshotFault) -> RejectedSnapshot {
        RejectedSnapshot { snapshot: self.id, stream: self.stream, version: self.version, fault }
    }
}
