//! Proof that a mail address is a person's own: a six-digit code sent to it, or a token where the password was forgotten.

mod forgot_password;
mod language;
mod resend;
mod reset_password;
mod reset_token;
mod verify_email;

use std::time::Duration;

use chrono::{DateTime, Utc};

pub use forgot_password::ForgotPasswordError;
pub use language::last_language;
pub use resend::ResendVerificationError;
pub use reset_password::{ResetPassword, ResetPasswordError};
pub use reset_token::reset_token;
pub use verify_email::{VerifyEmail, VerifyEmailError};

use crate::{
    id::{OneTimeCodeId, UserId},
    seal::DataKey,
    user::UserEvent,
    value::{Email, Language, Secret},
};

/// How long a verification code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How long a token for a new password is good.
pub const RESET_LIFETIME: Duration = Duration::from_secs(15 * 60);
/// How often a code may be tried: five guesses at one in a million.
pub const CODE_ATTEMPTS: u32 = 5;
/// No other code is mailed for so long: whoever asks over and over fills nobody's mailbox.
const PAUSE: Duration = Duration::from_secs(60);

const CONTEXT: &str = "portcullis one-time code v1";
const DIGITS: u64 = 1_000_000;

/// A one-time code that was sent, without the code: that is derived from the person's data key when it is mailed and when
/// it is checked, so that neither the log nor a row can give it away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneTimeCode {
    /// Which; random, so that each code is another one.
    pub id: OneTimeCodeId,
    /// Whose.
    pub user: UserId,
    /// What for.
    pub purpose: Purpose,
    /// How often it has been tried.
    pub attempts: u32,
    /// Until when it is good.
    pub expires_at: DateTime<Utc>,
}

/// What a one-time code proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// That the address is the person's own.
    VerifyEmail,
    /// That whoever forgot the password reads the address's mail.
    ResetPassword,
}

impl OneTimeCode {
    /// A new code.
    pub(crate) fn new(id: OneTimeCodeId, user: UserId, purpose: Purpose, now: DateTime<Utc>) -> Self {
        Self { id, user, purpose, attempts: 0, expires_at: now + purpose.lifetime() }
    }

    /// Whether it was only just mailed.
    fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at - self.purpose.lifetime() + PAUSE
    }
}

/// The event that has a code mailed.
pub(crate) fn requested(code: &OneTimeCode, email: &Email, language: Language) -> UserEvent {
    UserEvent::VerificationRequested {
        code_id: code.id,
        expires_at: code.expires_at,
        language,
        email: Some(email.clone()),
    }
}

impl Purpose {
    /// The purpose as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::ResetPassword => "reset_password",
        }
    }

    const fn lifetime(self) -> Duration {
        match self {
            Self::VerifyEmail => CODE_LIFETIME,
            Self::ResetPassword => RESET_LIFETIME,
        }
    }

    /// Reads a stored purpose.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::VerifyEmail, Self::ResetPassword].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// The six digits that go into the mail.
pub fn code_digits(key: &DataKey, code: OneTimeCodeId) -> Secret {
    let derived = key.derive(CONTEXT, code.as_uuid().as_bytes());
    // All 256 bits as one number, modulo a million: uneven by less than one in 10^70.
    let number = derived.iter().fold(0, |number, byte| (number * 256 + u64::from(*byte)) % DIGITS);
    Secret::new(format!("{number:06}"))
}
