use thiserror::Error;

use crate::{
    audit::Accessed,
    caller::{Caller, Permission, PermissionDenied},
    id::UserId,
    identity::Identity,
    port::StoreError,
    user::Account,
};

/// Why an account was not shown.
#[derive(Debug, Error)]
pub enum GetUserError {
    /// The caller may not see it.
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
    /// Anybody's account.
    pub async fn get_user(&self, caller: &Caller, id: UserId) -> Result<Account, GetUserError> {
        caller.require(Permission::UserRead)?;
        let user = self.ports().users.find(id).await?.ok_or(GetUserError::NotFound)?;
        self.note_accesses(caller, [user.stream()], Accessed::Profile).await?;
        Ok(self.account_of(user).await?)
    }
}
