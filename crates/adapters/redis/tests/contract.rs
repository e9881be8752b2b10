//! The contracts of the cache, the limiter and the counters, each case under a prefix of its own.

mod server;

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_contract::{AttemptCountersHarness, RateLimiterHarness, SessionCacheHarness};
use portcullis_domain::port::{AttemptCounters, RateLimiter, SessionCache};
use portcullis_redis::Redis;

/// Two replicas.
struct Replicas([Arc<Redis>; 2]);

impl Replicas {
    async fn start() -> Self {
        let (url, options) = (server::url(), server::options());
        let connect =
            async || Arc::new(Redis::connect(&url, options.clone()).await.expect("the server will do"));
        Self([connect().await, connect().await])
    }
}

#[async_trait]
impl SessionCacheHarness for Replicas {
    async fn start() -> Self {
        Self::start().await
    }

    fn instances(&self) -> [Arc<dyn SessionCache>; 2] {
        [self.0[0].clone(), self.0[1].clone()]
    }
}

#[async_trait]
impl RateLimiterHarness for Replicas {
    async fn start() -> Self {
        Self::start().await
    }

    fn instances(&self) -> [Arc<dyn RateLimiter>; 2] {
        [self.0[0].clone(), self.0[1].clone()]
    }
}

#[async_trait]
impl AttemptCountersHarness for Replicas {
    async fn start() -> Self {
        Self::start().await
    }

    fn instances(&self) -> [Arc<dyn AttemptCounters>; 2] {
        [self.0[0].clone(), self.0[1].clone()]
    }
}

portcullis_contract::session_cache_contract!(Replicas);
portcullis_contract::rate_limiter_contract!(Replicas);
portcullis_contract::attempt_counters_contract!(Replicas);
