use std::time::Duration;

use async_trait::async_trait;
use portcullis_domain::port::{Quota, RateLimiter, RateVerdict, StoreError};

use crate::{LONGEST, Redis, connection::Urgency, script};

#[async_trait]
impl RateLimiter for Redis {
    /// Counts in whole microseconds: of a quota that gives back more than a million a second, no more than that come back.
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        let bucket = Bucket::of(quota);
        let keys = [self.digest_key("rate", key)];
        let arguments = [bucket.interval.to_string().into(), bucket.size.to_string().into()];
        let (taken, lacking): (u32, u64) = self
            .connections
            .call(Urgency::Ordinary, |connection| async move {
                script::TAKE.run(connection, &keys, &arguments).await
            })
            .await?;
        Ok(bucket.verdict(taken > 0, lacking))
    }
}

/// A bucket's measures in microseconds, as the script takes them. All of them, and a clock's time added, are whole numbers that
/// the script's own kind of number holds exactly.
struct Bucket {
    /// The time in which one comes back, rounded up.
    interval: u64,
    /// The time in which an empty bucket fills.
    size: u64,
    limit: u32,
}

impl Bucket {
    fn of(quota: Quota) -> Self {
        let limit = quota.limit.get();
        let period = quota.period.min(LONGEST).as_nanos().div_ceil(1_000);
        let period = u64::try_from(period).expect("a century in microseconds is not that long");
        let interval = period.div_ceil(limit.into()).max(1);
        Self { interval, size: interval * u64::from(limit), limit }
    }

    fn verdict(&self, is_allowed: bool, lacking: u64) -> RateVerdict {
        let remaining = self.size.saturating_sub(lacking) / self.interval;
        RateVerdict {
            is_allowed,
            remaining: u32::try_from(remaining).unwrap_or(self.limit),
            retry_after: Duration::from_micros((lacking + self.interval).saturating_sub(self.size)),
            reset_after: Duration::from_micros(lacking),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    #[test]
    fn the_widest_bucket_still_counts_exactly() {
        const EXACT: u64 = 1 << 53;
        for limit in [1, 3, 1_000_000, u32::MAX] {
            let limit = NonZeroU32::new(limit).expect("above zero");
            let bucket = Bucket::of(Quota { limit, period: Duration::MAX });
            let year_2125 = 155 * 31_557_600_000_000;
            assert!(year_2125 + bucket.size < EXACT, "with a limit of {limit}");
        }
    }
}
