use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::{
    key_ring::{KeyRing, KeyState},
    port::{AccessClaims, RefreshClaims, StoreError, TokenError, Tokens},
    token::{TokenNameError, TokenRules},
    value::Secret,
};
use thiserror::Error;

use crate::{
    claims::Access,
    key::{Algorithm, Key, KeyError, PublicJwk, VerifyingKey},
    verifier::{names_unknown_key, verify},
};

/// Makes and checks access tokens as JWT with the keys of a key ring: the active one signs, and all verify, a retired one until what it
/// signed has expired. Refresh tokens are another's.
pub struct Jwt {
    keys: RwLock<Keys>,
    algorithm: Algorithm,
    rules: TokenRules,
    refresh: Arc<dyn Tokens>,
}

/// The keys of a ring.
#[derive(Clone)]
struct Keys {
    /// Oldest epoch first.
    all: Arc<[Key]>,
    /// Which of them signs.
    active: usize,
}

/// Tokens cannot be made or checked with these keys and names.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JwtError {
    /// There is nothing to sign with.
    #[error("there is no signing key")]
    NoKey,
    /// A key is unfit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The issuer would not fit a token.
    #[error("{}", TokenNameError::Issuer)]
    Issuer,
    /// The audience would not fit a token.
    #[error("{}", TokenNameError::Audience)]
    Audience,
}

impl From<TokenNameError> for JwtError {
    fn from(error: TokenNameError) -> Self {
        match error {
            TokenNameError::Issuer => Self::Issuer,
            TokenNameError::Audience => Self::Audience,
        }
    }
}

impl Jwt {
    /// Takes a ring's keys, the names that every token states and must state, and who makes and checks refresh tokens.
    pub fn new(
        ring: &KeyRing,
        algorithm: Algorithm,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        refresh: Arc<dyn Tokens>,
    ) -> Result<Self, JwtError> {
        let rules = TokenRules::new(issuer, audience)?;
        let keys = RwLock::new(Keys::new(ring, algorithm)?);
        Ok(Self { keys, algorithm, rules, refresh })
    }

    /// Sets by how much the issuing replica's clock may be ahead of this one's: a token from further in the future is
    /// invalid. It lengthens no token's life.
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.rules = self.rules.with_clock_leeway(leeway);
        self
    }

    /// Puts another ring's keys in place of those there are, all at once.
    pub fn set_keys(&self, ring: &KeyRing) -> Result<(), JwtError> {
        let keys = Keys::new(ring, self.algorithm)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The keys that verify access tokens, oldest epoch first, and those that did.
    pub fn public_keys(&self) -> Vec<PublicJwk> {
        self.keys().verifying().map(VerifyingKey::to_public).collect()
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        names_unknown_key(self.keys().verifying(), token)
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Keys {
    fn new(ring: &KeyRing, algorithm: Algorithm) -> Result<Self, JwtError> {
        let keys = ring.keys().iter().map(|key| Key::new(key, algorithm));
        let all = keys.collect::<Result<Arc<[_]>, _>>()?;
        let active = all.iter().position(|key| key.state == KeyState::Active).ok_or(JwtError::NoKey)?;
        Ok(Self { all, active })
    }

    fn active(&self) -> &Key {
        &self.all[self.active]
    }

    fn verifying(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.all.iter().map(|key| &key.verifying)
    }
}

/// Signs any payload.
fn sign(key: &Key, payload: &[u8]) -> String {
    let mut token = format!("{}.{}", key.verifying.header, BASE64URL_NOPAD.encode(payload));
    let signature = BASE64URL_NOPAD.encode(&key.sign(token.as_bytes()));
    token.push('.');
    token.push_str(&signature);
    token
}

#[async_trait]
impl Tokens for Jwt {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let payload = serde_json::to_vec(&Access::new(self.rules.issuer(), self.rules.audience(), claims));
        let payload = payload.expect("claims are texts, numbers and times");
        Secret::new(sign(self.keys().active(), &payload))
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        verify(&self.rules, self.keys().verifying(), token, now)
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        self.refresh.issue_refresh(claims)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        self.refresh.verify_refresh(token, now)
    }

    async fn learn_key(&self, token: &Secret) -> Result<bool, StoreError> {
        self.refresh.learn_key(token).await
    }
}

/// Without the secrets.
impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.keys().all)
            .field("algorithm", &self.algorithm)
            .field("issuer", &self.rules.issuer())
            .field("audience", &self.rules.audience())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
