//! What replicas count together in Redis, and each for itself while that is away: nobody is refused, and nobody let through, because a
//! server is down. Neither waits for it: while it is away the adapter says so at once, and looks by itself whether it is back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use portcullis_domain::port::{AttemptCounters, Attempts, Quota, RateLimiter, RateVerdict, StoreError};

use crate::causes::chain;

/// Limits that are shared, or this process's own. Those begin with full buckets: an outage gives everybody one more of them on each
/// replica.
pub(crate) struct FallBackLimiter {
    shared: Arc<dyn RateLimiter>,
    own: Arc<dyn RateLimiter>,
    standing: Standing,
}

/// Counters that are shared, or this process's own. What is counted is counted in both, so that a lock that this process set holds when
/// the shared one goes away.
pub(crate) struct FallBackCounters {
    shared: Arc<dyn AttemptCounters>,
    own: Arc<dyn AttemptCounters>,
    standing: Standing,
}

/// Which of the two counts, for the log: one line when it changes.
struct Standing {
    what: &'static str,
    is_shared: AtomicBool,
}

impl FallBackLimiter {
    pub(crate) const fn new(shared: Arc<dyn RateLimiter>, own: Arc<dyn RateLimiter>) -> Self {
        Self { shared, own, standing: Standing::new("limits") }
    }
}

#[async_trait]
impl RateLimiter for FallBackLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        match self.standing.note(self.shared.take(key, quota).await) {
            Some(verdict) => Ok(verdict),
            None => self.own.take(key, quota).await,
        }
    }
}

impl FallBackCounters {
    pub(crate) const fn new(shared: Arc<dyn AttemptCounters>, own: Arc<dyn AttemptCounters>) -> Self {
        Self { shared, own, standing: Standing::new("failed attempts") }
    }
}

#[async_trait]
impl AttemptCounters for FallBackCounters {
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        let own = self.own.add(key, window).await;
        self.standing.note(self.shared.add(key, window).await).map_or(own, Ok)
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        match self.standing.note(self.shared.count(key).await) {
            Some(attempts) => Ok(attempts),
            None => self.own.count(key).await,
        }
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        let own = self.own.clear(key).await;
        self.standing.note(self.shared.clear(key).await).map_or(own, Ok)
    }
}

impl Standing {
    const fn new(what: &'static str) -> Self {
        Self { what, is_shared: AtomicBool::new(true) }
    }

    /// What the shared one said, if it did.
    fn note<T>(&self, outcome: Result<T, StoreError>) -> Option<T> {
        let what = self.what;
        match outcome {
            Ok(value) => {
                if !self.is_shared.swap(true, Ordering::Relaxed) {
                    tracing::info!("{what} are counted by all replicas together again");
                }
                Some(value)
            }
            Err(error) => {
                if self.is_shared.swap(false, Ordering::Relaxed) {
                    tracing::warn!("{what} are counted by each replica for itself: {}", chain(&error));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
