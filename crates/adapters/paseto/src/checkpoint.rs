//! Signatures of checkpoints, with the keys that sign access tokens: plain Ed25519 (RFC 8032) over the checkpoint's bytes.
//!
//! What a token signs begins with the eight bytes of a small number, and what a checkpoint signs with a word, so neither signature is ever
//! one of the other.

use ed25519_compact::{PublicKey as Ed25519, SecretKey, Signature as Ed25519Signature};
use pasetors::{
    keys::AsymmetricPublicKey,
    paserk::{FormatAsPaserk, Id},
    version4::V4,
};
use portcullis_domain::{
    checkpoint::Signature,
    key_ring::SigningKey,
    port::{CheckpointSigner, CheckpointVerifier, PublicKey, SignatureError},
};
use thiserror::Error;

use crate::key::{Key, KeyError};

/// Signs checkpoints with one key, and checks those of it and of others.
pub struct CheckpointKeys {
    signing: Key,
    known: PublicCheckpointKeys,
}

/// Checks signatures of checkpoints with nothing but public keys.
#[derive(Clone, Debug, Default)]
pub struct PublicCheckpointKeys(Vec<(PublicKey, Ed25519)>);

/// A text is no public key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a public key (k4.public.…): {0:?}")]
pub struct PublicKeyError(String);

impl PublicKeyError {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl CheckpointKeys {
    /// Signs with `signing`; checks with it and with all others, retired ones too, which are still needed for what they signed.
    pub fn new(signing: &SigningKey, all: &[SigningKey]) -> Result<Self, KeyError> {
        let signing = Key::new(signing)?;
        let keys = all.iter().map(Key::new).collect::<Result<Vec<_>, _>>()?;
        let known = std::iter::once(&signing).chain(&keys).map(|key| known(&key.verifying.public)).collect();
        Ok(Self { signing, known: PublicCheckpointKeys(known).unique() })
    }
}

impl PublicCheckpointKeys {
    /// Of keys in their text form, PASERK `k4.public`.
    pub fn parse<'a>(keys: impl IntoIterator<Item = &'a str>) -> Result<Self, PublicKeyError> {
        let parse = |text: &str| {
            let key = AsymmetricPublicKey::<V4>::try_from(text).map_err(|_| PublicKeyError::new(text))?;
            Ok(known(&key))
        };
        Ok(Self(keys.into_iter().map(parse).collect::<Result<_, _>>()?).unique())
    }

    fn unique(mut self) -> Self {
        let mut seen = std::collections::HashSet::new();
        self.0.retain(|(key, _)| seen.insert(key.id.clone()));
        self
    }
}

fn known(key: &AsymmetricPublicKey<V4>) -> (PublicKey, Ed25519) {
    let bytes = Ed25519::from_slice(key.as_bytes()).expect("a public key of version 4 has 32 bytes");
    (PublicKey { id: paserk(&Id::from(key)), key: paserk(key) }, bytes)
}

fn paserk(key: &dyn FormatAsPaserk) -> String {
    let mut text = String::new();
    key.fmt(&mut text).expect("a string takes any text");
    text
}

impl CheckpointSigner for CheckpointKeys {
    fn key_id(&self) -> String {
        paserk(&Id::from(&self.signing.verifying.public))
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let secret = SecretKey::from_slice(self.signing.secret.as_bytes());
        let secret = secret.expect("a secret key of version 4 has 64 bytes");
        Signature::new(*secret.sign(bytes, None))
    }
}

impl CheckpointVerifier for CheckpointKeys {
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        self.known.verify(key_id, bytes, signature)
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        self.known.public_keys()
    }
}

impl CheckpointVerifier for PublicCheckpointKeys {
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        let known = self.0.iter().find(|(key, _)| key.id == key_id);
        let (_, key) = known.ok_or(SignatureError::UnknownKey)?;
        let signature = Ed25519Signature::new(*signature.as_bytes());
        key.verify(bytes, &signature).map_err(|_| SignatureError::Invalid)
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        self.0.iter().map(|(key, _)| key.clone()).collect()
    }
}

/// Without the secrets.
impl std::fmt::Debug for CheckpointKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointKeys").field("known", &self.known).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(epochs: std::ops::Range<u32>) -> Vec<SigningKey> {
        epochs.map(|epoch| SigningKey::new(epoch, [u8::try_from(epoch).expect("few"); 64])).collect()
    }

    #[test]
    fn a_signature_outlives_the_rotation_of_its_key() {
        let all = keys(1..4);
        let before = CheckpointKeys::new(&all[0], &all[..1]).expect("keys");
        let after = CheckpointKeys::new(&all[2], &all).expect("keys");
        let signature = before.sign(b"bytes");
        assert_eq!(after.verify(&before.key_id(), b"bytes", &signature), Ok(()));
        assert_ne!(after.key_id(), before.key_id());
        assert_eq!(after.public_keys().len(), 3);
    }

    #[test]
    fn public_keys_are_read_back_from_their_text() {
        let all = keys(1..3);
        let keys = CheckpointKeys::new(&all[1], &all).expect("keys");
        let texts: Vec<_> = keys.public_keys().into_iter().map(|key| key.key).collect();
        let read = PublicCheckpointKeys::parse(texts.iter().map(String::as_str)).expect("public keys");
        assert_eq!(read.public_keys(), keys.public_keys());
        assert_eq!(read.verify(&keys.key_id(), b"bytes", &keys.sign(b"bytes")), Ok(()));
        assert!(PublicCheckpointKeys::parse(["k4.public.AAAA"]).is_err());
        assert!(PublicCheckpointKeys::parse(["k4.secret.AAAA"]).is_err());
    }
}
