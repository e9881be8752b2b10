use std::fmt;

use blake2::{Blake2b, Digest as _, digest::consts::U33};
use chrono::{DateTime, Utc};
use data_encoding::BASE64URL_NOPAD;
use ed25519_compact::{KeyPair, PublicKey, Seed};
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
/// What a point of P-256 begins with before its two coordinates of 32 bytes (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

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
    pub(crate) verifying: VerifyingKey,
    pair: Pair,
}

/// Its public half: all that verifying takes.
#[derive(Clone)]
pub(crate) struct VerifyingKey {
    /// From when on it verifies no access token.
    pub(crate) until: Option<DateTime<Utc>>,
    pub(crate) kid: String,
    /// The first part of every token that this key signs.
    pub(crate) header: String,
    point: Point,
}

/// Boxed: the tables of a P-256 key are long.
enum Pair {
    Ed25519(Box<KeyPair>),
    P256(Box<ecdsa::SigningKey>),
}

#[derive(Clone)]
enum Point {
    Ed25519(PublicKey),
    P256(Box<ecdsa::VerifyingKey>),
}

impl Key {
    pub(crate) fn new(ring_key: &RingKey, algorithm: Algorithm) -> Result<Self, KeyError> {
        let weak = KeyError::Weak { epoch: ring_key.key.epoch() };
        let pair = match algorithm {
            Algorithm::EdDsa => ed25519(&ring_key.key).map(Pair::Ed25519),
            Algorithm::Es256 => p256(&ring_key.key).map(Pair::P256),
        };
        let pair = pair.ok_or(weak)?;
        let verifying = VerifyingKey::new(pair.point(), ring_key.access_until);
        Ok(Self { epoch: ring_key.key.epoch(), state: ring_key.state, verifying, pair })
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
}

impl Pair {
    fn point(&self) -> Point {
        match self {
            Self::Ed25519(pair) => Point::Ed25519(pair.pk),
            Self::P256(key) => Point::P256(Box::new(*key.verifying_key())),
        }
    }
}

impl VerifyingKey {
    fn new(point: Point, until: Option<DateTime<Utc>>) -> Self {
        let (kid, algorithm) = (point.id(), point.coordinates().0.as_str());
        let header = format!(r#"{{"typ":"at+jwt","alg":"{algorithm}","kid":"{kid}"}}"#);
        Self { until, kid, header: BASE64URL_NOPAD.encode(header.as_bytes()), point }
    }

    /// Of a key as it is published. Its coordinates must be a point of its curve, and its name the one that follows from it.
    pub(crate) fn parse(jwk: &PublicJwk) -> Option<Self> {
        Some(Self::new(Point::parse(jwk)?, jwk.not_after)).filter(|key| key.kid == jwk.kid)
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.point {
            Point::Ed25519(key) => ed25519_compact::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Point::P256(key) => ecdsa::Signature::from_slice(signature).is_ok_and(|signature| {
                // Of the two signatures that ECDSA makes equally good one is ours: no second text is the same token.
                signature == signature.normalize_s() && key.verify(message, &signature).is_ok()
            }),
        }
    }

    pub(crate) fn to_public(&self) -> PublicJwk {
        let (algorithm, x, y) = self.point.coordinates();
        PublicJwk { kid: self.kid.clone(), algorithm, x, y, not_after: self.until }
    }
}

impl Point {
    fn parse(jwk: &PublicJwk) -> Option<Self> {
        let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).ok();
        let x = decode(&jwk.x)?;
        match (jwk.algorithm, &jwk.y) {
            (Algorithm::EdDsa, None) => PublicKey::from_slice(&x).ok().map(Self::Ed25519),
            (Algorithm::Es256, Some(y)) => {
                let y = decode(y)?;
                let point = [&[UNCOMPRESSED][..], &x, &y].concat();
                ecdsa::VerifyingKey::from_sec1_bytes(&point).ok().map(Box::new).map(Self::P256)
            }
            (Algorithm::EdDsa, Some(_)) | (Algorithm::Es256, None) => None,
        }
    }

    /// The public key: of P-256 both coordinates.
    fn coordinates(&self) -> (Algorithm, String, Option<String>) {
        match self {
            Self::Ed25519(key) => (Algorithm::EdDsa, BASE64URL_NOPAD.encode(key.as_ref()), None),
            Self::P256(key) => {
                let point = key.to_sec1_point(false);
                let (x, y) = point.as_bytes()[1..].split_at(32);
                (Algorithm::Es256, BASE64URL_NOPAD.encode(x), Some(BASE64URL_NOPAD.encode(y)))
            }
        }
    }

    fn id(&self) -> String {
        match self.coordinates() {
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

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyingKey")
            .field("kid", &self.kid)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
