use thiserror::Error;

use super::{
    Metadata, StreamEvent, StreamStatus,
    write::{Found, from_find_error},
};
use crate::{
    caller::{Caller, Origin, PermissionDenied},
    commit::{Commit, CommitError},
    event::{EventData, Version},
    id::StreamId,
    identity::{Identity, Tries},
    port::StoreError,
    value::Violations,
};

/// How long the JSON of metadata may be: the event of a change holds what they were and what they are.
pub const MAX_METADATA: usize = 16 * 1024;

/// What is to be noted about a stream.
#[derive(Clone, Debug)]
pub struct SetMetadata {
    stream: StreamId,
    metadata: Metadata,
    expected: Option<Version>,
}

/// Why nothing was noted.
#[derive(Debug, Error)]
pub enum SetMetadataError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The caller may see the stream, and not write on it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// Clients write no more on it.
    #[error("the stream is not active")]
    Inactive,
    /// It is not at the version that the client expected.
    #[error("the stream is at version {actual}, not {expected}")]
    VersionConflict {
        /// What the client expected.
        expected: Version,
        /// What it is.
        actual: Version,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_find_error! { SetMetadataError }

impl SetMetadata {
    /// Checks what a client sent.
    pub fn parse(
        stream: StreamId,
        metadata: Metadata,
        expected: Option<Version>,
    ) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        if EventData::of(&metadata).as_str().len() > MAX_METADATA {
            violations.field("metadata").refuse(format_args!("must be at most {MAX_METADATA} bytes of JSON"));
        }
        violations.into_result(Some(Self { stream, metadata, expected }))
    }
}

/// Decides a change of metadata; nothing happens where they are so already.
fn decide(found: &Found, command: &SetMetadata) -> Result<Option<StreamEvent>, SetMetadataError> {
    if !found.is_active() {
        return Err(SetMetadataError::Inactive);
    }
    let actual = found.version();
    if let Some(expected) = command.expected.filter(|expected| *expected != actual) {
        return Err(SetMetadataError::VersionConflict { expected, actual });
    }
    let (before, after) = (found.state.metadata.clone(), command.metadata.clone());
    Ok((before != after).then_some(StreamEvent::MetadataUpdated { before, after }))
}

impl Identity {
    /// Replaces what is noted about a stream.
    pub async fn set_metadata(
        &self,
        caller: &Caller,
        command: &SetMetadata,
        origin: &Origin,
    ) -> Result<StreamStatus, SetMetadataError> {
        let mut tries = Tries::many();
        loop {
            let (_, found) = self.find_to_write(caller, command.stream).await?;
            let event = decide(&found, command)?;
            let (Some(event), Some(subject)) = (event, &found.subject) else {
                return Ok(self.status_at(found.head).await?);
            };
            match self.commit_as(caller, origin, subject, &found, &[event]).await {
                Ok(()) => return Ok(self.status_now(command.stream).await?),
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// Commits events of a stream itself as an act of the caller.
    pub(super) async fn commit_as(
        &self,
        caller: &Caller,
        origin: &Origin,
        subject: &super::Subject,
        found: &Found,
        events: &[StreamEvent],
    ) -> Result<(), CommitError> {
        let key = self.key_of_subject(subject).await?;
        let act = self.act_of(caller, origin, self.now()).await?;
        self.commit_on_stream(Commit::default(), subject, &key, &act, &found.state, events).await.map(drop)
    }
}
