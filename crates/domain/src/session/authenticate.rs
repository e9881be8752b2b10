use thiserror::Error;

use super::Session;
use crate::{
    caller::Caller,
    identity::Identity,
    port::{StoreError, TokenError},
    user::User,
    value::Secret,
};

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
    pub user: User,
    /// The session.
    pub session: Session,
}

impl Identity {
    /// Turns an access token into a caller: the token is authentic, its session lives, its account is active. What the
    /// caller may do follows from the account's role now, whatever the token says.
    pub async fn authenticate(&self, token: &Secret) -> Result<Caller, AuthenticateError> {
        let now = self.now();
        let claims = self.ports().tokens.verify_access(token, now).map_err(|error| match error {
            TokenError::Invalid => AuthenticateError::TokenInvalid,
            TokenError::Expired => AuthenticateError::TokenExpired,
        })?;
        let session = self.ports().sessions.find(claims.session).await?;
        let lives = |session: &Session| session.is_live(now) && session.user == claims.user;
        let session = session.filter(lives).ok_or(AuthenticateError::TokenInvalid)?;
        let user = self.ports().users.find(claims.user).await?;
        let user = user.filter(|user| user.is_active).ok_or(AuthenticateError::TokenInvalid)?;
        Ok(Caller { user: user.id, session: session.id, permissions: user.role.permissions().to_vec() })
    }

    /// The caller's account and session.
    pub async fn me(&self, caller: &Caller) -> Result<Me, AuthenticateError> {
        let user = self.ports().users.find(caller.user).await?;
        let session = self.ports().sessions.find(caller.session).await?;
        // Gone since the request was authenticated.
        let (Some(user), Some(session)) = (user, session) else {
            return Err(AuthenticateError::TokenInvalid);
        };
        Ok(Me { user, session })
    }
}
