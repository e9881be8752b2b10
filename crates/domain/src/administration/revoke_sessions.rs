use thiserror::Error;

use super::Found;
use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied},
    id::UserId,
    identity::Identity,
    port::StoreError,
    session::decide_revocation,
    user::SessionEnd,
};

/// Why somebody's sessions were not ended.
#[derive(Debug, Error)]
pub enum RevokeSessionsOfError {
    /// The caller may not do it.
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
    /// Ends all of somebody's sessions.
    pub async fn revoke_sessions_of(
        &self,
        caller: &Caller,
        id: UserId,
        origin: &Origin,
    ) -> Result<(), RevokeSessionsOfError> {
        caller.require(Permission::UserUpdate)?;
        let decide = |found: &Found| {
            let decision = decide_revocation(&found.sessions, self.now(), SessionEnd::Administrator);
            Ok::<_, RevokeSessionsOfError>(decision)
        };
        let done = self.administer((caller, origin), id, None, decide).await?;
        self.forget_ended(&done.ok_or(RevokeSessionsOfError::NotFound)?.sessions).await;
        Ok(())
    }
}
