//! The keys of one format, read as the service publishes them.

use chrono::{DateTime, Utc};
use portcullis_domain::{
    port::{AccessClaims, TokenError},
    token::TokenRules,
    value::Secret,
};
use portcullis_jwt::{Algorithm, JwtVerifier, PublicJwk};
use portcullis_paseto::PasetoVerifier;
use serde::Deserialize;

use crate::fetch::FetchError;

/// A format of access tokens, as the service's `TOKEN_FORMAT` and `JWT_ALGORITHM` have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// PASETO v4.public, with the keys of `GET /api/v1/auth/keys`.
    Paseto,
    /// JWT of RFC 9068 signed with Ed25519, with the keys of `GET /.well-known/jwks.json`.
    JwtEdDsa,
    /// JWT of RFC 9068 signed with ECDSA on P-256, with the keys of `GET /.well-known/jwks.json`.
    JwtEs256,
}

/// What is published at an address, and which of it is wanted.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Paserk,
    Jwks(Vec<Algorithm>),
}

/// Keys, and what checks tokens with them.
pub(crate) enum KeySet {
    Paseto(PasetoVerifier),
    Jwt(JwtVerifier),
}

/// `GET /api/v1/auth/keys`.
#[derive(Deserialize)]
struct PaserkKeys {
    keys: Vec<PaserkKey>,
}

#[derive(Deserialize)]
struct PaserkKey {
    paserk: String,
    not_after: Option<DateTime<Utc>>,
}

/// A JWK set (RFC 7517 §5).
#[derive(Deserialize)]
struct Jwks {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kid: String,
    kty: String,
    crv: String,
    alg: String,
    x: String,
    y: Option<String>,
}

impl Source {
    /// Whether a text has the look of a token that the keys of this source verify.
    pub(crate) fn is_for(&self, token: &str) -> bool {
        // A JWT begins with base64 of a brace, which this is not.
        token.starts_with("v4.") == matches!(self, Self::Paserk)
    }

    /// Reads what was fetched. Keys that are not understood, or are none, are passed over (RFC 7517 §5): the others are as good as they were. A set
    /// without a single key that could be used is none: what is known is worth more.
    pub(crate) fn read(&self, body: &[u8], rules: &TokenRules) -> Result<KeySet, FetchError> {
        let (keys, is_empty) = match self {
            Self::Paserk => {
                let keys: PaserkKeys = serde_json::from_slice(body)?;
                let keys = keys.keys.iter().map(|key| (key.paserk.as_str(), key.not_after));
                let keys = PasetoVerifier::new(keys, rules.clone());
                let is_empty = keys.is_empty();
                (KeySet::Paseto(keys), is_empty)
            }
            Self::Jwks(algorithms) => {
                let keys: Jwks = serde_json::from_slice(body)?;
                let keys = keys.keys.into_iter().filter_map(|key| serde_json::from_value::<Jwk>(key).ok());
                let keys: Vec<_> = keys.filter_map(|key| key.read(algorithms)).collect();
                let keys = JwtVerifier::new(&keys, rules.clone());
                let is_empty = keys.is_empty();
                (KeySet::Jwt(keys), is_empty)
            }
        };
        if is_empty { Err(FetchError::NoKey) } else { Ok(keys) }
    }
}

impl Jwk {
    fn read(self, wanted: &[Algorithm]) -> Option<PublicJwk> {
        let algorithm = match (self.kty.as_str(), self.crv.as_str(), self.alg.as_str()) {
            ("OKP", "Ed25519", "EdDSA") => Algorithm::EdDsa,
            ("EC", "P-256", "ES256") => Algorithm::Es256,
            _ => return None,
        };
        let Self { kid, x, y, .. } = self;
        // A set leaves out keys that are over.
        wanted.contains(&algorithm).then_some(PublicJwk { kid, algorithm, x, y, not_after: None })
    }
}

impl KeySet {
    pub(crate) fn verify(&self, token: &Secret, now: DateTime<Utc>) -> Result<AccessClaims, TokenError> {
        match self {
            Self::Paseto(keys) => keys.verify_access(token, now),
            Self::Jwt(keys) => keys.verify_access(token, now),
        }
    }

    pub(crate) fn names_unknown_key(&self, token: &Secret) -> bool {
        match self {
            Self::Paseto(keys) => keys.names_unknown_key(token),
            Self::Jwt(keys) => keys.names_unknown_key(token),
        }
    }
}
