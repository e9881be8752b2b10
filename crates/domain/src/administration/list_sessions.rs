use thiserror::Error;

use crate::{
    audit::Accessed,
    caller::{Caller, Permission, PermissionDenied},
    id::UserId,
    identity::Identity,
    port::StoreError,
    session::Session,
};

/// Why somebody's sessions were not listed.
#[derive(Debug, Error)]
pub enum ListSessionsOfError {
    /// The caller may not see them.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// There is no such account.
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// Anybody's live sessions, newest first.
    pub async fn list_sessions_of(
        &self,
        caller: &Caller,
        id: UserId,
    ) -> Result<Vec<Session>, ListSessionsOfError> {
        caller.require(Permission::UserRead)?;
        let user = self.ports().users.find(id).await?.ok_or(ListSessionsOfError::NotFound)?;
        let sessions = self.live_sessions(id).await?;
        self.note_accesses(caller, [user.stream()], Accessed::Sessions).await?;
        Ok(sessions)
    }
}
