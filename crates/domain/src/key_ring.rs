//! The service's signing keys: kept in the store, so that all replicas share them, and sealed by the master key, so that
//! the store alone signs nothing.

use chrono::{DateTime, Utc};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    port::{Entropy, SigningKeys, StoreError},
    seal::{MasterKey, SealError, Sealed},
};

const MATERIAL_LENGTH: usize = 64;
const PURPOSE: &[u8] = b"portcullis signing key v1";

/// A signing key as the store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSigningKey {
    /// 1 for the first key, then one more for each; unique, so that replicas that make one at once end up with one.
    pub epoch: u32,
    /// Its material, sealed by the master key.
    pub material: Sealed,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

/// An opened signing key: 64 random bytes, of which a token adapter makes what its format needs.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SigningKey {
    epoch: u32,
    material: [u8; MATERIAL_LENGTH],
}

/// The signing keys cannot be had.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// The keys were sealed with another master key.
    #[error("the signing keys in the store were sealed with another master key")]
    WrongMasterKey(#[from] SealError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SigningKey {
    /// Makes a key of known material, for tests.
    pub const fn new(epoch: u32, material: [u8; MATERIAL_LENGTH]) -> Self {
        Self { epoch, material }
    }

    /// Its epoch.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Its material.
    pub const fn expose(&self) -> &[u8; MATERIAL_LENGTH] {
        &self.material
    }

    fn seal(&self, master: &MasterKey, entropy: &dyn Entropy, now: DateTime<Utc>) -> SealedSigningKey {
        let material = master.seal(&self.material, &purpose(self.epoch), entropy);
        SealedSigningKey { epoch: self.epoch, material, created_at: now }
    }

    fn open(sealed: &SealedSigningKey, master: &MasterKey) -> Result<Self, SealError> {
        let mut bytes = master.open(&sealed.material, &purpose(sealed.epoch))?;
        let material = bytes.as_slice().try_into().map_err(|_| SealError);
        bytes.zeroize();
        Ok(Self { epoch: sealed.epoch, material: material? })
    }
}

fn purpose(epoch: u32) -> Vec<u8> {
    [PURPOSE, &epoch.to_le_bytes()].concat()
}

/// Opens all signing keys, oldest first, and makes the first one where there is none yet.
pub async fn open_key_ring(
    keys: &dyn SigningKeys,
    master: &MasterKey,
    entropy: &dyn Entropy,
    now: DateTime<Utc>,
) -> Result<Vec<SigningKey>, KeyRingError> {
    let mut sealed = keys.list().await?;
    if sealed.is_empty() {
        let mut first = SigningKey::new(1, [0; MATERIAL_LENGTH]);
        entropy.fill(&mut first.material);
        // Lost to another replica or not: the list says which key it is.
        keys.insert(first.seal(master, entropy, now)).await?;
        sealed = keys.list().await?;
    }
    Ok(sealed.iter().map(|key| SigningKey::open(key, master)).collect::<Result<_, _>>()?)
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(epoch {}, ***)", self.epoch)
    }
}
