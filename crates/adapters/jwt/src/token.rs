use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::{
    key_ring::{KeyRing, KeyState},
    port::{AccessClaims, RefreshClaims, TokenError, Tokens},
    value::Secret,
};
use serde::Deserialize;
use thiserror::Error;

use crate::{
    claims::Access,
    key::{Algorithm, Key, KeyError, PublicJwk},
};

/// Longer texts are no tokens of ours and are not looked at.
const MAX_TOKEN_LENGTH: usize = 4096;
/// Keeps tokens short enough to fit [`MAX_TOKEN_LENGTH`], and headers that carry them short enough for any proxy.
const MAX_NAME_LENGTH: usize = 256;
/// By how much the clock of the replica that issued a token may be ahead of this one's, unless that is set otherwise.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Makes and checks access tokens as JWT with the keys of a key ring: the active one signs, and all verify, a retired one until what it
/// signed has expired. Refresh tokens are another's.
pub struct Jwt {
    keys: RwLock<Keys>,
    algorithm: Algorithm,
    issuer: String,
    audience: String,
    clock_leeway: TimeDelta,
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

/// Tokens cannot be made of these keys and names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum JwtError {
    /// There is nothing to sign with.
    #[error("there is no signing key")]
    NoKey,
    /// A key is unfit.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The issuer would not fit a token.
    #[error("the token issuer must be 1 to {MAX_NAME_LENGTH} bytes without control characters")]
    Issuer,
    /// The audience would not fit a token.
    #[error("the token audience must be 1 to {MAX_NAME_LENGTH} bytes without control characters")]
    Audience,
}

/// As much of a header as tells whether it is of a key that is not known.
#[derive(Deserialize)]
struct Header {
    typ: String,
    kid: String,
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
        let (issuer, audience) = (issuer.into(), audience.into());
        if !is_name(&issuer) {
            return Err(JwtError::Issuer);
        }
        if !is_name(&audience) {
            return Err(JwtError::Audience);
        }
        let keys = RwLock::new(Keys::new(ring, algorithm)?);
        Ok(Self { keys, algorithm, issuer, audience, clock_leeway: CLOCK_LEEWAY, refresh })
    }

    /// Sets by how much the issuing replica's clock may be ahead of this one's: a token from further in the future is
    /// invalid. It lengthens no token's life.
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.clock_leeway = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
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
        self.keys().all.iter().map(Key::to_public).collect()
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        let text = token.expose();
        let header = text.split('.').next().filter(|_| text.len() <= MAX_TOKEN_LENGTH);
        let header = header.and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
        let header = header.and_then(|bytes| serde_json::from_slice::<Header>(&bytes).ok());
        header.is_some_and(|header| {
            header.typ == "at+jwt" && self.keys().all.iter().all(|key| key.kid != header.kid)
        })
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks what an authentic token says of itself. `Expired` comes last: only a token that was good once is called that.
    fn check(&self, claims: &Access, now: DateTime<Utc>) -> Result<(), TokenError> {
        if claims.iss != self.issuer || claims.aud != self.audience {
            return Err(TokenError::Invalid);
        }
        let latest = now.checked_add_signed(self.clock_leeway).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if claims.iat > latest || claims.nbf > latest {
            return Err(TokenError::Invalid);
        }
        if now >= claims.exp { Err(TokenError::Expired) } else { Ok(()) }
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
}

/// Signs any payload.
fn sign(key: &Key, payload: &[u8]) -> String {
    let mut token = format!("{}.{}", key.header, BASE64URL_NOPAD.encode(payload));
    let signature = BASE64URL_NOPAD.encode(&key.sign(token.as_bytes()));
    token.push('.');
    token.push_str(&signature);
    token
}

#[async_trait]
impl Tokens for Jwt {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let payload = serde_json::to_vec(&Access::new(&self.issuer, &self.audience, claims));
        let payload = payload.expect("claims are texts, numbers and times");
        Secret::new(sign(self.keys().active(), &payload))
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        let text = token.expose();
        if text.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::Invalid);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid)?;
        let keys = self.keys();
        let key = keys.all.iter().find(|key| key.header == header).ok_or(TokenError::Invalid)?;
        let signature = decode(signature)?;
        if !key.verifies(message.as_bytes(), &signature) {
            return Err(TokenError::Invalid);
        }
        let claims: Access = serde_json::from_slice(&decode(payload)?).map_err(invalid)?;
        self.check(&claims, now)?;
        // What a retired key signed has expired by then. What has not, says so with a key that was stolen.
        if key.until.is_some_and(|until| now >= until) {
            return Err(TokenError::Invalid);
        }
        Ok(claims.into_domain())
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        self.refresh.issue_refresh(claims)
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        self.refresh.verify_refresh(token, now)
    }

    async fn learn_key(&self, token: &Secret) -> bool {
        self.refresh.learn_key(token).await
    }
}

/// Without the secrets.
impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("keys", &self.keys().all)
            .field("algorithm", &self.algorithm)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The base64 must be canonical, so that no second text is the same token: the decoder refuses padding and non-zero spare bits.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(invalid)
}

/// Why a token is invalid would only help whoever forges it.
fn invalid<E>(_: E) -> TokenError {
    TokenError::Invalid
}

#[cfg(test)]
mod tests;
