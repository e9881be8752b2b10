use std::fmt;

use chrono::{DateTime, Utc};
use ed25519_compact::{KeyPair, Seed};
use pasetors::{
    keys::{AsymmetricPublicKey, AsymmetricSecretKey, SymmetricKey},
    paserk::{FormatAsPaserk, Id},
    version4::V4,
};
use portcullis_domain::key_ring::{KeyState, RingKey, SigningKey};
use thiserror::Error;
use zeroize::Zeroize;

/// How the 64 bytes of a signing key are shared out: this many for the signatures, as many for the encryption.
const HALF: usize = 32;

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

/// A key that verifies access tokens, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its PASERK id (`k4.pid.…`), which tokens name in their footer.
    pub id: String,
    /// The key itself as PASERK (`k4.public.…`).
    pub paserk: String,
    /// The key itself: an Ed25519 public key.
    pub bytes: [u8; 32],
    /// The epoch of the signing key it belongs to.
    pub epoch: u32,
    /// What that key is for.
    pub state: KeyState,
    /// From when on it verifies no access token; `None` while it is not retired.
    pub not_after: Option<DateTime<Utc>>,
}

/// What a signing key's material makes: a key pair for access tokens and a key for refresh tokens.
pub(crate) struct Key {
    pub(crate) epoch: u32,
    pub(crate) state: KeyState,
    /// From when on it verifies no refresh token.
    pub(crate) refresh_until: Option<DateTime<Utc>>,
    pub(crate) verifying: VerifyingKey,
    pub(crate) secret: AsymmetricSecretKey<V4>,
    pub(crate) local: SymmetricKey<V4>,
    /// The footer of every refresh token that this key encrypts.
    pub(crate) refresh_footer: String,
}

/// The public half: all that verifying access tokens takes.
#[derive(Clone, Debug)]
pub(crate) struct VerifyingKey {
    pub(crate) public: AsymmetricPublicKey<V4>,
    /// The footer of every access token that this key signs.
    pub(crate) footer: String,
    /// From when on it verifies no access token.
    pub(crate) until: Option<DateTime<Utc>>,
}

impl VerifyingKey {
    fn new(public: AsymmetricPublicKey<V4>, until: Option<DateTime<Utc>>) -> Self {
        Self { footer: footer(&Id::from(&public)), public, until }
    }

    /// Of a key as it is published, as PASERK.
    pub(crate) fn parse(paserk: &str, until: Option<DateTime<Utc>>) -> Option<Self> {
        let public = AsymmetricPublicKey::<V4>::try_from(paserk).ok()?;
        Some(Self::new(public, until))
    }
}

impl Key {
    /// The first half of the material is the Ed25519 seed, the second the key of `v4.local`.
    pub(crate) fn new(key: &SigningKey) -> Result<Self, KeyError> {
        let weak = KeyError::Weak { epoch: key.epoch() };
        let (seed, local) = key.expose().split_at(HALF);
        if local.iter().all(|byte| *byte == 0) {
            return Err(weak);
        }
        let seed = Seed::from_slice(seed).map_err(|_| weak)?;
        let mut pair = KeyPair::try_from_seed(seed).map_err(|_| weak)?;
        let secret = AsymmetricSecretKey::from(pair.sk.as_ref()).map_err(|_| weak);
        pair.sk.zeroize();
        let secret = secret?;
        let public = AsymmetricPublicKey::from(pair.pk.as_ref()).map_err(|_| weak)?;
        let local = SymmetricKey::from(local).map_err(|_| weak)?;
        Ok(Self {
            epoch: key.epoch(),
            state: KeyState::Active,
            refresh_until: None,
            refresh_footer: footer(&Id::from(&local)),
            verifying: VerifyingKey::new(public, None),
            secret,
            local,
        })
    }

    /// With its place in the ring.
    pub(crate) fn of_ring(key: &RingKey) -> Result<Self, KeyError> {
        let RingKey { state, access_until, refresh_until, .. } = *key;
        let mut made = Self::new(&key.key)?;
        made.verifying.until = access_until;
        Ok(Self { state, refresh_until, ..made })
    }

    pub(crate) fn to_public(&self) -> PublicKey {
        PublicKey {
            id: paserk(&Id::from(&self.verifying.public)),
            paserk: paserk(&self.verifying.public),
            bytes: self.verifying.public.as_bytes().try_into().expect("an Ed25519 public key has 32 bytes"),
            epoch: self.epoch,
            state: self.state,
            not_after: self.verifying.until,
        }
    }
}

/// Without the secrets.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(epoch {}, ***)", self.epoch)
    }
}

fn footer(id: &Id) -> String {
    format!(r#"{{"kid":"{}"}}"#, paserk(id))
}

fn paserk(key: &dyn FormatAsPaserk) -> String {
    let mut text = String::new();
    key.fmt(&mut text).expect("a string takes any text");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(epoch: u32, material: [u8; 64]) -> Result<Key, KeyError> {
        Key::new(&SigningKey::new(epoch, material))
    }

    #[test]
    fn half_a_key_of_zeros_is_refused() {
        for (first, second) in [(0, 7), (7, 0), (0, 0)] {
            let mut material = [first; 64];
            material[HALF..].fill(second);
            let made = made(3, material);
            assert_eq!(made.err(), Some(KeyError::Weak { epoch: 3 }), "{first} {second}");
        }
    }

    #[test]
    fn the_first_half_signs_and_the_second_encrypts() {
        let mut material = [1; 64];
        let one = made(1, material).expect("a key");
        material[HALF..].fill(2);
        let other = made(1, material).expect("a key");
        assert_eq!(one.verifying.public, other.verifying.public);
        assert_ne!(one.local, other.local);
    }

    /// RFC 8032 §7.1, test 1.
    #[test]
    fn the_public_key_is_that_of_the_ed25519_seed() {
        let seed = data_encoding::HEXLOWER
            .decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
            .expect("hexadecimal");
        let public = data_encoding::HEXLOWER
            .decode(b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
            .expect("hexadecimal");
        let mut material = [7; 64];
        material[..HALF].copy_from_slice(&seed);
        let key = made(1, material).expect("a key");
        assert_eq!(key.verifying.public.as_bytes(), public);
    }

    #[test]
    fn debug_shows_no_key() {
        let key = made(3, [7; 64]).expect("a key");
        assert_eq!(format!("{key:?}"), "Key(epoch 3, ***)");
    }
}
