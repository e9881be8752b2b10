use std::{
    num::NonZeroU32,
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_domain::port::{Quota, RateLimiter, RateVerdict};

use crate::{RateLimiterHarness, race::race, sample};

const KEY: &str = "sign-in:203.0.113.7";
/// A period in which no bucket of a few refills by one while a case runs.
const LONG: Duration = Duration::from_secs(86_400);
const RACERS: usize = 64;

const fn quota(limit: u32, period: Duration) -> Quota {
    Quota { limit: NonZeroU32::new(limit).expect("limits of cases are above zero"), period }
}

/// A limiter under test, with fewer words.
#[derive(Clone)]
struct Limiter(Arc<dyn RateLimiter>);

/// What came of taking until nothing was left.
struct Drained {
    taken: u32,
    first_asked: Instant,
    /// Within these two the bucket held less than one.
    empty: [Instant; 2],
    refusal: RateVerdict,
}

impl Limiter {
    async fn of<H: RateLimiterHarness>() -> (H, [Self; 2]) {
        let harness = H::start().await;
        let instances = harness.instances().map(Self);
        (harness, instances)
    }

    async fn take(&self, key: &str, quota: Quota) -> RateVerdict {
        self.0.take(key, quota).await.expect("answers")
    }

    async fn drain(&self, key: &str, quota: Quota) -> Drained {
        let first_asked = Instant::now();
        for taken in 0.. {
            let asked = Instant::now();
            let refusal = self.take(key, quota).await;
            if !refusal.is_allowed {
                return Drained { taken, first_asked, empty: [asked, Instant::now()], refusal };
            }
        }
        unreachable!("counting never ends")
    }
}

/// Whole intervals of a quota in a time.
fn intervals(quota: Quota, time: Duration) -> u32 {
    let interval = quota.period / quota.limit.get();
    u32::try_from(time.as_nanos() / interval.as_nanos()).expect("cases are short")
}

/// However many ask.
pub async fn of_racing_takers_the_limit_are_allowed<H: RateLimiterHarness>() {
    let (_harness, [limiter, _]) = Limiter::of::<H>().await;
    check_race(&[limiter]).await;
}

async fn check_race(instances: &[Limiter]) {
    for limit in [1, 7, 10, 63, 64, 65] {
        let key = format!("{KEY}|{limit}");
        let verdicts = race(RACERS, |number| {
            let (limiter, key) = (instances[number % instances.len()].clone(), key.clone());
            async move { limiter.take(&key, quota(limit, LONG)).await }
        })
        .await;
        let allowed = verdicts.iter().filter(|verdict| verdict.is_allowed).count();
        assert_eq!(allowed, RACERS.min(limit as usize), "allowed with a limit of {limit}");
    }
}

/// And says when there is more.
pub async fn a_verdict_says_what_is_left<H: RateLimiterHarness>() {
    let (_harness, [limiter, _]) = Limiter::of::<H>().await;
    for limit in [1, 3, 10] {
        let (key, quota) = (format!("{KEY}|{limit}"), quota(limit, LONG));
        let interval = LONG / limit;
        let begun = Instant::now();
        for taken in 1..=limit {
            let verdict = limiter.take(&key, quota).await;
            assert_eq!((verdict.is_allowed, verdict.remaining), (true, limit - taken), "{verdict:?}");
            assert_eq!(verdict.retry_after.is_zero(), taken < limit, "{verdict:?}");
            check_wait(verdict.reset_after, interval * taken, begun);
        }
        for _ in 0..3 {
            let verdict = limiter.take(&key, quota).await;
            assert_eq!((verdict.is_allowed, verdict.remaining), (false, 0), "{verdict:?}");
            check_wait(verdict.retry_after, interval, begun);
            check_wait(verdict.reset_after, LONG, begun);
        }
    }
}

/// A wait that was `full` when the case began, give or take what engines round.
fn check_wait(said: Duration, full: Duration, begun: Instant) {
    let rounding = Duration::from_millis(50);
    assert!(said <= full + rounding, "{said:?} of {full:?}");
    assert!(said + begun.elapsed() + rounding >= full, "{said:?} of {full:?}");
}

/// Neither more nor less, and never more than a bucket.
pub async fn a_bucket_refills_evenly<H: RateLimiterHarness>() {
    let (harness, [limiter, _]) = Limiter::of::<H>().await;
    let quota = quota(4, harness.unit() * 4);
    let mut before = limiter.drain(KEY, quota).await;
    for wait in [1, 2, 7, 3] {
        tokio::time::sleep(harness.unit() * wait + harness.unit() / 2).await;
        let drained = limiter.drain(KEY, quota).await;
        let at_least = intervals(quota, drained.first_asked - before.empty[1]).min(quota.limit.get());
        assert!(drained.taken >= at_least, "{} taken after {wait} intervals", drained.taken);
        // What the bucket held before was less than one; what came while it was full is lost.
        let since = |begin: Instant| intervals(quota, drained.empty[1] - begin) + 1;
        let at_most = since(before.empty[0]).min(since(drained.first_asked) + quota.limit.get());
        assert!(drained.taken <= at_most, "{} taken after {wait} intervals", drained.taken);
        before = drained;
    }
}

/// Its wait does not grow, and ends.
pub async fn whoever_keeps_trying_is_allowed_as_soon_as_whoever_waits<H: RateLimiterHarness>() {
    let (harness, [limiter, _]) = Limiter::of::<H>().await;
    let slow = quota(2, LONG);
    let first = limiter.drain("slow", slow).await.refusal;
    for _ in 0..200 {
        let verdict = limiter.take("slow", slow).await;
        assert!(!verdict.is_allowed);
        assert!(verdict.retry_after <= first.retry_after, "{verdict:?} after {first:?}");
        assert!(verdict.reset_after <= first.reset_after, "{verdict:?} after {first:?}");
    }
    let quick = quota(1, harness.unit());
    let drained = limiter.drain("quick", quick).await;
    loop {
        let asked = Instant::now();
        if limiter.take("quick", quick).await.is_allowed {
            break;
        }
        let waited = asked - drained.empty[1];
        assert!(waited < harness.unit() + harness.unit() / 10, "still refused after {waited:?}");
        tokio::time::sleep(harness.unit() / 50).await;
    }
}

/// Whatever the interval, even or not.
pub async fn an_attempt_is_allowed_after_the_wait_it_was_told<H: RateLimiterHarness>() {
    let (harness, [limiter, _]) = Limiter::of::<H>().await;
    for (limit, period) in
        [(1, harness.unit()), (3, harness.unit()), (7, harness.unit() * 2 + Duration::from_micros(1))]
    {
        let (key, quota) = (format!("{KEY}|{limit}"), quota(limit, period));
        for _ in 0..4 {
            let refusal = limiter.drain(&key, quota).await.refusal;
            assert!(!refusal.retry_after.is_zero(), "{refusal:?}");
            tokio::time::sleep(refusal.retry_after).await;
            let verdict = limiter.take(&key, quota).await;
            assert!(verdict.is_allowed, "after {:?}: {verdict:?}", refusal.retry_after);
        }
    }
}

/// Which is what `reset_after` says.
pub async fn a_bucket_is_full_after_the_wait_it_was_told<H: RateLimiterHarness>() {
    let (harness, [limiter, _]) = Limiter::of::<H>().await;
    let quota = quota(3, harness.unit() * 3);
    let refusal = limiter.drain(KEY, quota).await.refusal;
    tokio::time::sleep(refusal.reset_after).await;
    let drained = limiter.drain(KEY, quota).await;
    assert!(drained.taken >= quota.limit.get(), "{} taken after {:?}", drained.taken, refusal.reset_after);
}

/// However they are spelt.
pub async fn keys_do_not_influence_each_other<H: RateLimiterHarness>() {
    let (_harness, [limiter, _]) = Limiter::of::<H>().await;
    let quota = quota(2, LONG);
    let keys = sample::hostile_keys();
    for key in &keys {
        assert_eq!(limiter.take(key, quota).await.remaining, 1, "{key:.40?}");
    }
    for key in &keys {
        assert_eq!(limiter.drain(key, quota).await.taken, 1, "{key:.40?}");
    }
}

/// From the widest to the narrowest.
pub async fn quotas_of_any_size_are_kept<H: RateLimiterHarness>() {
    let (_harness, [limiter, _]) = Limiter::of::<H>().await;
    for (limit, period) in [(1, Duration::MAX), (2, Duration::from_secs(1 << 40)), (u32::MAX, Duration::MAX)]
    {
        let (key, quota) = (format!("{KEY}|{limit}"), quota(limit, period));
        for taken in 1..=limit.min(3) {
            let verdict = limiter.take(&key, quota).await;
            assert_eq!((verdict.is_allowed, verdict.remaining), (true, limit - taken), "{quota:?}");
        }
        assert_eq!(limiter.take(&key, quota).await.is_allowed, limit > 3, "{quota:?}");
    }
    for (limit, period) in
        [(1, Duration::ZERO), (u32::MAX, Duration::ZERO), (u32::MAX, Duration::from_nanos(1))]
    {
        let (key, quota) = (format!("{KEY}|{limit}|{period:?}"), quota(limit, period));
        for _ in 0..3 {
            assert!(limiter.take(&key, quota).await.is_allowed, "{quota:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// Replicas share the attempts that an attacker spreads over them.
pub async fn instances_count_together<H: RateLimiterHarness>() {
    let (_harness, instances) = Limiter::of::<H>().await;
    check_race(&instances).await;
    let quota = quota(10, LONG);
    for taken in 1..=10 {
        let verdict = instances[taken % 2].take(KEY, quota).await;
        assert_eq!((verdict.is_allowed, verdict.remaining as usize), (true, 10 - taken), "{verdict:?}");
    }
    for limiter in &instances {
        assert!(!limiter.take(KEY, quota).await.is_allowed);
    }
}
