//! Signed-in sessions: one family of refresh tokens each.

mod authenticate;
mod cache;
mod limit;
mod list_sessions;
mod lockout;
mod login_attempt;
mod login_history;
mod own_password;
mod refresh;
mod revoke_session;
mod sign_in;
mod sign_out;

use chrono::{DateTime, Utc};

pub use authenticate::{AuthenticateError, Me};
pub use limit::TooManySessions;
pub use list_sessions::ListSessionsError;
pub use lockout::{AccountLocked, is_lock};
pub use login_attempt::{LoginAttempt, LoginFailure};
pub use login_history::{ListLoginHistoryError, ListLoginHistoryOfError, LoginHistoryPage};
pub use own_password::OwnPasswordError;
pub use refresh::RefreshError;
pub(crate) use revoke_session::decide as decide_revocation;
pub use revoke_session::{RevokeOtherSessionsError, RevokeSessionError};
pub use sign_in::{SignIn, SignInError, SignInName};
pub use sign_out::SignOutError;

use crate::{
    caller::Origin,
    id::{SessionId, UserId},
    value::Secret,
};

/// A signed-in session. Its refresh tokens carry its id and a generation; only the newest generation is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Which.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The generation of the newest refresh token, 1 for the first.
    pub generation: u64,
    /// When it was signed in.
    pub created_at: DateTime<Utc>,
    /// When that generation was issued.
    pub rotated_at: DateTime<Utc>,
    /// When it was last used.
    pub last_seen_at: DateTime<Utc>,
    /// When it ends, unless it is refreshed before.
    pub expires_at: DateTime<Utc>,
    /// When it ends however much it is used.
    pub ends_at: DateTime<Utc>,
    /// Where it was signed in or last refreshed from.
    pub origin: Origin,
}

impl Session {
    /// Whether it may still be used.
    pub fn is_live(&self, now: DateTime<Utc>) -> bool {
        now < self.expires_at
    }
}

/// A pair of tokens for a session.
#[derive(Clone, Debug)]
pub struct IssuedTokens {
    /// For every request.
    pub access: Secret,
    /// How long the access token is good.
    pub access_expires_in: std::time::Duration,
    /// For the next pair.
    pub refresh: Secret,
    /// How long the refresh token is good.
    pub refresh_expires_in: std::time::Duration,
    /// The session.
    pub session: SessionId,
}
