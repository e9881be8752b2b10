use std::time::Duration;

use async_trait::async_trait;
use data_encoding::HEXLOWER;
use portcullis_domain::{
    port::{Entropy, HashError, PasswordHasher, UnreadableHash, Verdict},
    value::{Password, PasswordHash},
};
use subtle::ConstantTimeEq;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    task::yield_now,
};

use crate::OsEntropy;

const NAME: &str = "fast-blake3";
const LENGTH: usize = 32;
/// The work is done in less than the shortest time that can be said.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Hashes passwords **fast**: salted BLAKE3, some microseconds each, so that tests need not wait.
///
/// **Not for production.** That a hash is slow and hungry for memory is all that protects a weak password once hashes are
/// stolen; these are neither. `portcullis-scrypt` is the one for real people's passwords.
#[derive(Debug)]
pub struct FastPasswordHasher {
    rounds: u32,
    places: Semaphore,
}

/// A stored hash, taken apart.
struct Parts {
    rounds: u32,
    salt: [u8; LENGTH],
    hash: [u8; LENGTH],
}

impl FastPasswordHasher {
    /// One round, and a place for everybody.
    pub const fn new() -> Self {
        Self::bounded(1, Semaphore::MAX_PERMITS)
    }

    /// Hashes in `rounds` rounds, for at most `places` callers at a time; whoever comes beyond is told to come back.
    ///
    /// # Panics
    ///
    /// When `places` is beyond 2^61 (`Semaphore::MAX_PERMITS`).
    pub const fn bounded(rounds: u32, places: usize) -> Self {
        Self { rounds, places: Semaphore::const_new(places) }
    }

    /// Takes a place, and lets others see that it is taken: the work itself never pauses.
    async fn take_place(&self) -> Result<SemaphorePermit<'_>, HashError> {
        let busy = |_| HashError::Busy { retry_after: RETRY_AFTER };
        let place = self.places.try_acquire().map_err(busy)?;
        yield_now().await;
        Ok(place)
    }
}

impl Default for FastPasswordHasher {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl PasswordHasher for FastPasswordHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let _place = self.take_place().await?;
        let mut salt = [0; LENGTH];
        OsEntropy.fill(&mut salt);
        Ok(Parts { rounds: self.rounds, salt, hash: derive(password, &salt, self.rounds) }.to_phc())
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let _place = self.take_place().await?;
        // Nobody's hash: the same work, and no outcome but a mismatch.
        let nobody = || Parts { rounds: self.rounds, salt: [0; LENGTH], hash: [0; LENGTH] };
        let parts = hash.map(Parts::read).transpose()?.unwrap_or_else(nobody);
        let is_equal: bool = derive(password, &parts.salt, parts.rounds).ct_eq(&parts.hash).into();
        Ok(match (is_equal && hash.is_some(), parts.rounds == self.rounds) {
            (false, _) => Verdict::Mismatch,
            (true, true) => Verdict::Match,
            (true, false) => Verdict::MatchOutdated,
        })
    }

    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
        Parts::read(hash).map(drop).map_err(|_| UnreadableHash::Unsupported)
    }
}

impl Parts {
    fn to_phc(&self) -> PasswordHash {
        let (salt, hash) = (HEXLOWER.encode(&self.salt), HEXLOWER.encode(&self.hash));
        PasswordHash::new(format!("${NAME}$r={}${salt}${hash}", self.rounds))
    }

    fn read(hash: &PasswordHash) -> Result<Self, HashError> {
        let fields: Vec<_> = hash.expose().split('$').collect();
        let ["", NAME, rounds, salt, hash] = fields.as_slice() else { return Err(unreadable()) };
        let rounds = rounds.strip_prefix("r=").and_then(|rounds| rounds.parse().ok());
        Ok(Self { rounds: rounds.ok_or_else(unreadable)?, salt: bytes(salt)?, hash: bytes(hash)? })
    }
}

fn bytes(hex: &str) -> Result<[u8; LENGTH], HashError> {
    let bytes = HEXLOWER.decode(hex.as_bytes()).map_err(|error| HashError::Failed(error.into()))?;
    bytes.try_into().map_err(|_| unreadable())
}

fn unreadable() -> HashError {
    HashError::Failed("the stored hash was not made by this hasher".into())
}

fn derive(password: &Password, salt: &[u8; LENGTH], rounds: u32) -> [u8; LENGTH] {
    let first = *blake3::keyed_hash(salt, password.expose().as_bytes()).as_bytes();
    (1..rounds).fold(first, |hash, _| *blake3::keyed_hash(salt, &hash).as_bytes())
}
