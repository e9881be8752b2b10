use std::time::Duration;

use async_trait::async_trait;

use super::StoreError;

/// Counts failures that belong together, such as wrong passwords for one account from one source.
///
/// # Contract
///
/// * `add` counts atomically: of any number that race, each gets a count of its own, 1, 2, 3, …
/// * The count ends a `window` after its first failure, however many follow.
/// * A cleared counter starts anew.
/// * Counters do not influence each other.
/// * Every instance that shares the counters counts together.
#[async_trait]
pub trait AttemptCounters: Send + Sync {
    /// Counts a failure, and returns how many there are.
    async fn add(&self, key: &str, window: Duration) -> Result<u64, StoreError>;
    /// How many there are.
    async fn count(&self, key: &str) -> Result<u64, StoreError>;
    /// Forgets them.
    async fn clear(&self, key: &str) -> Result<(), StoreError>;
}
