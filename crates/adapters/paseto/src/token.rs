use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use pasetors::{
    token::UntrustedToken,
    version4::{LocalToken, PublicToken, V4},
};
use portcullis_domain::{
    key_ring::{KeyRing, KeyState},
    port::{AccessClaims, RefreshClaims, TokenError, Tokens},
    value::Secret,
};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;

use crate::{
    claims::{Access, Bounds, Refresh},
    key::{Key, KeyError, PublicKey},
};

/// Longer texts are no tokens of ours and are not looked at. The longest that can be issued has about 2,100 bytes.
const MAX_TOKEN_LENGTH: usize = 4096;
/// Keeps tokens short enough to fit [`MAX_TOKEN_LENGTH`], and headers that carry them short enough for any proxy.
const MAX_NAME_LENGTH: usize = 256;
/// By how much the clock of the replica that issued a token may be ahead of this one's, unless that is set otherwise.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);
/// Authenticated with every refresh token but not in it: should another kind of `v4.local` token ever be made with the same
/// key, neither is taken for the other.
const REFRESH_PURPOSE: &[u8] = b"portcullis refresh token v1";

/// Makes and checks PASETO v4 tokens with the keys of a key ring: the active one signs, and all verify, a retired one until what it
/// signed has expired.
pub struct Paseto {
    keys: RwLock<Keys>,
    issuer: String,
    audience: String,
    clock_leeway: TimeDelta,
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
pub enum PasetoError {
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

impl Paseto {
    /// Takes a ring's keys, and the names that every token states and must state.
    pub fn new(
        ring: &KeyRing,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, PasetoError> {
        let (issuer, audience) = (issuer.into(), audience.into());
        if !is_name(&issuer) {
            return Err(PasetoError::Issuer);
        }
        if !is_name(&audience) {
            return Err(PasetoError::Audience);
        }
        let keys = RwLock::new(Keys::new(ring)?);
        Ok(Self { keys, issuer, audience, clock_leeway: CLOCK_LEEWAY })
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
        self.clock_leeway = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
        self
    }

    /// The keys that verify access tokens, oldest epoch first, and those that did.
    pub fn public_keys(&self) -> Vec<PublicKey> {
        self.keys().all.iter().map(Key::to_public).collect()
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        let keys = self.keys();
        let is_unknown = |footer: fn(&Key) -> &String, bytes: &[u8]| find(&keys.all, footer, bytes).is_err();
        if let Ok(token) = untrusted::<UntrustedToken<pasetors::Public, V4>>(token) {
            return is_unknown(|key| &key.access_footer, token.untrusted_footer());
        }
        untrusted::<UntrustedToken<pasetors::Local, V4>>(token)
            .is_ok_and(|token| is_unknown(|key| &key.refresh_footer, token.untrusted_footer()))
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn bounds(&self, issued_at: DateTime<Utc>, expires_at: DateTime<Utc>) -> Bounds {
        Bounds::new(&self.issuer, &self.audience, issued_at, expires_at)
    }

    /// Checks what an authentic token says of itself. `Expired` comes last: only a token that was good once is called that.
    fn check(&self, bounds: &Bounds, now: DateTime<Utc>) -> Result<(), TokenError> {
        if bounds.iss != self.issuer || bounds.aud != self.audience {
            return Err(TokenError::Invalid);
        }
        let latest = now.checked_add_signed(self.clock_leeway).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if bounds.iat > latest || bounds.nbf > latest {
            return Err(TokenError::Invalid);
        }
        if now >= bounds.exp { Err(TokenError::Expired) } else { Ok(()) }
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
}

/// What a retired key signed has expired by then. What has not, says so with a key that was stolen.
fn check_key(until: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Result<(), TokenError> {
    if until.is_some_and(|until| now >= until) { Err(TokenError::Invalid) } else { Ok(()) }
}

impl Tokens for Paseto {
    fn issue_access(&self, claims: &AccessClaims) -> Secret {
        let keys = self.keys();
        let key = keys.active();
        let payload = payload(&Access::new(self.bounds(claims.issued_at, claims.expires_at), claims));
        let token = PublicToken::sign(&key.secret, &payload, Some(key.access_footer.as_bytes()), None);
        Secret::new(token.expect("a checked key signs any payload"))
    }

    fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        let token: UntrustedToken<pasetors::Public, V4> = untrusted(token)?;
        let keys = self.keys();
        let key = find(&keys.all, |key| &key.access_footer, token.untrusted_footer())?;
        let footer = Some(key.access_footer.as_bytes());
        let trusted = PublicToken::verify(&key.public, &token, footer, None).map_err(invalid)?;
        let claims: Access = read(trusted.payload())?;
        self.check(&claims.bounds, now)?;
        check_key(key.access_until, now)?;
        Ok(claims.into_domain())
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
        let key = find(&keys.all, |key| &key.refresh_footer, token.untrusted_footer())?;
        let footer = Some(key.refresh_footer.as_bytes());
        let trusted =
            LocalToken::decrypt(&key.local, &token, footer, Some(REFRESH_PURPOSE)).map_err(invalid)?;
        let claims: Refresh = read(trusted.payload())?;
        self.check(&claims.bounds, now)?;
        check_key(key.refresh_until, now)?;
        Ok(claims.into_domain())
    }
}

/// Without the secrets.
impl fmt::Debug for Paseto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paseto")
            .field("keys", &self.keys().all)
            .field("issuer", &self.issuer)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control)
}

fn payload(claims: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(claims).expect("claims are texts, numbers and times")
}

/// Takes a text apart. The base64 in it must be canonical, so that no second text is the same token: the PASETO library's
/// decoder refuses padding and non-zero spare bits.
fn untrusted<T>(token: &Secret) -> Result<T, TokenError>
where
    T: for<'a> TryFrom<&'a str>,
{
    let text = token.expose();
    if text.len() > MAX_TOKEN_LENGTH {
        return Err(TokenError::Invalid);
    }
    T::try_from(text).map_err(invalid)
}

/// The key that writes this very footer. Nothing else in a footer has a meaning, so nothing in it is parsed.
fn find<'a>(keys: &'a [Key], footer: fn(&Key) -> &String, bytes: &[u8]) -> Result<&'a Key, TokenError> {
    keys.iter().find(|key| footer(key).as_bytes() == bytes).ok_or(TokenError::Invalid)
}

fn read<T: DeserializeOwned>(payload: &str) -> Result<T, TokenError> {
    serde_json::from_str(payload).map_err(invalid)
}

/// Why a token is invalid would only help whoever forges it.
fn invalid<E>(_: E) -> TokenError {
    TokenError::Invalid
}

#[cfg(test)]
mod tests;
