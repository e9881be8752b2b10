//! The keys that sign checkpoints: those of the key ring, read anew whenever they are needed, for they may have been rotated.

use std::sync::Arc;

use portcullis_domain::{
    Identity,
    key_ring::{KeyRingError, Lifetimes, open_key_ring},
    port::SigningKeys,
};
use portcullis_paseto::{CheckpointKeys, KeyError};
use thiserror::Error;

/// Where they come from.
pub(crate) struct KeySource {
    pub(crate) identity: Identity,
    pub(crate) signing_keys: Arc<dyn SigningKeys>,
}

/// They cannot be had.
#[derive(Debug, Error)]
pub enum KeySourceError {
    /// The key ring cannot be opened.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
    /// A key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is none.
    #[error("there is no signing key")]
    None,
}

impl KeySource {
    pub(crate) async fn load(&self) -> Result<CheckpointKeys, KeySourceError> {
        let ports = self.identity.ports();
        let keys = self.signing_keys.as_ref();
        let (entropy, now) = (ports.entropy.as_ref(), ports.clock.now());
        let lifetimes = Lifetimes::of(self.identity.policy());
        let ring = open_key_ring(keys, &ports.master_key, lifetimes, entropy, now).await?;
        let active = ring.active().ok_or(KeySourceError::None)?;
        Ok(CheckpointKeys::new(&active.key, &ring.signing_keys())?)
    }
}
