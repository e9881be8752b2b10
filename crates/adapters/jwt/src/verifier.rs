//! What is checked of an access token: once, for the service that signs and for those that only verify.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use portcullis_domain::{
    port::{AccessClaims, TokenError},
    token::TokenRules,
    value::Secret,
};
use serde::Deserialize;

use crate::{
    claims::Access,
    key::{PublicJwk, VerifyingKey},
};

/// Longer texts are no tokens of ours and are not looked at.
const MAX_TOKEN_LENGTH: usize = 4096;
/// Checks access tokens with nothing but public keys, as other services do; what it takes is what [`Jwt`](crate::Jwt) takes.
#[derive(Clone, Debug)]
pub struct JwtVerifier {
    keys: Arc<[VerifyingKey]>,
    rules: TokenRules,
}

/// As much of a header as tells whether it is of a key that is not known.
#[derive(Deserialize)]
struct Header {
    typ: String,
    kid: String,
}

impl JwtVerifier {
    /// Takes keys as they are published, and what every token must state. Keys that are none are passed over.
    pub fn new<'a>(keys: impl IntoIterator<Item = &'a PublicJwk>, rules: TokenRules) -> Self {
        Self { keys: keys.into_iter().filter_map(VerifyingKey::parse).collect(), rules }
    }

    /// Whether it has no key, and takes no token.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Verifies an access token.
    pub fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        verify(&self.rules, self.keys.iter(), token, now)
    }

    /// Whether a token has the form of ours and names none of the keys. Says nothing of its worth.
    pub fn names_unknown_key(&self, token: &Secret) -> bool {
        names_unknown_key(self.keys.iter(), token)
    }
}

pub(crate) fn verify<'a>(
    rules: &TokenRules,
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
    rules.check(claims.stated(), key.until, now)?;
    Ok(claims.into_domain())
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

/// The base64 must be canonical, so that no second text is the same token: the decoder refuses padding and non-zero spare bits.
fn decode(part: &str) -> Result<Vec<u8>, TokenError> {
    BASE64URL_NOPAD.decode(part.as_bytes()).map_err(invalid)
}

/// Why a token is invalid would only help whoever forges it.
fn invalid<E>(_: E) -> TokenError {
    TokenError::Invalid
}
