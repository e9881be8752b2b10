//! What is checked of an access token: once, for the service that signs and for those that only verify.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use pasetors::{
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use portcullis_domain::{
    port::{AccessClaims, TokenError},
    value::Secret,
};
use serde::de::DeserializeOwned;

use crate::{
    checkpoint::PublicKeyError,
    claims::{Access, Bounds},
    key::VerifyingKey,
    token::PasetoError,
};

/// Longer texts are no tokens of ours and are not looked at. The longest that can be issued has about 2,100 bytes.
pub(crate) const MAX_TOKEN_LENGTH: usize = 4096;
/// Keeps tokens short enough to fit [`MAX_TOKEN_LENGTH`], and headers that carry them short enough for any proxy.
pub(crate) const MAX_NAME_LENGTH: usize = 256;
/// By how much the clock of the replica that issued a token may be ahead of this one's, unless that is set otherwise.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Checks access tokens with nothing but public keys, as other services do; what it takes is what [`Paseto`](crate::Paseto) takes.
#[derive(Clone, Debug)]
pub struct PasetoVerifier {
    keys: Arc<[VerifyingKey]>,
    rules: Rules,
}

/// Which tokens are taken, beyond those that a key has signed.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) issuer: String,
    pub(crate) audience: String,
    clock_leeway: TimeDelta,
}

impl PasetoVerifier {
    /// Takes keys as they are published, as PASERK (`k4.public.…`) and each with the time from which on it verifies nothing, and the
    /// names that every token must state.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a str, Option<DateTime<Utc>>)>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, PasetoError> {
        let keys = keys.into_iter().map(|(paserk, until)| VerifyingKey::parse(paserk, until));
        let keys = keys.collect::<Result<_, PublicKeyError>>()?;
        Ok(Self { keys, rules: Rules::new(issuer.into(), audience.into())? })
    }

    /// As [`Paseto::with_clock_leeway`](crate::Paseto::with_clock_leeway).
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.rules.set_clock_leeway(leeway);
        self
    }

    /// Whether it has no key, and takes no token.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Verifies an access token.
    pub fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        self.rules.verify(self.keys.iter(), token, now)
    }

    /// Whether a token has the form of an access token of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        names_unknown_key(self.keys.iter(), token)
    }
}

impl Rules {
    pub(crate) fn new(issuer: String, audience: String) -> Result<Self, PasetoError> {
        if !is_name(&issuer) {
            return Err(PasetoError::Issuer);
        }
        if !is_name(&audience) {
            return Err(PasetoError::Audience);
        }
        Ok(Self { issuer, audience, clock_leeway: CLOCK_LEEWAY })
    }

    pub(crate) fn set_clock_leeway(&mut self, leeway: Duration) {
        self.clock_leeway = TimeDelta::from_std(leeway).unwrap_or(TimeDelta::MAX);
    }

    pub(crate) fn verify<'a>(
        &self,
        keys: impl IntoIterator<Item = &'a VerifyingKey>,
        token: &Secret,
        now: DateTime<Utc>,
    ) -> Result<AccessClaims, TokenError> {
        let token: UntrustedToken<pasetors::Public, V4> = untrusted(token)?;
        let key = find(keys, |key| &key.footer, token.untrusted_footer())?;
        let footer = Some(key.footer.as_bytes());
        let trusted = PublicToken::verify(&key.public, &token, footer, None).map_err(invalid)?;
        let claims: Access = read(trusted.payload())?;
        self.check(&claims.bounds, key.until, now)?;
        Ok(claims.into_domain())
    }

    /// Checks what an authentic token says of itself, and how long its key is good. `Expired` comes late: only a token that was good
    /// once is called that.
    pub(crate) fn check(
        &self,
        bounds: &Bounds,
        until: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenError> {
        if bounds.iss != self.issuer || bounds.aud != self.audience {
            return Err(TokenError::Invalid);
        }
        let latest = now.checked_add_signed(self.clock_leeway).unwrap_or(DateTime::<Utc>::MAX_UTC);
        if bounds.iat > latest || bounds.nbf > latest {
            return Err(TokenError::Invalid);
        }
        if now >= bounds.exp {
            return Err(TokenError::Expired);
        }
        // What a retired key signed has expired by then. What has not, says so with a key that was stolen.
        if until.is_some_and(|until| now >= until) { Err(TokenError::Invalid) } else { Ok(()) }
    }
}

pub(crate) fn names_unknown_key<'a>(
    keys: impl IntoIterator<Item = &'a VerifyingKey>,
    token: &Secret,
) -> bool {
    untrusted::<UntrustedToken<pasetors::Public, V4>>(token)
        .is_ok_and(|token| find(keys, |key| &key.footer, token.untrusted_footer()).is_err())
}

/// Takes a text apart. The base64 in it must be canonical, so that no second text is the same token: the PASETO library's
/// decoder refuses padding and non-zero spare bits.
pub(crate) fn untrusted<T>(token: &Secret) -> Result<T, TokenError>
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
pub(crate) fn find<'a, K: 'a>(
    keys: impl IntoIterator<Item = &'a K>,
    footer: fn(&K) -> &String,
    bytes: &[u8],
) -> Result<&'a K, TokenError> {
    keys.into_iter().find(|key| footer(key).as_bytes() == bytes).ok_or(TokenError::Invalid)
}

pub(crate) fn read<T: DeserializeOwned>(payload: &str) -> Result<T, TokenError> {
    serde_json::from_str(payload).map_err(invalid)
}

/// Why a token is invalid would only help whoever forges it.
pub(crate) fn invalid<E>(_: E) -> TokenError {
    TokenError::Invalid
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LENGTH).contains(&text.len()) && !text.chars().any(char::is_control)
}
