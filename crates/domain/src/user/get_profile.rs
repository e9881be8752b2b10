use thiserror::Error;

use super::Account;
use crate::{caller::Caller, identity::Identity, port::StoreError};

/// Why there is no profile to show.
#[derive(Debug, Error)]
pub enum GetProfileError {
    /// There is no such account (any more).
    #[error("no such user")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Identity {
    /// The caller's own account.
    pub async fn get_profile(&self, caller: &Caller) -> Result<Account, GetProfileError> {
        let user = self.ports().users.find(caller.user).await?.ok_or(GetProfileError::NotFound)?;
        Ok(self.account_of(user).await?)
    }
}
