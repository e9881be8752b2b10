use std::num::NonZeroU32;

use portcullis_memory::{LocalAttemptCounters, LocalRateLimiter};

use super::*;

const LONG: Duration = Duration::from_secs(600);
const QUOTA: Quota = Quota { limit: NonZeroU32::new(2).expect("above zero"), period: LONG };

/// What replicas share, and can be away.
struct Server<T> {
    inner: T,
    is_away: AtomicBool,
}

impl<T> Server<T> {
    fn with(inner: T) -> Arc<Self> {
        Arc::new(Self { inner, is_away: AtomicBool::new(false) })
    }

    fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    fn answers(&self) -> Result<&T, StoreError> {
        if self.is_away.load(Ordering::Relaxed) {
            Err(StoreError::unavailable("it is away"))
        } else {
            Ok(&self.inner)
        }
    }
}

#[async_trait]
impl RateLimiter for Server<LocalRateLimiter> {
    async fn take(&self, key: &str, quota: Quota) -> Result<RateVerdict, StoreError> {
        self.answers()?.take(key, quota).await
    }
}

#[async_trait]
impl AttemptCounters for Server<LocalAttemptCounters> {
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        self.answers()?.add(key, window).await
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        self.answers()?.count(key).await
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        self.answers()?.clear(key).await
    }
}

fn counters(server: &Arc<Server<LocalAttemptCounters>>) -> FallBackCounters {
    FallBackCounters::new(server.clone(), Arc::new(LocalAttemptCounters::new()))
}

/// How many are let through until one is not.
async fn spend(limiter: &FallBackLimiter) -> u32 {
    let mut allowed = 0;
    while limiter.take("key", QUOTA).await.expect("answers").is_allowed {
        allowed += 1;
    }
    allowed
}

#[tokio::test]
async fn replicas_limit_together_and_in_an_outage_each_for_itself() {
    let server = Server::with(LocalRateLimiter::new());
    let [one, other] =
        [(); 2].map(|()| FallBackLimiter::new(server.clone(), Arc::new(LocalRateLimiter::new())));
    assert_eq!(spend(&one).await, 2);
    assert_eq!(spend(&other).await, 0);
    server.set_away(true);
    assert_eq!(spend(&one).await, 2, "one more bucket, and then it is limited, too");
    assert_eq!(spend(&other).await, 2);
    server.set_away(false);
    assert_eq!(spend(&one).await, 0, "the shared bucket is as it was");
    assert_eq!(spend(&other).await, 0);
}

#[tokio::test]
async fn replicas_count_together_and_in_an_outage_each_goes_on_from_what_it_has_seen() {
    let server = Server::with(LocalAttemptCounters::new());
    let [one, other] = [counters(&server), counters(&server)];
    for expected in 1..=3 {
        assert_eq!(one.add("key", LONG).await.expect("counts").count, expected);
    }
    assert_eq!(other.add("key", LONG).await.expect("counts").count, 4);

    server.set_away(true);
    assert_eq!(one.count("key").await.expect("reads").count, 3);
    assert_eq!(one.add("key", LONG).await.expect("counts").count, 4);
    assert_eq!(other.add("key", LONG).await.expect("counts").count, 2);
    assert!(other.count("key").await.expect("reads").ends_in > LONG / 2);

    server.set_away(false);
    assert_eq!(one.count("key").await.expect("reads").count, 4, "the shared count is as it was");
}

#[tokio::test]
async fn what_is_cleared_is_cleared_in_both() {
    let server = Server::with(LocalAttemptCounters::new());
    let counters = counters(&server);
    counters.add("key", LONG).await.expect("counts");
    counters.clear("key").await.expect("clears");
    assert_eq!(counters.count("key").await.expect("reads"), Attempts::default());
    server.set_away(true);
    assert_eq!(counters.count("key").await.expect("reads"), Attempts::default());
    counters.add("key", LONG).await.expect("counts");
    counters.clear("key").await.expect("an outage does not hinder it");
    assert_eq!(counters.count("key").await.expect("reads"), Attempts::default());
}
