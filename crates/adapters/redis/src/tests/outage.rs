use std::time::{Duration, Instant};

use futures::future::join_all;
use portcullis_domain::port::{AttemptCounters, CachedSession, RateLimiter, SessionCache, StoreError};

use super::{LONG, Server, connect, live, quota, session};
use crate::{Options, Redis};

/// Short, and not shorter than a busy machine is now and then.
const DEADLINE: Duration = Duration::from_millis(500);
/// What comes on top when the machine is busy.
const ALLOWANCE: Duration = Duration::from_secs(2);

fn options() -> Options {
    Options {
        deadline: DEADLINE,
        probe_interval: Duration::from_millis(100),
        start_timeout: Duration::from_secs(20),
        ..Options::default()
    }
}

/// What failed, as unavailable, and how long that took.
async fn failure<T: std::fmt::Debug>(
    call: impl Future<Output = Result<T, StoreError>>,
) -> (String, Duration) {
    let begun = Instant::now();
    match call.await {
        Err(StoreError::Unavailable(source)) => (source.to_string(), begun.elapsed()),
        outcome => panic!("{outcome:?}"),
    }
}

async fn wait_until_up(redis: &Redis) {
    let begun = Instant::now();
    while !redis.is_up() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it does not heal");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Each kind of call fails within the deadline, and after the first none waits at all, however many there are.
async fn check_outage(redis: &Redis) {
    let (_, taken) = failure(redis.get(session(1))).await;
    assert!(taken < DEADLINE + ALLOWANCE, "{taken:?}");
    assert!(!redis.is_up());
    let begun = Instant::now();
    for _ in 0..2_000 {
        for (says, _) in [
            failure(redis.get(session(1))).await,
            failure(redis.put(session(1), live(), LONG)).await,
            failure(redis.take("key", quota(5))).await,
            failure(redis.add("key", LONG)).await,
            failure(redis.count("key")).await,
            failure(redis.clear("key")).await,
        ] {
            assert_eq!(says, "Redis is away, and was not asked");
        }
    }
    // If each of them had waited it would have been 100 minutes.
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let security = [session(1)];
    for (_, taken) in [failure(redis.revoke(&security, LONG)).await, failure(redis.forget(&security)).await] {
        assert!(taken < DEADLINE + ALLOWANCE, "{taken:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_fails_calls_fast_and_is_used_again_once_it_is_back() {
    let mut server = Server::start(&[]);
    let redis = connect(&server, options()).await;
    for round in 0..3 {
        assert_eq!(redis.add("key", LONG).await.expect("counted").count, 1, "in round {round}");
        // All connections, not one alone, are to be replaced.
        join_all((0..64).map(|_| redis.get(session(1)))).await;
        server.kill();
        check_outage(&redis).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!redis.is_up(), "there is nobody to answer");
        server.restart();
        wait_until_up(&redis).await;
        assert_eq!(redis.get(session(1)).await.expect("answered"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_fails_calls_fast_and_is_used_again_once_it_speaks() {
    let server = Server::start(&[]);
    let redis = connect(&server, options()).await;
    redis.get(session(1)).await.expect("answered");
    server.freeze();
    let begun = Instant::now();
    // Those under way when it fell silent wait side by side, and none for longer than its deadline.
    for outcome in join_all((0..64).map(|_| redis.take("key", quota(5)))).await {
        assert!(outcome.is_err());
    }
    assert!(begun.elapsed() < DEADLINE + ALLOWANCE, "{:?}", begun.elapsed());
    check_outage(&redis).await;
    server.thaw();
    wait_until_up(&redis).await;
    redis.take("key", quota(5)).await.expect("answered");
}

#[tokio::test]
async fn whoever_is_away_from_the_beginning_is_used_once_it_is_there() {
    let mut server = Server::start(&[]);
    server.kill();
    let redis = Redis::new(&server.url(), options()).expect("a URL");
    check_outage(&redis).await;
    server.restart();
    wait_until_up(&redis).await;
    assert_eq!(redis.add("key", LONG).await.expect("counted").count, 1);
}

#[tokio::test]
async fn a_revocation_is_tried_while_others_are_not() {
    let mut server = Server::start(&[]);
    let redis = connect(&server, Options { probe_interval: Duration::from_secs(3_600), ..options() }).await;
    server.kill();
    failure(redis.get(session(1))).await;
    server.restart();
    let (says, _) = failure(redis.get(session(1))).await;
    assert_eq!(says, "Redis is away, and was not asked");
    redis.revoke(&[session(1)], LONG).await.expect("the server is back, though nobody has looked");
    let other = connect(&server, options()).await;
    assert_eq!(other.get(session(1)).await.expect("answered"), Some(CachedSession::Revoked));
}

#[tokio::test]
async fn a_server_without_room_is_away_until_it_has_some() {
    let server = Server::start(&["--maxmemory-policy", "noeviction"]);
    let redis = connect(&server, options()).await;
    assert_eq!(server.say("CONFIG SET maxmemory 1"), "+OK\r\n");
    let (says, _) = failure(redis.add("key", LONG)).await;
    assert!(says.contains("maxmemory"), "{says}");
    assert!(!redis.is_up());
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!redis.is_up(), "a probe that only reads would say otherwise");
    assert_eq!(server.say("CONFIG SET maxmemory 0"), "+OK\r\n");
    wait_until_up(&redis).await;
    assert_eq!(redis.add("key", LONG).await.expect("counted").count, 1);
}
