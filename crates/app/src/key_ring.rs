//! What `portcullis keys` does: the signing keys seen, rotated, and sealed with another master key.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use portcullis_domain::{
    key_ring::{
        KeyRing, KeyRingError, KeyState, Lifetimes, RewrapError, Rewrapped, open_key_ring, rewrap,
        rotate_key_ring,
    },
    port::{Clock, StoreError},
    seal::MasterKey,
};
use portcullis_memory::{OsEntropy, SystemClock};
use portcullis_paseto::Paseto;
use thiserror::Error;

use crate::{
    config::{Config, ConfigError},
    data_folder, master_key,
    stack::{find_master_key, key_ring_error, master_key_error},
    store::Store,
};

/// The key ring, opened for commands beside running services.
pub struct KeyRingCommands<'a> {
    config: &'a Config,
    store: Store,
    opened_at: DateTime<Utc>,
}

/// A key, without what it signs with.
#[derive(Clone, Debug)]
pub struct ListedKey {
    /// Its number.
    pub epoch: u32,
    /// What it is for.
    pub state: KeyState,
    /// Its PASERK id, which tokens name.
    pub id: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// Since when it signs, or did.
    pub active_since: Option<DateTime<Utc>>,
    /// From when on it verifies no access token.
    pub not_after: Option<DateTime<Utc>>,
}

/// A command on the keys was not done.
#[derive(Debug, Error)]
pub enum KeyRingCommandError {
    /// The settings do not fit.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// Not all was sealed anew.
    #[error("the master key was not changed in full: run this again")]
    Rewrap(#[source] RewrapError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl<'a> KeyRingCommands<'a> {
    /// Opens the store that the configuration names.
    pub async fn open(config: &'a Config) -> Result<Self, ConfigError> {
        let opened_at = SystemClock.now();
        let store = Store::open(config).await?;
        data_folder::make(config)?;
        Ok(Self { config, store, opened_at })
    }

    /// All keys, oldest first.
    pub async fn list(&self) -> Result<Vec<ListedKey>, KeyRingCommandError> {
        let ring = self.ring(&find_master_key(self.config, &self.store).await?).await?;
        Ok(listed(&ring))
    }

    /// Rotates, and returns the ring after it. A rotation that somebody else has done since this was opened is the one that was asked for.
    pub async fn rotate(&self) -> Result<(bool, Vec<ListedKey>), KeyRingCommandError> {
        let master_key = find_master_key(self.config, &self.store).await?;
        let ring = self.ring(&master_key).await?;
        let newest = ring.keys().last();
        // The first two keys are made together, and by no rotation.
        let is_rotated = ring.keys().len() > 2 && newest.is_some_and(|key| key.created_at > self.opened_at);
        let keys = self.store.signing_keys.as_ref();
        let is_mine =
            !is_rotated && rotate_key_ring(keys, &ring, &master_key, &OsEntropy, SystemClock.now()).await?;
        Ok((is_mine, listed(&self.ring(&master_key).await?)))
    }

    /// Changes the master key: to `MASTER_KEY` from `MASTER_KEY_PREVIOUS`, or in the data folder to a new one. Returns what was sealed
    /// anew, and where the key before is kept.
    pub async fn rewrap(&self) -> Result<(Rewrapped, Option<PathBuf>), KeyRingCommandError> {
        let folder = &self.config.data_dir;
        let is_in_folder = self.config.master_key.is_none() && self.config.master_key_previous.is_none();
        if is_in_folder {
            // That the key is the right one is seen before another takes its place.
            self.ring(&find_master_key(self.config, &self.store).await?).await?;
            master_key::begin_change(folder, &OsEntropy)
                .map_err(|error| master_key_error(self.config, error))?;
        } else if self.config.master_key_previous.is_none() {
            let problem = "it is not set, so nothing says what the data are sealed with now";
            let remedy = "set it to the key in use until now, and MASTER_KEY to the new one";
            return Err(self.config.refuse("MASTER_KEY_PREVIOUS", problem, remedy).into());
        }
        let master_key = find_master_key(self.config, &self.store).await?;
        // Two keys at least, by which a change under way is told.
        self.ring(&master_key).await?;
        let (signing_keys, subject_keys) =
            (self.store.signing_keys.as_ref(), self.store.subject_keys.as_ref());
        let rewrapped = rewrap(signing_keys, subject_keys, &master_key, &OsEntropy).await;
        let rewrapped = rewrapped.map_err(KeyRingCommandError::Rewrap)?;
        let aside = if is_in_folder {
            let ended = master_key::end_change(folder, SystemClock.now());
            ended.map_err(|error| master_key_error(self.config, error))?
        } else {
            None
        };
        Ok((rewrapped, aside))
    }

    /// Closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }

    async fn ring(&self, master_key: &MasterKey) -> Result<KeyRing, ConfigError> {
        open_ring(self.config, &self.store, master_key)
            .await
            .map_err(|error| key_ring_error(self.config, error))
    }
}

/// Opens the ring, and makes its first keys where there are none.
pub(crate) async fn open_ring(
    config: &Config,
    store: &Store,
    master_key: &MasterKey,
) -> Result<KeyRing, KeyRingError> {
    let lifetimes = Lifetimes::of(&config.policy());
    open_key_ring(store.signing_keys.as_ref(), master_key, lifetimes, &OsEntropy, SystemClock.now()).await
}

fn listed(ring: &KeyRing) -> Vec<ListedKey> {
    let ids = Paseto::new(ring, "portcullis", "portcullis").map(|paseto| paseto.public_keys());
    let ids = ids.unwrap_or_default();
    let key = |key: &portcullis_domain::key_ring::RingKey| {
        let epoch = key.key.epoch();
        let public = ids.iter().find(|public| public.epoch == epoch);
        ListedKey {
            epoch,
            state: key.state,
            id: public.map(|public| public.id.clone()).unwrap_or_default(),
            created_at: key.created_at,
            active_since: key.active_since,
            not_after: key.access_until,
        }
    };
    ring.keys().iter().map(key).collect()
}
