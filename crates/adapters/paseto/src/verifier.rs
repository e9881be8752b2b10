//! What is checked of an access token: once, for the service that signs and for those that only verify.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use pasetors::{
    token::UntrustedToken,
    version4::{PublicToken, V4},
};
use portcullis_domain::{
    port::{AccessClaims, TokenError},
    token::TokenRules,
    value::Secret,
};
use serde::de::DeserializeOwned;

use crate::{claims::Access, key::VerifyingKey};

/// Longer texts are no tokens of ours and are not looked at. The longest that can be issued has about 2,100 bytes.
pub(crate) const MAX_TOKEN_LENGTH: usize = 4096;
/// Checks access tokens with nothing but public keys, as other services do; what it takes is what [`Paseto`](crate::Paseto) takes.
#[derive(Clone, Debug)]
pub struct PasetoVerifier {
    keys: Arc<[VerifyingKey]>,
    rules: TokenRules,
}

impl PasetoVerifier {
    /// Takes keys as they are published, as PASERK (`k4.public.…`) and each with the time from which on it verifies nothing, and what
    /// every token must state. Keys that are none are passed over.
    pub fn new<'a>(
        keys: impl IntoIterator<Item = (&'a str, Option<DateTime<Utc>>)>,
        rules: TokenRules,
    ) -> Self {
        let keys = keys.into_iter().filter_map(|(paserk, until)| VerifyingKey::parse(paserk, until));
        Self { keys: keys.collect(), rules }
    }

    /// Whether it has no key, and takes no token.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Verifies an access token.
    pub fn verify_access(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        verify(&self.rules, self.keys.iter(), token, now)
    }

    /// Whether a token has the form of an access token of ours and names none of the keys. Says nothing of its worth.
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
    let token: UntrustedToken<pasetors::Public, V4> = untrusted(token)?;
    let key = find(keys, |key| &key.footer, token.untrusted_footer())?;
    let footer = Some(key.footer.as_bytes());
    let trusted = PublicToken::verify(&key.public, &token, footer, None).map_err(invalid)?;
    let claims: Access = read(trusted.payload())?;
    rules.check(claims.bounds.stated(), key.until, now)?;
    Ok(claims.into_domain())
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
