use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{OneTimeCode, Purpose, requested};
use crate::{
    caller::Origin,
    commit::RowChange,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::User,
    value::{Email, Language},
};

/// Why a code could not be sent again. That there was none to send is no error: nobody is told.
#[derive(Debug, Error)]
pub enum ResendVerificationError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides whether another code is sent: to an active account that has shown nothing yet, and not while one was only just sent.
pub(crate) fn decide(
    user: &User,
    newest: Option<&OneTimeCode>,
    code: OneTimeCode,
    language: Language,
    now: DateTime<Utc>,
) -> Option<Decision> {
    if user.is_verified || !user.is_active || newest.is_some_and(|newest| newest.is_fresh(now)) {
        return None;
    }
    Some(Decision {
        events: vec![requested(&code, &user.profile.email, language)],
        rows: vec![RowChange::DeleteOneTimeCodesOf(user.id, code.purpose), RowChange::PutOneTimeCode(code)],
    })
}

impl Identity {
    /// Has another code mailed to an address that waits for its proof; the codes before it are void. Whatever the address, the
    /// answer is the same; whoever answers sees to it that it takes the same time. Without a language, in that of the mail before it.
    pub async fn resend_verification(
        &self,
        email: &str,
        language: Option<Language>,
        origin: &Origin,
    ) -> Result<(), ResendVerificationError> {
        let Ok(email) = Email::parse(email) else { return Ok(()) };
        let mut tries = Tries::many();
        loop {
            let Some(user) = self.ports().users.find_by_email(&email).await? else { return Ok(()) };
            let newest = self.ports().one_time_codes.find(user.id, Purpose::VerifyEmail).await?;
            let language = self.language_to(&user, language).await?;
            let now = self.now();
            let code = OneTimeCode::new(self.new_id(now), user.id, Purpose::VerifyEmail, now);
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
        user::UserEvent,
    };

    fn code(user: &User, number: u128, at: DateTime<Utc>) -> OneTimeCode {
        OneTimeCode::new(OneTimeCodeId::new(Uuid::from_u128(number)), user.id, Purpose::VerifyEmail, at)
    }

    fn decided(user: &User, seconds: i64) -> Option<Decision> {
        let now = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(seconds);
        let newest = code(user, 1, DateTime::UNIX_EPOCH);
        decide(user, Some(&newest), code(user, 2, now), Language::Ko, now)
    }

    #[test]
    fn another_code_takes_the_place_of_those_before() {
        let user = given([created()]).user();
        let decision = decided(&user, 60).expect("a code is sent");
        let [UserEvent::VerificationRequested { code_id, language, email, .. }] = &decision.events[..] else {
            panic!("{decision:?}")
        };
        assert_eq!((*code_id, *language), (OneTimeCodeId::new(Uuid::from_u128(2)), Language::Ko));
        assert_eq!(email.as_ref(), Some(&user.profile.email));
        let [RowChange::DeleteOneTimeCodesOf(..), RowChange::PutOneTimeCode(put)] = &decision.rows[..] else {
            panic!("{decision:?}")
        };
        assert_eq!((put.id, put.attempts), (*code_id, 0));
    }

    #[test]
    fn no_code_is_sent_while_one_was_only_just_sent() {
        let user = given([created()]).user();
        assert_eq!(decided(&user, 0), None);
        assert_eq!(decided(&user, 59), None);
    }

    #[test]
    fn nobody_is_sent_a_code_who_needs_none() {
        let verified = given([created(), UserEvent::EmailVerified]).user();
        let disabled = given([created(), UserEvent::Deactivated]).user();
        for user in [verified, disabled] {
            assert_eq!(decided(&user, 3_600), None);
        }
    }
}
