use std::time::Duration;

use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Session;
use crate::{
    caller::Caller,
    company::Company,
    id::{SessionId, UserId},
    identity::Identity,
    port::{AccessClaims, CachedSession, LiveSession, StoreError, TokenError},
    user::Account,
    value::Secret,
};

/// How exactly a session's last use is kept: so often at most it is written down.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

/// Why a request has no caller.
#[derive(Debug, Error)]
pub enum AuthenticateError {
    /// The token is none of ours, or its session has ended.
    #[error("the token is invalid")]
    TokenInvalid,
    /// The token was ours, and is past its time.
    #[error("the token has expired")]
    TokenExpired,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Everything about the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Me {
    /// The account.
    pub account: Account,
    /// The company that they belong to; who only asks to join one is not shown it.
    pub company: Option<Company>,
    /// The session.
    pub session: Session,
}

impl Identity {
    /// Turns an access token into a caller: the token is authentic, its session lives, its account is active. What the
    /// caller may do follows from the account's role now, whatever the token says.
    pub async fn authenticate(&self, token: &Secret) -> Result<Caller, AuthenticateError> {
        let now = self.now();
        let claims = self.verify_access(token, now).await?.map_err(|error| match error {
            TokenError::Invalid => AuthenticateError::TokenInvalid,
            TokenError::Expired => AuthenticateError::TokenExpired,
        })?;
        self.caller_of(claims.session, claims.user, now).await
    }

    /// The caller as they are now, for what goes on longer than a request: their session lives still, their account is active, and what they may do
    /// follows from its role now. That the token has run out meanwhile ends nothing: the session is what counts.
    pub async fn reauthenticate(&self, caller: &Caller) -> Result<Caller, AuthenticateError> {
        self.caller_of(caller.session, caller.user, self.now()).await
    }

    async fn caller_of(
        &self,
        session: SessionId,
        user: UserId,
        now: DateTime<Utc>,
    ) -> Result<Caller, AuthenticateError> {
        let live = match self.cached_session(session).await {
            Some(CachedSession::Revoked) => None,
            Some(CachedSession::Live(live)) if now < live.seen_at + SEEN_WITHIN => Some(live),
            Some(CachedSession::Live(_)) | None => self.find_live(session, now).await?,
        };
        let live = live.filter(|live| now < live.expires_at && live.user == user);
        let LiveSession { user, role, .. } = live.ok_or(AuthenticateError::TokenInvalid)?;
        Ok(Caller { user, session, permissions: role.permissions().to_vec() })
    }

    /// Verifies an access token, also one that another replica has signed with a key that this one has not heard of.
    pub(crate) async fn verify_access(
        &self,
        token: &Secret,
        now: DateTime<Utc>,
    ) -> Result<Result<AccessClaims, TokenError>, StoreError> {
        let tokens = &self.ports().tokens;
        Ok(match tokens.verify_access(token, now) {
            Err(TokenError::Invalid) if tokens.learn_key(token).await? => tokens.verify_access(token, now),
            verdict => verdict,
        })
    }

    /// Asks the store of a session and its account, notes once a minute that it is used, and remembers what the store says.
    async fn find_live(&self, id: SessionId, now: DateTime<Utc>) -> Result<Option<LiveSession>, StoreError> {
        let session = self.ports().sessions.find(id).await?;
        let Some(session) = session.filter(|session| session.is_live(now)) else { return Ok(None) };
        let user = self.ports().users.find(session.user).await?;
        let Some(user) = user.filter(|user| user.is_active) else { return Ok(None) };
        let mut seen_at = session.last_seen_at;
        // A note that cannot be made hinders no request: the next one makes it.
        if seen_at + SEEN_WITHIN <= now && self.ports().sessions.touch(id, now).await.is_ok() {
            seen_at = now;
        }
        let live = LiveSession { user: user.id, role: user.role, expires_at: session.expires_at, seen_at };
        self.remember_session(id, live).await?;
        Ok(Some(live))
    }

    /// The caller's account, company and session.
    pub async fn me(&self, caller: &Caller) -> Result<Me, AuthenticateError> {
        let user = self.ports().users.find(caller.user).await?;
        let session = self.ports().sessions.find(caller.session).await?;
        // Gone since the request was authenticated.
        let (Some(user), Some(session)) = (user, session) else {
            return Err(AuthenticateError::TokenInvalid);
        };
        let account = self.account_of(user).await?;
        let company = match account.active_company() {
            Some(company) => self.ports().companies.find(company).await?,
            None => None,
        };
        Ok(Me { account, company, session })
    }
}
