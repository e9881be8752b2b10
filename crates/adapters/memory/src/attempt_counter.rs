use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_domain::port::{AttemptCounters, StoreError};

use crate::timed::{CAPACITY, Change, Entry, Timed};

/// Counters for one process. Fit for production: bounded, and what has ended is dropped.
pub struct LocalAttemptCounters(Timed<Key, u64>);

/// A digest of the key: its size is bounded, and the account in it is not kept.
type Key = [u8; 32];

impl LocalAttemptCounters {
    /// For a hundred thousand counters.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// For so many counters; beyond that, those left alone for longest go first.
    pub fn with_capacity(counters: u64) -> Self {
        Self(Timed::new(counters))
    }
}

impl Default for LocalAttemptCounters {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl AttemptCounters for LocalAttemptCounters {
    async fn add(&self, key: &str, window: Duration) -> Result<u64, StoreError> {
        Ok(self.0.change(digest(key), |before| {
            let none = || Entry::lasting(0, Instant::now(), window);
            let before = before.unwrap_or_else(none);
            let count = before.value + 1;
            (Change::Put(Entry { value: count, ..before }), count)
        }))
    }

    async fn count(&self, key: &str) -> Result<u64, StoreError> {
        Ok(self.0.find(&digest(key)).unwrap_or_default())
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        self.0.change(digest(key), |_| (Change::Remove, ()));
        Ok(())
    }
}

fn digest(key: &str) -> Key {
    *blake3::hash(key.as_bytes()).as_bytes()
}

/// Without what it holds: who failed lately.
impl std::fmt::Debug for LocalAttemptCounters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalAttemptCounters(***)")
    }
}
