use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{OneTimeCode, Purpose};
use crate::{
    caller::Origin,
    commit::RowChange,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::{User, UserEvent},
    value::{Email, Language},
};

/// Why no way to a new password could be sent. That there is nobody to send one to is no error: nobody is told.
#[derive(Debug, Error)]
pub enum ForgotPasswordError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides whether a token is sent: to an active account, verified or not, and not while one was only just sent.
pub(crate) fn decide(
    user: &User,
    newest: Option<&OneTimeCode>,
    code: OneTimeCode,
    language: Language,
    now: DateTime<Utc>,
) -> Option<Decision> {
    if !user.is_active || newest.is_some_and(|newest| newest.is_fresh(now)) {
        return None;
    }
    let requested = UserEvent::PasswordResetRequested {
        code_id: code.id,
        expires_at: code.expires_at,
        language,
        email: Some(user.profile.email.clone()),
    };
    Some(Decision {
        events: vec![requested],
        rows: vec![RowChange::DeleteOneTimeCodesOf(user.id, code.purpose), RowChange::PutOneTimeCode(code)],
    })
}

impl Identity {
    /// Has a token mailed to an address with which its owner chooses a new password; the tokens before it are void. Whatever the
    /// address, the answer is the same; whoever answers sees to it that it takes the same time. Without a language, in that of the mail
    /// before it.
    pub async fn forgot_password(
        &self,
        email: &str,
        language: Option<Language>,
        origin: &Origin,
    ) -> Result<(), ForgotPasswordError> {
        let Ok(email) = Email::parse(email) else { return Ok(()) };
        let mut tries = Tries::many();
        loop {
            let Some(user) = self.ports().users.find_by_email(&email).await? else { return Ok(()) };
            let newest = self.ports().one_time_codes.find(user.id, Purpose::ResetPassword).await?;
            let language = self.language_to(&user, language).await?;
            let now = self.now();
            let code = OneTimeCode::new(self.new_id(now), user.id, Purpose::ResetPassword, now);
            let Some(decision) = decide(&user, newest.as_ref(), code, language, now) else { return Ok(()) };
            let key = self.data_key_of(&user).await?;
            // Anybody may have asked, and nobody has shown who they are.
            let act = Act::system(origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => return Ok(()),
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
        id::OneTimeCodeId,
        testing::{created, given},
    };

    fn decided(user: &User, seconds: i64) -> Option<Decision> {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let code = |number, at| {
            OneTimeCode::new(OneTimeCodeId::new(Uuid::from_u128(number)), user.id, Purpose::ResetPassword, at)
        };
        decide(user, Some(&code(1, DateTime::UNIX_EPOCH)), code(2, now), Language::Ru, now)
    }

    #[test]
    fn a_token_is_sent_for_fifteen_minutes_whether_the_address_is_verified_or_not() {
        let pending = given([created()]).user();
        let verified = given([created(), UserEvent::EmailVerified]).user();
        for user in [pending, verified] {
            let decision = decided(&user, 60).expect("a token is sent");
            let [UserEvent::PasswordResetRequested { expires_at, language, .. }] = &decision.events[..]
            else {
                panic!("{decision:?}")
            };
            assert_eq!(*language, Language::Ru);
            assert_eq!(expires_at.timestamp(), 60 + 15 * 60);
            assert!(matches!(
                &decision.rows[..],
                [RowChange::DeleteOneTimeCodesOf(_, Purpose::ResetPassword), RowChange::PutOneTimeCode(_)]
            ));
        }
    }

    #[test]
    fn no_token_is_sent_while_one_was_only_just_sent() {
        let user = given([created()]).user();
        assert_eq!(decided(&user, 59), None);
    }

    #[test]
    fn nobody_is_sent_a_token_whose_account_is_deactivated() {
        let user = given([created(), UserEvent::Deactivated]).user();
        assert_eq!(decided(&user, 3_600), None);
    }
}
