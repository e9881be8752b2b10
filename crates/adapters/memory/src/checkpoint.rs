use async_trait::async_trait;
use portcullis_domain::{
    checkpoint::{Signature, SignedCheckpoint},
    event::Version,
    id::StreamId,
    port::{
        CheckpointSigner, CheckpointVerifier, Checkpoints, Covering, EventStore, PublicKey, SignatureError,
        StoreError,
    },
};

use crate::{Memory, event_store};

const CONTEXT: &str = "portcullis memory signature v1";

#[async_trait]
impl Checkpoints for Memory {
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        Ok(self.state().checkpoints.last().cloned())
    }

    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let skipped = usize::try_from(after).unwrap_or(usize::MAX);
        Ok(self.state().checkpoints.iter().skip(skipped).take(limit).cloned().collect())
    }

    async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError> {
        let event = self.read_stream(stream, version.saturating_sub(1), 1).await?.pop();
        let Some(event) = event.filter(|event| event.version == version) else { return Ok(None) };
        let place = event_store::cursor(&event);
        let checkpoints = &self.state().checkpoints;
        let signed = checkpoints.iter().find(|signed| signed.checkpoint.cursor >= place).cloned();
        Ok(signed.map(|signed| Covering { place, signed }))
    }

    async fn insert(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError> {
        let checkpoints = &mut self.state().checkpoints;
        let is_next = checkpoint.checkpoint.number == checkpoints.len() as u64 + 1;
        if is_next {
            checkpoints.push(checkpoint.clone());
        }
        Ok(is_next)
    }
}

/// Signatures that their verifier could make as well: for tests and experiments alone.
pub struct SharedSecretKeys {
    secret: [u8; 32],
}

impl SharedSecretKeys {
    /// Of a secret.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret }
    }

    /// Of what [`public_keys`](CheckpointVerifier::public_keys) gave; the first of them.
    pub fn of_public(keys: &[PublicKey]) -> Option<Self> {
        let secret = data_encoding::HEXLOWER.decode(keys.first()?.key.as_bytes()).ok()?;
        secret.as_slice().try_into().ok().map(Self::new)
    }
}

impl CheckpointSigner for SharedSecretKeys {
    fn key_id(&self) -> String {
        format!("memory.{}", &blake3::hash(&self.secret).to_hex()[..16])
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&self.secret).update(bytes);
        hasher.finalize_xof().fill(&mut signature);
        Signature::new(signature)
    }
}

impl CheckpointVerifier for SharedSecretKeys {
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if key_id != self.key_id() {
            return Err(SignatureError::UnknownKey);
        }
        if self.sign(bytes) == *signature { Ok(()) } else { Err(SignatureError::Invalid) }
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        vec![PublicKey { id: self.key_id(), key: data_encoding::HEXLOWER.encode(&self.secret) }]
    }
}

/// Without the secret.
impl std::fmt::Debug for SharedSecretKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SharedSecretKeys(***)")
    }
}
