use thiserror::Error;

use crate::{
    caller::{Caller, Origin, Permission, PermissionDenied},
    id::UserId,
    identity::Identity,
    user::{Account, ProfileUpdate, UpdateProfileError},
};

/// Why an account's profile was not changed.
#[derive(Debug, Error)]
pub enum UpdateUserError {
    /// The caller may not change it.
    #[error(transparent)]
    Denied(#[from] PermissionDenied),
    /// For a reason for which nobody's profile is changed.
    #[error(transparent)]
    Update(#[from] UpdateProfileError),
}

impl Identity {
    /// Changes anybody's profile; what the change does not name stays.
    pub async fn update_user(
        &self,
        caller: &Caller,
        id: UserId,
        update: &ProfileUpdate,
        origin: &Origin,
    ) -> Result<Account, UpdateUserError> {
        caller.require(Permission::UserUpdate)?;
        Ok(self.change_profile(caller, id, update, origin).await?)
    }
}
