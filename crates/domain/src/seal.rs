//! Sealed personal data. Each person has a data key; what events say of the person is sealed with it, and the data key is
//! itself wrapped by the service's master key. Destroying the wrapped key erases the person from every event, snapshot and
//! back-up at once, while the log stays whole.
//!
//! The cipher is XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03): its 192-bit nonces may be drawn at random without limit.

use std::fmt;

use chacha20poly1305::{
    XChaCha20Poly1305, XNonce,
    aead::{Aead, KeyInit, Payload},
};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{id::SubjectId, port::Entropy};

const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;

/// The service's master key: 32 bytes that wrap every other key. While it is being changed, with the one before, which opens and
/// seals nothing new.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    bytes: [u8; KEY_LENGTH],
    previous: Option<[u8; KEY_LENGTH]>,
}

/// One person's data key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct DataKey([u8; KEY_LENGTH]);

/// Sealed bytes: nonce, ciphertext, tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

/// A data key sealed by the master key, as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectKey {
    /// Whose key it is.
    pub subject: SubjectId,
    /// The key, sealed.
    pub wrapped: Sealed,
}

/// The bytes were not sealed with this key for this place, or were changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("sealed data does not open with this key")]
pub struct SealError;

impl MasterKey {
    /// Wraps 32 bytes.
    pub const fn new(bytes: [u8; KEY_LENGTH]) -> Self {
        Self { bytes, previous: None }
    }

    /// Draws a new master key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::new(random(entropy))
    }

    /// Opens also what `previous` has sealed: what [`rewrap`](crate::key_ring::rewrap) has not come to yet.
    #[must_use]
    pub const fn with_previous(mut self, previous: &Self) -> Self {
        self.previous = Some(previous.bytes);
        self
    }

    /// The key's bytes, to keep them in a file of mode 0600.
    pub fn expose(&self) -> &[u8; KEY_LENGTH] {
        &self.bytes
    }

    /// Wraps a person's data key for the store.
    pub fn wrap(&self, subject: SubjectId, key: &DataKey, entropy: &dyn Entropy) -> SubjectKey {
        SubjectKey { subject, wrapped: self.seal(&key.0, subject.as_uuid().as_bytes(), entropy) }
    }

    /// Opens a person's data key.
    pub fn unwrap(&self, key: &SubjectKey) -> Result<DataKey, SealError> {
        let mut bytes = self.open(&key.wrapped, key.subject.as_uuid().as_bytes())?;
        let key = bytes.as_slice().try_into().map(DataKey).map_err(|_| SealError);
        bytes.zeroize();
        key
    }

    /// A secret for one use alone, from which nobody finds this key (BLAKE3 in its key derivation mode).
    pub fn derive(&self, context: &'static str) -> [u8; KEY_LENGTH] {
        blake3::derive_key(context, &self.bytes)
    }

    /// Seals other secrets of the service, such as signing keys; `purpose` binds them to their place. What is sealed so and kept is
    /// to be sealed anew by [`rewrap`](crate::key_ring::rewrap).
    pub fn seal(&self, secret: &[u8], purpose: &[u8], entropy: &dyn Entropy) -> Sealed {
        seal(&self.bytes, secret, purpose, entropy)
    }

    /// Opens what [`seal`](Self::seal) sealed for the same purpose.
    pub fn open(&self, sealed: &Sealed, purpose: &[u8]) -> Result<Vec<u8>, SealError> {
        let opened = open(&self.bytes, sealed, purpose);
        match &self.previous {
            Some(previous) if opened.is_err() => open(previous, sealed, purpose),
            _ => opened,
        }
    }

    /// Seals with this key what the previous one had sealed; `None` where it was sealed with this one.
    pub(crate) fn reseal(
        &self,
        sealed: &Sealed,
        purpose: &[u8],
        entropy: &dyn Entropy,
    ) -> Result<Option<Sealed>, SealError> {
        if let Ok(mut plain) = open(&self.bytes, sealed, purpose) {
            plain.zeroize();
            return Ok(None);
        }
        let mut plain = self.open(sealed, purpose)?;
        let resealed = self.seal(&plain, purpose, entropy);
        plain.zeroize();
        Ok(Some(resealed))
    }
}

