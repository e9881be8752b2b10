use thiserror::Error;

use super::lockout::{AccountLocked, GuessError};
use crate::{
    caller::Origin,
    identity::Identity,
    port::{HashError, StoreError, Verdict},
    user::{Credential, User},
    value::Password,
};

/// Why the password that somebody gave again was not accepted.
#[derive(Debug, Error)]
pub enum OwnPasswordError {
    /// It is wrong.
    #[error("the password is wrong")]
    Wrong,
    /// Too many were wrong before it.
    #[error(transparent)]
    Locked(#[from] AccountLocked),
    /// It could not be checked.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<GuessError> for OwnPasswordError {
    fn from(error: GuessError) -> Self {
        match error {
            GuessError::Locked(locked) => locked.into(),
            GuessError::Hash(error) => error.into(),
            GuessError::Store(error) => error.into(),
        }
    }
}

impl Identity {
    /// Checks the password that somebody who is signed in gives again, for an act that asks for it; returns the credential that it
    /// was right for. Wrong ones count with those of sign-ins: a stolen token is no way to guess on.
    pub async fn check_own_password(
        &self,
        user: &User,
        password: &Password,
        origin: &Origin,
    ) -> Result<Credential, OwnPasswordError> {
        let lockout = self.lockout_of(user, origin);
        let credential = self.ports().credentials.find(user.id).await?;
        let verdict = self.guess(&lockout, Some(user.id), credential.as_ref(), password).await?;
        match (verdict, credential) {
            (Verdict::Match | Verdict::MatchOutdated, Some(credential)) => Ok(credential),
            _ => Err(OwnPasswordError::Wrong),
        }
    }
}
