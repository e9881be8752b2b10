use std::num::NonZeroU64;

use serde_json::Value;
use thiserror::Error;

use super::{
    LoadedStream, RejectedSnapshot, Sight, Snapshot, StreamEvent,
    load::SNAPSHOTS,
    snapshot,
    write::{Found, from_find_error},
};
use crate::{
    audit::Accessed,
    caller::{Caller, Origin, PermissionDenied},
    commit::{Commit, CommitError, RowChange},
    event::Event,
    id::StreamId,
    identity::{Act, Identity, Tries},
    port::StoreError,
};

/// A snapshot as its reader is shown it.
#[derive(Clone, Debug, PartialEq)]
pub struct ShownSnapshot {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// The state, as much of it as is for the reader.
    pub state: Value,
    /// Snapshots that were not believed on the way: to be reported.
    pub rejected: Vec<RejectedSnapshot>,
}

/// Why no snapshot was taken.
#[derive(Debug, Error)]
pub enum TakeSnapshotError {
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The caller may see the stream, and not write on it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Whom it is of was erased.
    #[error("the stream is not active")]
    Inactive,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_find_error! { TakeSnapshotError }

/// A snapshot that was taken, and what it holds.
struct Taken {
    snapshot: Snapshot,
    loaded: LoadedStream,
}

impl Identity {
    /// Takes a snapshot of a stream as it is now.
    pub async fn take_snapshot(
        &self,
        caller: &Caller,
        stream: StreamId,
        origin: &Origin,
    ) -> Result<ShownSnapshot, TakeSnapshotError> {
        let mut tries = Tries::many();
        loop {
            let (reached, found) = self.find_to_write(caller, stream).await?;
            if found.subject.is_none() {
                return Err(TakeSnapshotError::Inactive);
            }
            let act = self.act_of(caller, origin, self.now()).await?;
            match self.try_snapshot(&found, &act).await {
                Ok(Some(Taken { snapshot, loaded })) => {
                    if reached.is_look_at_another() {
                        self.note_accesses(caller, [stream], Accessed::Stream).await?;
                    }
                    let state = loaded.fold.shown(reached.sight);
                    return Ok(ShownSnapshot { snapshot, state, rejected: loaded.rejected });
                }
                Ok(None) => tries.again(moved(&found))?,
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// Takes a snapshot where an event has brought a stream to a multiple of `every`, unless one was taken since. What was not believed on the way
    /// is returned, to be reported. For whoever follows the log.
    pub async fn take_due_snapshot(
        &self,
        event: &Event,
        every: NonZeroU64,
    ) -> Result<Vec<RejectedSnapshot>, StoreError> {
        let is_due = event.version.is_multiple_of(every.get())
            && event.event.event_type.as_str() != StreamEvent::SNAPSHOT_TAKEN;
        if !is_due {
            return Ok(Vec::new());
        }
        let mut tries = Tries::many();
        loop {
            let Some(head) = self.ports().events.head(event.stream).await? else { return Ok(Vec::new()) };
            let found = self.find_stream(head).await?;
            let is_taken = found.state.last_snapshot.is_some_and(|last| last >= event.version);
            if is_taken || found.subject.is_none() {
                return Ok(Vec::new());
            }
            let origin = Origin::default();
            match self.try_snapshot(&found, &Act::system(&origin, self.now())).await {
                Ok(Some(taken)) => return Ok(taken.loaded.rejected),
                Ok(None) => tries.again(moved(&found))?,
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// `None` where the stream has moved since it was found.
    async fn try_snapshot(&self, found: &Found, act: &Act<'_>) -> Result<Option<Taken>, CommitError> {
        let Some(subject) = &found.subject else { return Ok(None) };
        if subject.version() != found.head.version {
            return Ok(None);
        }
        let key = self.key_of_subject(subject).await?;
        let loaded = self.load_stream(&found.head, Some(&key)).await?;
        let entropy = self.ports().entropy.as_ref();
        let sealed =
            snapshot::seal(self.new_id(act.now), &loaded.fold, &found.head.hash, &key, entropy, act.now);
        let (snapshot, taken) =
            sealed.ok_or_else(|| StoreError::corrupt("events that do not add up to what their row says"))?;
        // As many are kept as are looked at.
        let kept = self.ports().streams.list_snapshots(found.head.stream, SNAPSHOTS - 1).await?;
        let mut commit = Commit::default();
        if let Some(oldest) = kept.get(SNAPSHOTS - 2) {
            commit.rows.push(RowChange::DeleteSnapshotsBelow(found.head.stream, oldest.version));
        }
        commit.rows.push(RowChange::PutSnapshot(snapshot.clone()));
        let events = [StreamEvent::SnapshotTaken(taken)];
        self.commit_on_stream(commit, subject, &key, act, &found.state, &events).await?;
        Ok(Some(Taken { snapshot, loaded }))
    }
}

/// That a stream is not where it was found.
fn moved(found: &Found) -> CommitError {
    let Found { head, .. } = found;
    CommitError::Conflict { stream: head.stream, expected: head.version, actual: found.version() }
}

impl super::Fold {
    /// The state as JSON, as much of it as is for a reader.
    pub(super) fn shown(&self, sight: Sight) -> Value {
        let mut state = self.to_json().unwrap_or_default();
        if let Some(profile) = state.pointer_mut("/subject/user/profile").and_then(Value::as_object_mut) {
            profile.retain(|field, _| sight.opens(field));
        }
        // How often a lock was lifted is the lock's own business.
        if let Some(user) = state.pointer_mut("/subject/user").and_then(Value::as_object_mut) {
            user.remove("unlocks");
        }
        state
    }
}
