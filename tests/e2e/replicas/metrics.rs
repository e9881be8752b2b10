//! What a scrape tells of the servers, and of the caches before the store.

use std::time::{Duration, Instant};

use super::{EMAIL, Replicas, UNVERIFIED, eventually, line::Line, sign_in};
use crate::{metrics::Scrape, stack};

/// Waits until a dependency is shown as open (1) or closed (0), and returns how long that took.
async fn until_shown(replicas: &Replicas, dependency: &str, state: f64) -> Duration {
    let started = Instant::now();
    let series = format!("circuit_breaker_state{{dependency=\"{dependency}\"}}");
    eventually(&format!("{series} {state}"), || async {
        let asked = Instant::now();
        let shown = Scrape::of(&replicas.servers[0]).await.find(&series);
        let taken = asked.elapsed();
        assert!(taken < Duration::from_secs(1), "a scrape waits for nobody, and took {taken:?}");
        (shown == Some(state)).then_some(())
    })
    .await;
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_shown_within_seconds_though_nobody_asks_for_anything() {
    let redis = Line::to(&stack::redis(), 6379).await;
    let rabbitmq = Line::to(&stack::rabbitmq(), 5672).await;
    let replicas = Replicas::start(1, &[("REDIS_URL", redis.url()), ("AMQP_URL", rabbitmq.url())]);
    for (dependency, line) in [("cache", &redis), ("broker", &rabbitmq)] {
        until_shown(&replicas, dependency, 0.0).await;
        line.cut();
        let taken = until_shown(&replicas, dependency, 1.0).await;
        assert!(taken < Duration::from_secs(10), "{dependency}: {taken:?}");
        assert_eq!(
            Scrape::of(&replicas.servers[0]).await.find("circuit_breaker_state{dependency=\"store\"}"),
            Some(0.0)
        );
        line.mend();
        until_shown(&replicas, dependency, 0.0).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_store_is_shown_too() {
    let place = stack::Place::new();
    let line = Line::to(&place.database(), 5432).await;
    let replicas = Replicas::start(1, &[("DATABASE_URL", line.url())]);
    until_shown(&replicas, "store", 0.0).await;
    line.cut();
    let taken = until_shown(&replicas, "store", 1.0).await;
    assert!(taken < Duration::from_secs(10), "{taken:?}");
    line.mend();
    until_shown(&replicas, "store", 0.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn looks_into_the_caches_are_counted() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    let tokens = sign_in(&one, EMAIL).await;
    // The second time it knows by itself; the first time it asked Redis.
    other.get("/auth/me", &tokens.access).await.expect(200);
    other.get("/auth/me", &tokens.access).await.expect(200);
    let scrape = Scrape::of(&replicas.servers[1]).await;
    let count = |name: &str, kind: &str| scrape.find(&format!("{name}{{cache_type=\"{kind}\"}}"));
    assert_eq!(count("cache_misses_total", "l1"), Some(1.0));
    assert_eq!(count("cache_hits_total", "l1"), Some(1.0));
    let asked = [count("cache_hits_total", "redis"), count("cache_misses_total", "redis")];
    assert!((asked.iter().flatten().sum::<f64>() - 1.0).abs() < 0.5, "{asked:?}");
}
