use chrono::{DateTime, Utc};
use thiserror::Error;

use super::{CODE_ATTEMPTS, OneTimeCode, Purpose, code_digits};
use crate::{
    caller::Origin,
    commit::RowChange,
    identity::{Act, Decision, Identity, Tries},
    port::StoreError,
    user::{User, UserEvent},
    value::{Email, Secret},
};

/// What a person sends to prove their address.
#[derive(Debug)]
pub struct VerifyEmail {
    /// The address, as text.
    pub email: String,
    /// The code from the mail.
    pub code: Secret,
}

/// Why an address was not verified.
#[derive(Debug, Error)]
pub enum VerifyEmailError {
    /// Wrong, used, expired, tried too often, or for an address without an account; which, is not said.
    #[error("the code is wrong or expired")]
    CodeInvalid,
    /// Right, and expired. Whoever asks is told no more than of one that is wrong.
    #[error("the code has expired")]
    CodeExpired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides a verification whose code was right.
pub(crate) fn decide(
    user: &User,
    code: &OneTimeCode,
    now: DateTime<Utc>,
) -> Result<Decision, VerifyEmailError> {
    if user.is_verified {
        return Err(VerifyEmailError::CodeInvalid);
    }
    if code.expires_at <= now {
        return Err(VerifyEmailError::CodeExpired);
    }
    Ok(Decision {
        events: vec![UserEvent::EmailVerified],
        rows: vec![RowChange::DeleteOneTimeCodesOf(user.id, Purpose::VerifyEmail)],
    })
}

impl Identity {
    /// Verifies an address with the code that was mailed to it.
    pub async fn verify_email(&self, command: VerifyEmail, origin: &Origin) -> Result<(), VerifyEmailError> {
        let email = Email::parse(&command.email).map_err(|_| VerifyEmailError::CodeInvalid)?;
        let user = self.ports().users.find_by_email(&email).await?.ok_or(VerifyEmailError::CodeInvalid)?;
        let codes = &self.ports().one_time_codes;
        let code = codes.find(user.id, Purpose::VerifyEmail).await?.ok_or(VerifyEmailError::CodeInvalid)?;
        // Counted before it is compared: guesses that race are all counted.
        if !codes.take_attempt(code.id, CODE_ATTEMPTS).await? {
            return Err(VerifyEmailError::CodeInvalid);
        }
        let key = self.data_key_of(&user).await?;
        if code_digits(&key, code.id) != command.code {
            return Err(VerifyEmailError::CodeInvalid);
        }
        let mut tries = Tries::few();
        loop {
            let user = self.ports().users.find(user.id).await?.ok_or(VerifyEmailError::CodeInvalid)?;
            let now = self.now();
            let decision = decide(&user, &code, now)?;
            let act = Act::own(user.id, origin, now);
            match self.record(user.id, Some(&user), &key, &act, decision).await {
                Ok(_) => return Ok(()),
                Err(error) => tries.again(error)?,
            }
        }
    }
}
