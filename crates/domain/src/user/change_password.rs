use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{Credential, PasswordChange, User, UserEvent};
use crate::{
    caller::{Caller, Origin},
    commit::RowChange,
    id::SessionId,
    identity::{Act, Decision, Identity, Tries},
    port::{HashError, StoreError},
    session::{AccountLocked, OwnPasswordError},
    value::{Password, Violations},
    verification::Purpose,
};

/// What a signed-in person sends to change their password.
#[derive(Debug)]
pub struct ChangePassword {
    /// The password as it is.
    pub current_password: Password,
    /// The password as it is to be.
    pub new_password: Password,
}

/// Why a password was not changed.
#[derive(Debug, Error)]
pub enum ChangePasswordError {
    /// The current password was wrong.
    #[error("the current password is wrong")]
    WrongPassword,
    /// Too many passwords were wrong before this one.
    #[error(transparent)]
    Locked(#[from] AccountLocked),
    /// The new password breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Violations),
    /// The new password is one of the last.
    #[error("the password was used before")]
    Reused,
    /// A password could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<OwnPasswordError> for ChangePasswordError {
    fn from(error: OwnPasswordError) -> Self {
        match error {
            OwnPasswordError::Wrong => Self::WrongPassword,
            OwnPasswordError::Locked(locked) => locked.into(),
            OwnPasswordError::Hash(error) => error.into(),
            OwnPasswordError::Store(error) => error.into(),
        }
    }
}

/// Decides a change: every other session ends, and a token for a new password that waits is void.
pub(crate) fn decide(user: &User, credential: Credential, others: &[SessionId]) -> Decision {
    let ended = others.iter().copied().map(RowChange::DeleteSession);
    let void = RowChange::DeleteOneTimeCodesOf(user.id, Purpose::ResetPassword);
    Decision {
        events: vec![UserEvent::PasswordChanged { way: PasswordChange::Changed }],
        rows: [RowChange::PutCredential(credential), void].into_iter().chain(ended).collect(),
    }
}

impl Identity {
    /// Changes the caller's password; every session but the caller's ends.
    pub async fn change_password(
        &self,
        caller: &Caller,
        command: ChangePassword,
        origin: &Origin,
    ) -> Result<(), ChangePasswordError> {
        let ChangePassword { current_password, new_password } = command;
        let user = self.ports().users.find(caller.user).await?.ok_or(ChangePasswordError::WrongPassword)?;
        let credential = self.check_own_password(&user, &current_password, origin).await?;
        user.check_new_password("new_password", &new_password)?;
        if self.is_reused(&credential, &new_password).await? {
            return Err(ChangePasswordError::Reused);
        }
        let hash = self.ports().password_hasher.hash(&new_password).await?;
        let mut tries = Tries::many();
        loop {
            let user =
                self.ports().users.find(caller.user).await?.ok_or(ChangePasswordError::WrongPassword)?;
            let current = self.ports().credentials.find(caller.user).await?;
            // Another change came first: the password that was checked is the current one no more.
            let current = current.filter(|current| current.changed_at == credential.changed_at);
            let current = current.ok_or(ChangePasswordError::WrongPassword)?;
            let sessions = self.ports().sessions.list_by_user(caller.user).await?;
            let others: Vec<_> =
                sessions.into_iter().map(|session| session.id).filter(|id| *id != caller.session).collect();
            let now: DateTime<Utc> = self.now();
            let decision = decide(&user, self.replaced(&current, hash.clone(), now), &others);
            let key = self.data_key_of(&user).await?;
            let act = Act::own(user.id, origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => {
                    self.forget_ended(&others).await;
                    return Ok(());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        testing::{created, given},
        value::PasswordHash,
    };

    #[test]
    fn a_change_ends_the_other_sessions_and_voids_tokens() {
        let user = given([created()]).user();
        let now = DateTime::UNIX_EPOCH;
        let credential = Credential {
            user: user.id,
            password: PasswordHash::new("$new"),
            changed_at: now,
            history: Vec::new(),
        };
        let other = SessionId::new(Uuid::from_u128(7));
        let decision = decide(&user, credential.clone(), &[other]);
        assert_eq!(decision.events, [UserEvent::PasswordChanged { way: PasswordChange::Changed }]);
        assert_eq!(
            decision.rows,
            [
                RowChange::PutCredential(credential),
                RowChange::DeleteOneTimeCodesOf(user.id, Purpose::ResetPassword),
                RowChange::DeleteSession(other),
            ]
        );
    }
}
