use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

use crate::{
    caller::{Permission, Role},
    id::{CompanyId, SessionId, TokenId, UserId},
    port::StoreError,
    value::Secret,
};

/// Makes and checks tokens. Issuer, audience and keys are the adapter's own.
///
/// # Contract
///
/// * A token verifies to the claims it was issued with (times to the second), until `expires_at` and from `issued_at` on;
///   an adapter may be set to allow a few seconds before `issued_at`, for replicas whose clocks differ.
/// * A token with any bit changed, cut, extended, of another key, issuer or audience, is `Invalid`; an authentic one past its time is `Expired`.
/// * An access token is no refresh token and the other way round.
/// * Text that is no token at all, of any length and kind, is `Invalid`.
#[async_trait]
pub trait Tokens: Send + Sync {
    /// Issues an access token, which anybody with the public key can verify.
    fn issue_access(&self, claims: &AccessClaims) -> Secret;
    /// Verifies an access token.
    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError>;
    /// Issues a refresh token, which only this service can read.
    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret;
    /// Verifies a refresh token.
    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError>;
    /// Asked of a token that was `Invalid`: looks whether the key that it names was made since, by another replica; true where there
    /// is a new key, and it is worth verifying the token again. May look seldom: anybody can name keys that there are not. Fails where nobody
    /// knows, since the look does.
    async fn learn_key(&self, _token: &Secret) -> Result<bool, StoreError> {
        Ok(false)
    }
}

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessClaims {
    /// `jti`.
    pub token: TokenId,
    /// `sub`.
    pub user: UserId,
    /// `sid`.
    pub session: SessionId,
    /// `cid`: the company that the person belonged to when the token was issued.
    pub company: Option<CompanyId>,
    /// `role`.
    pub role: Role,
    /// `perms`.
    pub permissions: Vec<Permission>,
    /// `iat` and `nbf`.
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

/// What a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshClaims {
    /// `sid`.
    pub session: SessionId,
    /// The session's generation that the token belongs to.
    pub generation: u64,
    /// `iat` and `nbf`.
    pub issued_at: DateTime<Utc>,
    /// `exp`.
    pub expires_at: DateTime<Utc>,
}

/// A token is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Malformed, forged, or meant for somebody else.
    #[error("the token is invalid")]
    Invalid,
    /// Authentic, and past its time.
    #[error("the token has expired")]
    Expired,
}
