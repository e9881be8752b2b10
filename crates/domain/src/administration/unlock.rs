use thiserror::Error;

use crate::{
    audit::Accessed,
    caller::{Caller, Origin, Permission, PermissionDenied},
    id::UserId,
    identity::{Decision, Identity},
    port::StoreError,
    user::{Account, UserEvent},
};

/// Why an account was not unlocked.
#[derive(Debug, Error)]
pub enum UnlockError {
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

/// Decides an unlocking: failures counted so far are void, wherever they came from. Whether there were any, the account does not say.
pub(crate) fn decide() -> Decision {
    Decision { events: vec![UserEvent::Unlocked], rows: Vec::new() }
}

impl Identity {
    /// Lets somebody sign in again who was locked out for too many failures.
    pub async fn unlock(&self, caller: &Caller, id: UserId, origin: &Origin) -> Result<Account, UnlockError> {
        caller.require(Permission::UserUpdate)?;
        let done = self
            .administer((caller, origin), id, Some(Accessed::Profile), |_| Ok::<_, UnlockError>(decide()))
            .await?;
        Ok(self.account_of(done.ok_or(UnlockError::NotFound)?.user).await?)
    }
}
