//! The keys that sign checkpoints: those of the key ring, read anew whenever they are needed, for they may have been rotated.

use std::sync::Arc;

use portcullis_domain::{
    Identity,
    key_ring::{KeyRingError, Lifetimes, open_key_ring},
    port::{Checkpoints, SigningKeys, StoreError},
};
use portcullis_paseto::{CheckpointKeys, KeyError};
use thiserror::Error;

use crate::metric::Metrics;

/// Where they come from.
pub(crate) struct KeySource {
    pub(crate) identity: Identity,
    pub(crate) signing_keys: Arc<dyn SigningKeys>,
}

/// What there is to compare the log with: the notary's checkpoints, and the keys that signed them.
pub(crate) struct CheckpointRecord {
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) keys: KeySource,
    /// Where what is found is counted.
    pub(crate) metrics: Arc<Metrics>,
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

impl From<KeySourceError> for StoreError {
    fn from(error: KeySourceError) -> Self {
        match error {
            KeySourceError::Ring(KeyRingError::Store(error)) => error,
            error => Self::corrupt(error),
        }
    }
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
