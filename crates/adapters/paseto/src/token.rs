use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, Utc};
use pasetors::{
    token::UntrustedToken,
    version4::{LocalToken, PublicToken, V4},
};
use portcullis_domain::{
    key_ring::{KeyRing, KeyState},
    port::{AccessClaims, RefreshClaims, TokenError, Tokens},
    token::{TokenNameError, TokenRules},
    value::Secret,
};
use serde::Serialize;
use thiserror::Error;

use crate::{
    claims::{Access, Bounds, Refresh},
    key::{Key, KeyError, PublicKey, VerifyingKey},
    verifier::{find, invalid, names_unknown_key, read, untrusted, verify},
};

/// Authenticated with every refresh token but not in it: should another kind of `v4.local` token ever be made with the same
/// key, neither is taken for the other.
const REFRESH_PURPOSE: &[u8] = b"portcullis refresh token v1";

/// Makes and checks PASETO v4 tokens with the keys of a key ring: the active one signs, and all verify, a retired one until what it
/// signed has expired.
pub struct Paseto {
    keys: RwLock<Keys>,
    rules: TokenRules,
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
pub enum PasetoError {
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

impl From<TokenNameError> for PasetoError {
    fn from(error: TokenNameError) -> Self {
        match error {
            TokenNameError::Issuer => Self::Issuer,
            TokenNameError::Audience => Self::Audience,
        }
    }
}

impl Paseto {
    /// Takes a ring's keys, and the names that every token states and must state.
    pub fn new(
        ring: &KeyRing,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, PasetoError> {
        let rules = TokenRules::new(issuer, audience)?;
        let keys = RwLock::new(Keys::new(ring)?);
        Ok(Self { keys, rules })
    }

    /// Puts another ring's keys in place of those there are, all at once.
    pub fn set_keys(&self, ring: &KeyRing) -> Result<(), PasetoError> {
        let keys = Keys::new(ring)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// Sets by how much the issuing replica's clock may be ahead of this one's: a token from further in the future is
    /// invalid. Five seconds otherwise, so that a token can be used at once on a replica whose clock is a little behind. It
    /// lengthens no token's life.
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.rules = self.rules.with_clock_leeway(leeway);
        self
    }

    /// The keys that verify access tokens, oldest epoch first, and those that did.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys().all.iter().map(Key::to_public).collect()
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        let keys = self.keys();
        names_unknown_key(keys.verifying(), token)
            || untrusted::<UntrustedToken<pasetors::Local, V4>>(token).is_ok_and(|token| {
                find(keys.all.iter(), |key| &key.refresh_footer, token.untrusted_footer()).is_err()
            })
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bounds(&self, issued_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Bounds {
        Bounds::new(self.rules.issuer(), self.rules.audience(), issued_at, expires_at)
    }
}

impl Keys {
    fn new(ring: &KeyRing) -> Result<Self, PasetoError> {
        let all = ring.keys().iter().map(Key::of_ring).collect::<Result<Arc<[_]>, _>>()?;
        let active = all.iter().position(|key| key.state == KeyState::Active).ok_or(PasetoError::NoKey)?;
        Ok(Self { all, active })
    }

    fn active(&self) -> &Key {
        &self.all[self.active]
    }

    fn verifying(&self) -> impl Iterator<Item = &VerifyingKey> {
        self.all.iter().map(|key| &key.verifying)
    }
}

impl Tokens for Paseto {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let keys = self.keys();
        let key = keys.active();
        let payload = payload(&Access::new(self.bounds(claims.issued_at, claims.expires_at), claims));
        let token = PublicToken::sign(&key.secret, &payload, Some(key.verifying.footer.as_bytes()), None);
        Secret::new(token.expect("a checked key signs any payload"))
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        verify(&self.rules, self.keys().verifying(), token, now)
    }

    /// The nonce is the PASETO library's own, from the operating system: the library takes none from outside.
    fn issue_refresh(&self, claims: &RefreshClaims) -> Secret {
        let keys = self.keys();
        let key = keys.active();
        let payload = payload(&Refresh::new(self.bounds(claims.issued_at, claims.expires_at), claims));
        let footer = Some(key.refresh_footer.as_bytes());
        let token = LocalToken::encrypt(&key.local, &payload, footer, Some(REFRESH_PURPOSE));
        Secret::new(token.expect("a checked key encrypts any payload, and the system has randomness"))
    }

    fn verify_refresh(&self, token: &Secret, now: DateTime<Utc>) -> Result<RefreshClaims, TokenError> {
        let token: UntrustedToken<pasetors::Local, V4> = untrusted(token)?;
        let keys = self.keys();
        let key = find(keys.all.iter(), |key| &key.refresh_footer, token.untrusted_footer())?;
        let footer = Some(key.refresh_footer.as_bytes());
        let trusted =
            LocalToken::decrypt(&key.local, &token, footer, Some(REFRESH_PURPOSE)).map_err(invalid)?;
        let claims: Refresh = read(trusted.payload())?;
        self.rules.check(claims.bounds.stated(), key.refresh_until, now)?;
        Ok(claims.into_domain())
    }
}

/// Without the secrets.
impl fmt::Debug for Paseto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paseto")
            .field("keys", &self.keys().all)
            .field("issuer", &self.rules.issuer())
            .field("audience", &self.rules.audience())
            .finish_non_exhaustive()
    }
}

fn payload(claims: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(claims).expect("claims are texts, numbers and times")
}

#[cfg(test)]
mod tests;
