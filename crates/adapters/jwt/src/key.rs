use std::fmt;

use blake2::{Blake2b, Digest as _, digest::consts::U33};
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use ed25519_compact::{KeyPair, Seed};
use p256::ecdsa::{
    self,
    signature::{Signer as _, Verifier as _},
};
use portcullis_domain::key_ring::{KeyState, RingKey, SigningKey};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroize;

/// The half of a signing key's 64 bytes that is the Ed25519 seed, here as in other formats.
const SEED: usize = 32;
/// What the P-256 key is derived for: nothing else is derived of the same bytes under this name.
const ES256_CONTEXT: &[u8] = b"portcullis es256 signing key v1";

/// How access tokens are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 (RFC 8037).
    EdDsa,
    /// ECDSA on P-256 with SHA-256 (RFC 7518), for services that know nothing newer.
    Es256,
}

impl Algorithm {
    /// Its name in a header.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

/// A signing key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// Its material is no random number.
    #[error("the signing key of epoch {epoch} is all zeros")]
    Weak {
        /// The key's epoch.
        epoch: u32,
    },
}

/// A key that verifies access tokens, as JWK (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicJwk {
    /// What tokens name it by: of Ed25519 its PASERK id, of P-256 its thumbprint (RFC 7638).
    pub kid: String,
    /// What it signs with.
    pub algorithm: Algorithm,
    /// The Ed25519 key, or the first coordinate on P-256, in base64url.
    pub x: String,
    /// The second coordinate on P-256.
    pub y: Option<String>,
    /// From when on it verifies no access token; `None` while it is not retired.
    pub not_after: Option<DateTime<Utc>>,
}

/// What a signing key's material makes.
pub(crate) struct Key {
    epoch: u32,
    pub(crate) state: KeyState,
    /// From when on it verifies no access token.
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) kid: String,
    /// The first part of every token that this key signs.
    pub(crate) header: String,
    pair: Pair,
}

/// Boxed: the tables of a P-256 key are long.
enum Pair {
    Ed25519(Box<KeyPair>),
    P256(Box<ecdsa::SigningKey>),
}

impl Key {
    pub(crate) fn new(ring_key: &RingKey, algorithm: Algorithm) -> Result<Self, KeyError> {
        let weak = KeyError::Weak { epoch: ring_key.key.epoch() };
        let pair = match algorithm {
            Algorithm::EdDsa => ed25519(&ring_key.key).map(Pair::Ed25519),
            Algorithm::Es256 => p256(&ring_key.key).map(Pair::P256),
        };
        let pair = pair.ok_or(weak)?;
        let kid = pair.id();
        let header = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{kid}"}}"#, algorithm.as_str());
        Ok(Self {
            epoch: ring_key.key.epoch(),
            state: ring_key.state,
            until: ring_key.access_until,
            kid,
            header: BASE64URL_NOPAD.encode(header.as_bytes()),
            pair,
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Ed25519(pair) => pair.sk.sign(message, None).to_vec(),
            Pair::P256(key) => {
                let signature: ecdsa::Signature = key.sign(message);
                signature.normalize_s().to_bytes().to_vec()
            }
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.pair {
            Pair::Ed25519(pair) => ed25519_compact::Signature::from_slice(signature)
                .is_ok_and(|signature| pair.pk.verify(message, &signature).is_ok()),
            Pair::P256(key) => ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
                // Of the two signatures that ECDSA makes equally good one is ours: no second text is the same token.
                signature == signature.normalize_s()
                    && key.verifying_key().verify(message, &signature).is_ok()
            }),
        }
    }

    pub(crate) fn to_public(&self) -> PublicJwk {
        let (algorithm, x, y) = self.pair.public();
        PublicJwk { kid: self.kid.clone(), algorithm, x, y, not_after: self.until }
    }
}

impl Pair {
    /// The public key: of P-256 both coordinates.
    fn public(&self) -> (Algorithm, String, Option<String>) {
        match self {
            Self::Ed25519(pair) => (Algorithm::EdDsa, BASE64URL_NOPAD.encode(pair.pk.as_ref()), None),
            Self::P256(key) => {
                // 4, then two coordinates of 32 bytes (SEC 1 §2.3.3).
                let point = key.verifying_key().to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                (Algorithm::Es256, BASE64URL_NOPAD.encode(x), Some(BASE64URL_NOPAD.encode(y)))
            }
        }
    }

    fn id(&self) -> String {
        match self.public() {
            (_, x, None) => paserk_id(&x),
            (_, x, Some(y)) => {
                let thumbprint = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
                BASE64URL_NOPAD.encode(&Sha256::digest(thumbprint.as_bytes()))
            }
        }
    }
}

/// The id that the same key has in PASETO tokens (the `id` operation of PASERK for version 4).
fn paserk_id(x: &str) -> String {
    const PREFIX: &str = "k4.pid.";
    let hash = Blake2b::<U33>::digest(format!("{PREFIX}k4.public.{x}").as_bytes());
    format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&hash))
}

fn ed25519(key: &SigningKey) -> Option<Box<KeyPair>> {
    let seed = Seed::from_slice(&key.expose()[..SEED]).ok()?;
    KeyPair::try_from_seed(seed).ok().map(Box::new)
}

/// Derives the P-256 key: the first hash that is a scalar of the curve, which all but one of 2³² are.
fn p256(key: &SigningKey) -> Option<Box<ecdsa::SigningKey>> {
    if key.expose().iter().all(|byte| *byte == 0) {
        return None;
    }
    (0_u8..=255).find_map(|counter| {
        let mut hasher = Sha256::new();
        hasher.update(ES256_CONTEXT);
        hasher.update([counter]);
        hasher.update(key.expose());
        let mut scalar = hasher.finalize();
        let key = ecdsa::SigningKey::from_slice(&scalar).ok().map(Box::new);
        scalar.zeroize();
        key
    })
}

impl Drop for Key {
    fn drop(&mut self) {
        if let Pair::Ed25519(pair) = &mut self.pair {
            pair.sk.zeroize();
        }
    }
}

/// Without the secrets.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(epoch {}, ***)", self.epoch)
    }
}
