use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_domain::port::{Quota, RateLimiter, RateVerdict, StoreError};

use crate::timed::{CAPACITY, Change, Entry, Timed};

/// Limits for one process, by the virtual scheduling form of GCRA (ITU-T I.371, annex A). Fit for production: it keeps one time
/// a key, for at most a hundred thousand keys, and what is never asked for again is dropped once its bucket is full.
///
/// By hand rather than by `governor`, whose limiters each have one quota, keep every key until they are told to clear up, and
/// do not say when a bucket is full.
pub struct LocalRateLimiter(Timed<Key, ()>);

/// A century: no process lives for longer, and clocks can still be added to.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// A digest of the key: its size is bounded, and the address in it is not kept.
type Key = [u8; 32];

impl LocalRateLimiter {
    /// For a hundred thousand keys.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// For so many keys; beyond that, those left alone for longest go first.
    pub fn with_capacity(keys: u64) -> Self {
        Self(Timed::new(keys))
    }
}

impl Default for LocalRateLimiter {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl RateLimiter for LocalRateLimiter {
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        let bucket = Bucket::of(quota);
        Ok(self.0.change(*blake3::hash(key.as_bytes()).as_bytes(), |entry| {
            let now = Instant::now();
            // When the bucket is full again is all there is to know of it, and an entry that is full is no entry.
            let full_at = entry.and_then(|entry| entry.ends_at).unwrap_or(now);
            let (verdict, lacking) = bucket.take(full_at.saturating_duration_since(now).as_nanos());
            let taken = verdict.is_allowed.then(|| Entry::lasting((), now, duration(lacking)));
            (taken.map_or(Change::Keep, Change::Put), verdict)
        }))
    }
}

/// A bucket's measures, in nanoseconds: what it lacks is the time in which it refills.
struct Bucket {
    /// The time in which one comes back, rounded up.
    interval: u128,
    /// The time in which an empty bucket fills.
    size: u128,
    limit: u32,
}

impl Bucket {
    fn of(quota: Quota) -> Self {
        let limit = quota.limit.get();
        let interval = quota.period.min(LONGEST).as_nanos().div_ceil(limit.into()).max(1);
        Self { interval, size: interval * u128::from(limit), limit }
    }

    /// Takes one from a bucket that lacks so much, and says what it lacks then. A bucket never lacks more than its size,
    /// though it may have been wider when it was used last.
    fn take(&self, lacking: u128) -> (RateVerdict, u128) {
        let before = lacking.min(self.size);
        let is_allowed = before + self.interval <= self.size;
        let lacking = if is_allowed { before + self.interval } else { before };
        let remaining = (self.size - lacking) / self.interval;
        let verdict = RateVerdict {
            is_allowed,
            remaining: u32::try_from(remaining).unwrap_or(self.limit),
            retry_after: duration((lacking + self.interval).saturating_sub(self.size)),
            reset_after: duration(lacking),
        };
        (verdict, lacking)
    }
}

fn duration(nanoseconds: u128) -> Duration {
    const SECOND: u128 = 1_000_000_000;
    let seconds = u64::try_from(nanoseconds / SECOND).unwrap_or(u64::MAX);
    Duration::new(seconds, u32::try_from(nanoseconds % SECOND).expect("less than a second"))
}

/// Without what it holds: who asked lately.
impl std::fmt::Debug for LocalRateLimiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalRateLimiter(***)")
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const fn quota(limit: u32, period: Duration) -> Quota {
        Quota { limit: NonZeroU32::new(limit).expect("above zero"), period }
    }

    #[test]
    fn one_comes_back_for_each_interval_to_the_nanosecond() {
        let bucket = Bucket::of(quota(3, Duration::from_micros(3)));
        let (verdict, lacking) = bucket.take(2_000);
        assert_eq!((verdict.is_allowed, verdict.remaining, lacking), (true, 0, 3_000));
        assert_eq!(verdict.retry_after, Duration::from_micros(1));
        let (verdict, lacking) = bucket.take(2_001);
        assert_eq!((verdict.is_allowed, verdict.remaining, lacking), (false, 0, 2_001));
        assert_eq!(verdict.retry_after, Duration::from_nanos(1));
        assert_eq!(verdict.reset_after, Duration::from_nanos(2_001));
        let (verdict, _) = bucket.take(0);
        assert_eq!((verdict.remaining, verdict.retry_after), (2, Duration::ZERO));
    }

    #[tokio::test]
    async fn a_quota_made_narrower_does_not_refuse_for_longer_than_its_period() {
        let limiter = LocalRateLimiter::new();
        let day = quota(1, Duration::from_hours(24));
        assert!(limiter.take("key", day).await.expect("answers").is_allowed);
        let verdict = limiter.take("key", quota(2, Duration::from_secs(60))).await.expect("answers");
        assert!(!verdict.is_allowed);
        assert!(verdict.retry_after <= Duration::from_secs(30), "{verdict:?}");
        assert!(verdict.reset_after <= Duration::from_secs(60), "{verdict:?}");
    }

    #[tokio::test]
    async fn keys_that_an_attacker_thinks_of_do_not_fill_the_memory() {
        let limiter = LocalRateLimiter::with_capacity(500);
        for key in 0..20_000 {
            let verdict = limiter.take(&key.to_string(), quota(1, Duration::from_hours(1))).await;
            assert!(verdict.expect("answers").is_allowed);
        }
        assert!(limiter.0.len() <= 500);
    }
}
