use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{CODE_ATTEMPTS, OneTimeCode, Purpose, reset_token};
use crate::{
    api_key::{ApiKey, ApiKeyEnd, Principal, decide_end_of_all},
    caller::Origin,
    commit::RowChange,
    id::{OneTimeCodeId, SessionId, UserId},
    identity::{Act, Decision, Identity, Tries},
    port::{HashError, StoreError},
    user::{Credential, PasswordChange, User, UserEvent},
    value::{Password, Secret, Violations},
};

/// What a person sends to choose a new password.
#[derive(Debug)]
pub struct ResetPassword {
    /// The token from the mail.
    pub token: Secret,
    /// The new password.
    pub new_password: Password,
}

/// Why no new password was set.
#[derive(Debug, Error)]
pub enum ResetPasswordError {
    /// Wrong, used, expired or tried too often; which, is not said.
    #[error("the token is wrong or expired")]
    CodeInvalid,
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

/// Decides a reset whose token was right. Whoever has it reads the address's mail: the address is theirs. Whoever was in before may
/// be somebody else: nothing of before is good any more, neither sessions nor API keys nor codes that wait.
pub(crate) fn decide(
    user: &User,
    code: &OneTimeCode,
    credential: Credential,
    keys: &[ApiKey],
    now: DateTime<Utc>,
) -> Result<Decision, ResetPasswordError> {
    if !user.is_active || code.expires_at <= now {
        return Err(ResetPasswordError::CodeInvalid);
    }
    let verified = (!user.is_verified).then_some(UserEvent::EmailVerified);
    let changed = UserEvent::PasswordChanged { way: PasswordChange::Reset };
    let ended = decide_end_of_all(keys, ApiKeyEnd::PasswordReset);
    Ok(Decision {
        events: verified.into_iter().chain([changed]).chain(ended.events).collect(),
        rows: [
            RowChange::PutCredential(credential),
            RowChange::DeleteSessionsOf(user.id),
            RowChange::DeleteOneTimeCodesOf(user.id, Purpose::ResetPassword),
            RowChange::DeleteOneTimeCodesOf(user.id, Purpose::VerifyEmail),
        ]
        .into_iter()
        .chain(ended.rows)
        .collect(),
    })
}

impl Identity {
    /// Sets a new password with the token that was mailed, and ends everything that was signed in with the old one.
    pub async fn reset_password(
        &self,
        command: ResetPassword,
        origin: &Origin,
    ) -> Result<(), ResetPasswordError> {
        let (user_id, code_id) =
            super::reset_token::read(&command.token).ok_or(ResetPasswordError::CodeInvalid)?;
        let user = self.ports().users.find(user_id).await?.ok_or(ResetPasswordError::CodeInvalid)?;
        let code = self.reset_code(user_id, code_id).await?;
        let key = self.data_key_of(&user).await?;
        if reset_token(&key, user_id, code_id) != command.token {
            // Only wrong ones are counted, so that a password that breaks a rule does not cost a token.
            self.ports().one_time_codes.take_attempt(code_id, CODE_ATTEMPTS).await?;
            return Err(ResetPasswordError::CodeInvalid);
        }
        // Before anything is hashed: what is expired costs nothing.
        if code.expires_at <= self.now() {
            return Err(ResetPasswordError::CodeInvalid);
        }
        user.check_new_password("new_password", &command.new_password)?;
        let hash = self.ports().password_hasher.hash(&command.new_password).await?;
        let mut tries = Tries::many();
        let mut judged = None;
        loop {
            // Read again each time: whoever came first has used the token up.
            let user = self.ports().users.find(user_id).await?.ok_or(ResetPasswordError::CodeInvalid)?;
            let code = self.reset_code(user_id, code_id).await?;
            let credential = self.ports().credentials.find(user_id).await?;
            if let Some(credential) = &credential
                && judged != Some(credential.changed_at)
            {
                if self.is_reused(credential, &command.new_password).await? {
                    return Err(ResetPasswordError::Reused);
                }
                judged = Some(credential.changed_at);
            }
            let now = self.now();
            let ended = self.session_ids(user_id).await?;
            // People who were imported without a hash have no credential before this one.
            let next = credential.as_ref().map_or_else(
                || Credential { user: user_id, password: hash.clone(), changed_at: now, history: Vec::new() },
                |credential| self.replaced(credential, hash.clone(), now),
            );
            let keys = self.ports().api_keys.list_by_owner(Principal::User(user_id)).await?;
            let decision = decide(&user, &code, next, &keys, now)?;
            let act = Act::own(user_id, origin, now);
            match self.record(user_id, Some(&user), &key, &act, decision).await {
                Ok(_) => {
                    self.forget_ended(&ended).await;
                    return Ok(());
                }
                Err(error) => tries.again(error)?,
            }
        }
    }

    /// The code that a token names, where it waits still and has not been tried too often.
    async fn reset_code(&self, user: UserId, code: OneTimeCodeId) -> Result<OneTimeCode, ResetPasswordError> {
        let found = self.ports().one_time_codes.find(user, Purpose::ResetPassword).await?;
        let found = found.filter(|found| found.id == code && found.attempts < CODE_ATTEMPTS);
        found.ok_or(ResetPasswordError::CodeInvalid)
    }

    async fn session_ids(&self, user: UserId) -> Result<Vec<SessionId>, StoreError> {
        let sessions = self.ports().sessions.list_by_user(user).await?;
        Ok(sessions.into_iter().map(|session| session.id).collect())
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

    fn decide_at(user: &User, seconds: i64) -> Result<Decision, ResetPasswordError> {
        let start = DateTime::UNIX_EPOCH;
        let id = OneTimeCodeId::new(Uuid::from_u128(2));
        let code = OneTimeCode::new(id, user.id, Purpose::ResetPassword, start);
        let now = start + chrono::TimeDelta::seconds(seconds);
        let password = PasswordHash::new("$new");
        decide(
            user,
            &code,
            Credential { user: user.id, password, changed_at: now, history: Vec::new() },
            &[],
            now,
        )
    }

    const CHANGED: UserEvent = UserEvent::PasswordChanged { way: PasswordChange::Reset };

    #[test]
    fn a_reset_ends_every_session_and_voids_every_code() {
        let rows =
            given([created(), UserEvent::EmailVerified]).when(|user| decide_at(user, 0)).then([CHANGED]);
        let user = given([created()]).user().id;
        assert!(
            matches!(&rows[0], RowChange::PutCredential(credential) if credential.password.expose() == "$new")
        );
        assert_eq!(
            rows[1..],
            [
                RowChange::DeleteSessionsOf(user),
                RowChange::DeleteOneTimeCodesOf(user, Purpose::ResetPassword),
                RowChange::DeleteOneTimeCodesOf(user, Purpose::VerifyEmail),
            ]
        );
    }

    #[test]
    fn whoever_resets_a_password_has_shown_that_the_address_is_theirs() {
        given([created()]).when(|user| decide_at(user, 0)).then([UserEvent::EmailVerified, CHANGED]);
    }

    #[test]
    fn a_token_is_good_for_fifteen_minutes() {
        given([created(), UserEvent::EmailVerified]).when(|user| decide_at(user, 899)).then([CHANGED]);
        let refused = given([created()]).when(|user| decide_at(user, 900)).then_refused();
        assert!(matches!(refused, ResetPasswordError::CodeInvalid));
    }

    #[test]
    fn a_deactivated_account_is_given_no_new_password() {
        let refused =
            given([created(), UserEvent::Deactivated]).when(|user| decide_at(user, 0)).then_refused();
        assert!(matches!(refused, ResetPasswordError::CodeInvalid));
    }
}
