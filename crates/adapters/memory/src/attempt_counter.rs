use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_domain::port::{AttemptCounters, Attempts, StoreError};

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
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        Ok(self.0.change(digest(key), |before| {
            let now = Instant::now();
            let before = before.filter(|before| before.lasts_at(now));
            let before = before.unwrap_or_else(|| Entry::lasting(0, now, window));
            let entry = Entry { value: before.value + 1, ..before };
            let attempts = attempts(&entry, now);
            (Change::Put(entry), attempts)
        }))
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        let now = Instant::now();
        let entry = self.0.find(&digest(key)).filter(|entry| entry.lasts_at(now));
        Ok(entry.map_or_else(Attempts::default, |entry| attempts(&entry, now)))
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        self.0.change(digest(key), |_| (Change::Remove, ()));
        Ok(())
    }
}

fn attempts(entry: &Entry<u64>, now: Instant) -> Attempts {
    Attempts { count: entry.value, ends_in: entry.remaining(now).unwrap_or(Duration::MAX) }
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
