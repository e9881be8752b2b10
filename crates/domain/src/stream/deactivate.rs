use thiserror::Error;

use super::{
    StreamEvent, StreamStatus,
    write::{Found, from_find_error},
};
use crate::{
    caller::{Caller, Origin, PermissionDenied},
    id::StreamId,
    identity::{Identity, Tries},
    port::StoreError,
    value::Violations,
};

/// How many characters a reason may have.
const MAX_REASON: usize = 500;

/// Which stream is to be closed for clients, and why.
#[derive(Clone, Debug)]
pub struct DeactivateStream {
    stream: StreamId,
    reason: Option<String>,
}

/// Why a stream was not deactivated.
#[derive(Debug, Error)]
pub enum DeactivateStreamError {
    /// Fields are invalid.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// There is no such stream, or none for the caller.
    #[error("no such stream")]
    NotFound,
    /// The caller may see the stream, and not write on it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

from_find_error! { DeactivateStreamError }

impl DeactivateStream {
    /// Checks what a client sent.
    pub fn parse(stream: StreamId, reason: Option<&str>) -> Result<Self, Violations> {
        let mut violations = Violations::default();
        let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
        let is_long = |reason: &str| reason.chars().count() > MAX_REASON;
        if reason.is_some_and(|reason| is_long(reason) || reason.chars().any(|c| c.is_control() && c != '\n'))
        {
            violations
                .field("reason")
                .refuse(format_args!("must be at most {MAX_REASON} characters without control characters"));
        }
        violations.into_result(Some(Self { stream, reason: reason.map(str::to_owned) }))
    }
}

/// Decides the end of what clients write; one that is at its end already is left at it.
fn decide(found: &Found, command: &DeactivateStream) -> Option<StreamEvent> {
    found.is_active().then(|| StreamEvent::Deactivated { reason: command.reason.clone() })
}

impl Identity {
    /// Lets no client write on a stream any more; the account or company lives on.
    pub async fn deactivate_stream(
        &self,
        caller: &Caller,
        command: &DeactivateStream,
        origin: &Origin,
    ) -> Result<StreamStatus, DeactivateStreamError> {
        let mut tries = Tries::many();
        loop {
            let (_, found) = self.find_to_write(caller, command.stream).await?;
            let (Some(event), Some(subject)) = (decide(&found, command), &found.subject) else {
                return Ok(self.status_at(found.head).await?);
            };
            match self.commit_as(caller, origin, subject, &found, &[event]).await {
                Ok(()) => return Ok(self.status_now(command.stream).await?),
                Err(error) => tries.again(error)?,
            }
        }
    }
}
