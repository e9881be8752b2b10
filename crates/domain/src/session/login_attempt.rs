use chrono::{DateTime, Utc};

use crate::{
    caller::{Origin, named},
    id::{LoginAttemptId, UserId},
};

named! {
    /// Why an attempt to sign in failed.
    LoginFailure {
        /// The password was wrong.
        InvalidPassword = "invalid_password",
        /// The password was right, and the account is deactivated.
        AccountDisabled = "account_disabled",
        /// The password was right, and the address is not verified.
        EmailNotVerified = "email_not_verified",
        /// Too many failures before it.
        AccountLocked = "account_locked",
        /// The account has as many sessions as it may.
        TooManySessions = "too_many_sessions",
    }
}

/// An attempt to sign in to an account: a line of its login history. Failed ones are no events, lest a stranger grow a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginAttempt {
    /// Which; ids are in the order of time.
    pub id: LoginAttemptId,
    /// To whose account.
    pub user: UserId,
    /// When.
    pub at: DateTime<Utc>,
    /// From where. Personal data.
    pub origin: Origin,
    /// Why it failed; `None` when it did not.
    pub failure: Option<LoginFailure>,
}
