//! The service's signing keys: kept in the store, so that all replicas share them, and sealed by the master key, so that
//! the store alone signs nothing.
//!
//! Keys are only ever added, one an epoch, and what each is for follows from its place: the newest is *next*, published so that
//! everybody knows it before it signs anything; the one before is *active* and signs; the rest are *retired*. To rotate is
//! to add a key. That two replicas rotate at once and make two new keys is thereby impossible: there is one key an epoch.

mod rewrap;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::{
    identity::Policy,
    port::{Entropy, SigningKeys, StoreError},
    seal::{MasterKey, SealError, Sealed},
};

pub use rewrap::{RewrapError, Rewrapped, rewrap};

const MATERIAL_LENGTH: usize = 64;
const PURPOSE: &[u8] = b"portcullis signing key v1";
/// How long a replica may be without news of a rotation, and so sign with a key that is retired already. One that is away from the
/// store for longer answers no request.
const NEWS_TAKES: TimeDelta = TimeDelta::minutes(10);
/// How long a next key must have been published before age alone makes it sign.
const PUBLISHED_AHEAD: TimeDelta = TimeDelta::minutes(10);

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

/// What a key of the ring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published, so that it is known when it comes to sign.
    Next,
    /// It signs.
    Active,
    /// It signed; what it signed stays good.
    Retired,
}

impl KeyState {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// A key with its place in the ring.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// The key.
    pub key: SigningKey,
    /// What it is for.
    pub state: KeyState,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs, or did; `None` for the next one.
    pub active_since: Option<DateTime<Utc>>,
    /// From when on it verifies no access token: all that it may have signed have expired. `None` while it is not retired.
    pub access_until: Option<DateTime<Utc>>,
    /// From when on it verifies no refresh token.
    pub refresh_until: Option<DateTime<Utc>>,
}

/// The opened keys, oldest first.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

/// How long tokens are good, and so a retired key after it has signed the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Access tokens.
    pub access: Duration,
    /// Refresh tokens.
    pub refresh: Duration,
}

