use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Counts failures that belong together, such as wrong passwords for one account from one source.
///
/// # Contract
///
/// * `add` counts atomically: of any number that race, each gets a count of its own, 1, 2, 3, …
/// * The count ends a `window` after its first failure, however many follow.
/// * `ends_in` says when that is, and is zero where nothing is counted; once waited, it is enough.
/// * A cleared counter starts anew.
/// * Counters do not influence each other.
/// * Every instance that shares the counters counts together.
#[async_trait]
pub trait AttemptCounters: Send + Sync {
    /// Counts a failure, and returns how many there are.
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError>;
    /// How many there are.
    async fn count(&self, key: &str) -> Result<Attempts, StoreError>;
    /// Forgets them.
    async fn clear(&self, key: &str) -> Result<(), StoreError>;
}

/// Failures that were counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// How many.
    pub count: u64,
    /// When they are forgotten.
    pub ends_in: Duration,
}