impl DataKey {
    /// Draws a new data key.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(random(entropy))
    }

    /// Seals personal data; `place` (the event's id) binds it there, so that it opens nowhere else.
    pub fn seal(&self, personal: &[u8], place: &[u8], entropy: &dyn Entropy) -> Sealed {
        seal(&self.0, personal, place, entropy)
    }

    /// Opens what [`seal`](Self::seal) sealed for the same place.
    pub fn open(&self, sealed: &Sealed, place: &[u8]) -> Result<Vec<u8>, SealError> {
        open(&self.0, sealed, place)
    }

    /// A secret that only holders of this key can derive again, and nobody once the key is destroyed (BLAKE3 in its key
    /// derivation mode over the key and `place`).
    pub fn derive(&self, context: &'static str, place: &[u8]) -> [u8; KEY_LENGTH] {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(&self.0);
        hasher.update(place);
        *hasher.finalize().as_bytes()
    }
}

impl Sealed {
    /// Wraps bytes read back from a store.
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes, as a store keeps them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

fn seal(key: &[u8; KEY_LENGTH], plain: &[u8], aad: &[u8], entropy: &dyn Entropy) -> Sealed {
    let nonce: [u8; NONCE_LENGTH] = random(entropy);
    let sealed = XChaCha20Poly1305::new(key.into())
        .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad })
        .expect("the cipher refuses only texts beyond 256 GiB");
    Sealed([nonce.as_slice(), &sealed].concat())
}

fn open(key: &[u8; KEY_LENGTH], sealed: &Sealed, aad: &[u8]) -> Result<Vec<u8>, SealError> {
    let (nonce, msg) = sealed.0.split_first_chunk::<NONCE_LENGTH>().ok_or(SealError)?;
    XChaCha20Poly1305::new(key.into())
        .decrypt(&XNonce::from(*nonce), Payload { msg, aad })
        .map_err(|_| SealError)
}

macro_rules! redacted {
    ($($name:ident)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(***)"))
            }
        }
    )+};
}
redacted! { MasterKey DataKey }

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::testing::SeededEntropy;

    fn subject(n: u128) -> SubjectId {
        SubjectId::new(Uuid::from_u128(n))
    }

    #[test]
    fn a_wrapped_key_opens_for_its_subject_only() {
        let entropy = SeededEntropy::new(1);
        let master = MasterKey::generate(&entropy);
        let key = DataKey::generate(&entropy);
        let wrapped = master.wrap(subject(1), &key, &entropy);
        assert_eq!(master.unwrap(&wrapped).expect("opens").0, key.0);

        let moved = SubjectKey { subject: subject(2), ..wrapped.clone() };
        assert_eq!(master.unwrap(&moved).map(|_| ()), Err(SealError));
        assert_eq!(MasterKey::generate(&entropy).unwrap(&wrapped).map(|_| ()), Err(SealError));
    }

    #[test]
    fn what_the_previous_master_key_sealed_opens_and_is_sealed_anew_once() {
        let entropy = SeededEntropy::new(3);
        let (old, new) = (MasterKey::generate(&entropy), MasterKey::generate(&entropy));
        let both = new.clone().with_previous(&old);
        let sealed = old.seal(b"secret", b"purpose", &entropy);
        assert_eq!(new.open(&sealed, b"purpose"), Err(SealError));
        assert_eq!(both.open(&sealed, b"purpose").as_deref(), Ok(b"secret".as_slice()));

        let resealed = both.reseal(&sealed, b"purpose", &entropy).expect("opens").expect("was the old key's");
        assert_eq!(new.open(&resealed, b"purpose").as_deref(), Ok(b"secret".as_slice()));
        assert_eq!(old.open(&resealed, b"purpose"), Err(SealError));
        assert_eq!(both.reseal(&resealed, b"purpose", &entropy), Ok(None));
        assert_eq!(both.reseal(&sealed, b"elsewhere", &entropy), Err(SealError));
        assert_eq!(old.open(&both.seal(b"more", b"purpose", &entropy), b"purpose"), Err(SealError));
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_noticed() {
        let entropy = SeededEntropy::new(2);
        let key = DataKey::generate(&entropy);
        let sealed = key.seal(b"jane@example.com", b"place", &entropy);
        assert_eq!(key.open(&sealed, b"place").as_deref(), Ok(b"jane@example.com".as_slice()));
        assert_eq!(key.open(&sealed, b"elsewhere"), Err(SealError));
        for bit in 0..sealed.0.len() * 8 {
            let mut forged = sealed.clone();
            forged.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&forged, b"place"), Err(SealError));
        }
        for length in 0..sealed.0.len() {
            assert_eq!(key.open(&Sealed(sealed.0[..length].to_vec()), b"place"), Err(SealError));
        }
    }
}