/// The signing keys cannot be had.
#[derive(Debug, Error)]
pub enum KeyRingError {
    /// The keys were sealed with another master key.
    #[error("the signing keys in the store were sealed with another master key")]
    WrongMasterKey(#[from] SealError),
    /// Some keys were sealed with this master key and some with another: it is being changed.
    #[error("the master key of this store is being changed, and that was not finished")]
    HalfRewrapped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SigningKey {
    /// Makes a key of known material, for tests.
    pub const fn new(epoch: u32, material: [u8; MATERIAL_LENGTH]) -> Self {
        Self { epoch, material }
    }

    /// Draws a key.
    pub fn generate(epoch: u32, entropy: &dyn Entropy) -> Self {
        let mut key = Self::new(epoch, [0; MATERIAL_LENGTH]);
        entropy.fill(&mut key.material);
        key
    }

    /// Its epoch.
    pub const fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Its material.
    pub const fn expose(&self) -> &[u8; MATERIAL_LENGTH] {
        &self.material
    }

    /// Seals it for the store.
    pub fn seal(
        &self,
        master: &MasterKey,
        entropy: &dyn Entropy,
        created_at: DateTime<Utc>,
    ) -> SealedSigningKey {
        let material = master.seal(&self.material, &purpose(self.epoch), entropy);
        SealedSigningKey { epoch: self.epoch, material, created_at }
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

impl Lifetimes {
    /// Those of a policy.
    pub const fn of(policy: &Policy) -> Self {
        Self { access: policy.access_token_lifetime, refresh: policy.refresh_token_lifetime }
    }
}

impl KeyRing {
    /// A ring of keys and when each was made, in any order. A lone key is active.
    pub fn new(keys: impl IntoIterator<Item = (SigningKey, DateTime<Utc>)>, lifetimes: Lifetimes) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|(key, _)| key.epoch);
        let made_at: Vec<_> = keys.iter().map(|(_, created_at)| *created_at).collect();
        let ring = keys.into_iter().enumerate().map(|(place, (key, created_at))| {
            // A key signs from when the one after it was made, and until the one after that was. The first signs at once.
            let first = (place == 0).then_some(created_at);
            let active_since = first.or_else(|| made_at.get(place + 1).copied());
            let retired_at = made_at.get(place + 2).copied();
            let state = match (active_since, retired_at) {
                (_, Some(_)) => KeyState::Retired,
                (Some(_), None) => KeyState::Active,
                (None, None) => KeyState::Next,
            };
            let until = |lifetime| retired_at.map(|at| after(at, lifetime));
            let (access_until, refresh_until) = (until(lifetimes.access), until(lifetimes.refresh));
            RingKey { key, state, created_at, active_since, access_until, refresh_until }
        });
        Self { keys: ring.collect() }
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[RingKey] {
        &self.keys
    }

    /// All keys without their places, oldest first.
    pub fn signing_keys(&self) -> Vec<SigningKey> {
        self.keys.iter().map(|key| key.key.clone()).collect()
    }

    /// The one that signs; `None` of an empty ring.
    pub fn active(&self) -> Option<&RingKey> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// The newest key's epoch; 0 of an empty ring.
    pub fn epoch(&self) -> u32 {
        self.keys.last().map_or(0, |key| key.key.epoch)
    }

    /// Whether the active key has signed for so long that the next one's turn has come. That one must have been published for a
    /// while: who verifies tokens is to know it.
    pub fn is_due(&self, age: Duration, now: DateTime<Utc>) -> bool {
        let age = TimeDelta::from_std(age).unwrap_or(TimeDelta::MAX);
        let is_old = |since: DateTime<Utc>| now.signed_duration_since(since) >= age;
        let is_known = |key: &RingKey| now.signed_duration_since(key.created_at) >= PUBLISHED_AHEAD;
        let next = self.keys.last().filter(|key| key.state == KeyState::Next);
        self.active().and_then(|key| key.active_since).is_some_and(is_old) && next.is_some_and(is_known)
    }
}

fn after(retired_at: DateTime<Utc>, lifetime: Duration) -> DateTime<Utc> {
    let lifetime = TimeDelta::from_std(lifetime).unwrap_or(TimeDelta::MAX);
    let until = retired_at.checked_add_signed(NEWS_TAKES).and_then(|at| at.checked_add_signed(lifetime));
    until.unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Opens all signing keys, and makes the first two where they are not there yet: one that signs, and one that will.
pub async fn open_key_ring(
    keys: &dyn SigningKeys,
    master: &MasterKey,
    lifetimes: Lifetimes,
    entropy: &dyn Entropy,
    now: DateTime<Utc>,
) -> Result<KeyRing, KeyRingError> {
    let mut sealed = keys.list().await?;
    for _ in sealed.len()..2 {
        // What is there must open: a key sealed with another master key beside it would hide that this is the wrong one.
        let epoch = read_key_ring(&sealed, master, lifetimes)?.epoch() + 1;
        let key = SigningKey::generate(epoch, entropy);
        // Lost to another replica or not: the list says which key it is.
        keys.insert(key.seal(master, entropy, now)).await?;
        sealed = keys.list().await?;
    }
    read_key_ring(&sealed, master, lifetimes)
}

/// Opens signing keys as they were read.
pub fn read_key_ring(
    sealed: &[SealedSigningKey],
    master: &MasterKey,
    lifetimes: Lifetimes,
) -> Result<KeyRing, KeyRingError> {
    let opened: Vec<_> = sealed.iter().map(|key| SigningKey::open(key, master)).collect();
    let count = opened.iter().filter(|key| key.is_ok()).count();
    if count > 0 && count < opened.len() {
        return Err(KeyRingError::HalfRewrapped);
    }
    let opened = opened.into_iter().collect::<Result<Vec<_>, _>>()?;
    let made_at = sealed.iter().map(|key| key.created_at);
    Ok(KeyRing::new(opened.into_iter().zip(made_at), lifetimes))
}

/// Rotates from a ring: adds a key to it, whereby the next one becomes active and the active one retired. False when somebody
/// else did so first.
pub async fn rotate_key_ring(
    keys: &dyn SigningKeys,
    ring: &KeyRing,
    master: &MasterKey,
    entropy: &dyn Entropy,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let key = SigningKey::generate(ring.epoch() + 1, entropy);
    keys.insert(key.seal(master, entropy, now)).await
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey(epoch {}, ***)", self.epoch)
    }
}

#[cfg(test)]
mod tests;
