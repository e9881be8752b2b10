use std::{num::NonZeroU32, time::Duration};

use async_trait::async_trait;

use super::StoreError;

/// Limits how often something is done, by the generic cell rate algorithm (GCRA, ITU-T I.371): a bucket of `limit` that refills
/// evenly over `period`.
///
/// # Contract
///
/// * Of any number that race for a key, at most `limit` are allowed at once; then one for each `period / limit` that passes.
/// * A refused attempt costs nothing: whoever keeps trying is allowed as soon as whoever waits.
/// * `retry_after` of a refusal, once waited, is enough.
/// * Keys do not influence each other.
/// * Every instance that shares the limiter counts together, whatever their clocks say.
#[async_trait]
pub trait RateLimiter: Send + Sync {
    /// Takes one from a key's bucket, if there is one.
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError>;
}

/// How often something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// So many times,
    pub limit: NonZeroU32,
    /// in this time.
    pub period: Duration,
}

/// What came of asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateVerdict {
    /// Whether it may be done.
    pub is_allowed: bool,
    /// How many more may be done now.
    pub remaining: u32,
    /// When one more may be done; zero when one may be done now.
    pub retry_after: Duration,
    /// When the bucket is full again.
    pub reset_after: Duration,
}
