//! What is checked of an access token: once, for the service that signs and for those that only verify.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::{
    port::{AccessClaims, TokenError},
    value::Secret,
};
use serde::Deserialize;

use crate::{
    claims::Access,
    key::{PublicJwk, VerifyingKey},
    token::JwtError,
};

/// Longer texts are no tokens of ours and are not looked at.
const MAX_TOKEN_LENGTH: usize = 4096;
/// Keeps tokens short enough to fit [`MAX_TOKEN_LENGTH`], and headers that carry them short enough for any proxy.
pub(crate) const MAX_NAME_LENGTH: usize = 256;
/// By how much the clock of the replica that issued a token may be ahead of this one's, unless that is set otherwise.
const CLOCK_LEEWAY: TimeDelta = TimeDelta::seconds(5);

/// Checks access tokens with nothing but public keys, as other services do; what it takes is what [`Jwt`](crate::Jwt) takes.
#[derive(Clone, Debug)]
pub struct JwtVerifier {
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

/// As much of a header as tells whether it is of a key that is not known.
#[derive(Deserialize)]
struct Header {
    typ: String,
    kid: String,
}

impl JwtVerifier {
    /// Takes keys as they are published, and the names that every token must state.
    pub fn new(
        keys: &[PublicJwk],
        issuer: impl Into<String>,
        audience: impl Into<String>,
    ) -> Result<Self, JwtError> {
        let keys = keys.iter().map(VerifyingKey::parse).collect::<Result<_, _>>()?;
        Ok(Self { keys, rules: Rules::new(issuer.into(), audience.into())? })
    }

    /// As [`Jwt::with_clock_leeway`](crate::Jwt::with_clock_leeway).
    #[must_use]
    pub fn with_clock_leeway(mut self, leeway: Duration) -> Self {
        self.rules.set_clock_leeway(leeway);
        self
    }

    /// Verifies an access token.
    pub fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        self.rules.verify(self.keys.iter(), token, now)
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        names_unknown_key(self.keys.iter(), token)
    }
}

impl Rules {
    pub(crate) fn new(issuer: String, audience: String) -> Result<Self, JwtError> {
        if !is_name(&issuer) {
            return Err(JwtError::Issuer);
        }
        if !is_name(&audience) {
            return Err(JwtError::Audience);
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
        let text = token.expose();
        if text.len() > MAX_TOKEN_LENGTH {
            return Err(TokenError::Invalid);
        }
        let (message, signature) = text.rsplit_once('.').ok_or(TokenError::Invalid)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Invalid)?;
        let key = keys.into_iter().find(|key| key.header == header).ok_or(TokenError::Invalid)?;
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

pub(crate) fn names_unknown_key<'a>(
    keys: impl IntoIterator<Item = &'a VerifyingKey>,
    token: &Secret,
) -> bool {
    let text = token.expose();
    let header = text.split('.').next().filter(|_| text.len() <= MAX_TOKEN_LENGTH);
    let header = header.and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
    let header = header.and_then(|bytes| serde_json::from_slice::<Header>(&bytes).ok());
    header.is_some_and(|header| header.typ == "at+jwt" && keys.into_iter().all(|key| key.kid != header.kid))
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
