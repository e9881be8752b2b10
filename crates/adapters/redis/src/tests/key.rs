use std::time::Duration;

use portcullis_domain::port::{AttemptCounters, CachedSession, RateLimiter, SessionCache, StoreError};

use super::{LONG, Server, connect, live, patient, quota, session};
use crate::{Options, Redis};

/// The keys of a server, by its own word.
async fn keys(server: &Server) -> Vec<String> {
    let client = redis::Client::open(server.url()).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("connects");
    redis::cmd("KEYS").arg("*").query_async(&mut connection).await.expect("listed")
}

/// Without the trial of a start, and the keys of that.
fn unchecked(server: &Server) -> Redis {
    Redis::new(&server.url(), patient()).expect("a URL")
}

#[tokio::test]
async fn a_start_leaves_no_key_behind() {
    let server = Server::start(&[]);
    connect(&server, patient()).await;
    let begun = std::time::Instant::now();
    // Less than the second that one of them would live if it were left to end by itself.
    while !keys(&server).await.is_empty() {
        assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", keys(&server).await);
    }
}

#[tokio::test]
async fn every_key_expires_by_itself() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    redis.put(session(1), live(), LONG).await.expect("put");
    redis.revoke(&[session(2)], LONG).await.expect("revoked");
    redis.take("key", quota(5)).await.expect("taken");
    redis.add("key", LONG).await.expect("counted");
    redis.add("key", LONG).await.expect("counted");
    let keys = keys(&server).await;
    assert_eq!(keys.len(), 4, "{keys:?}");
    for key in keys {
        let answer = server.say(&format!("PTTL {key}"));
        let left: i64 = answer.trim_start_matches(':').trim().parse().expect("a number");
        assert!(left > 0 && left <= 600_000, "{key}: {left}");
    }
}

#[tokio::test]
async fn keys_hold_no_address_and_are_short_and_plain() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    for key in ["jane@example.com", "\u{0}\r\nFLUSHALL\r\n", &"k".repeat(1_000_000), ""] {
        redis.take(key, quota(5)).await.expect("taken");
        redis.add(key, LONG).await.expect("counted");
    }
    let keys = keys(&server).await;
    assert_eq!(keys.len(), 8, "limits and counters of one key are two things: {keys:?}");
    for key in keys {
        assert!(key.starts_with("portcullis:rate:") || key.starts_with("portcullis:attempts:"), "{key}");
        assert!(key.len() < 80, "{key}");
        assert!(key.bytes().all(|byte| byte.is_ascii_graphic()), "{key}");
        assert!(!key.contains("jane"), "{key}");
    }
}

#[tokio::test]
async fn services_with_prefixes_of_their_own_share_a_server() {
    let server = Server::start(&[]);
    let one = connect(&server, Options { key_prefix: "one:".to_owned(), ..patient() }).await;
    let two = connect(&server, Options { key_prefix: "two:".to_owned(), ..patient() }).await;
    one.revoke(&[session(1)], LONG).await.expect("revoked");
    assert_eq!(two.get(session(1)).await.expect("reads"), None);
    assert_eq!(one.add("key", LONG).await.expect("counted").count, 1);
    assert_eq!(two.add("key", LONG).await.expect("counted").count, 1);
}

#[tokio::test]
async fn a_bucket_that_is_full_again_is_not_kept() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    let verdict = redis
        .take("key", portcullis_domain::port::Quota { period: Duration::from_millis(100), ..quota(1) })
        .await
        .expect("taken");
    assert!(verdict.is_allowed);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(keys(&server).await, [""; 0]);
}

#[tokio::test]
async fn a_quota_made_narrower_does_not_refuse_for_longer_than_its_period() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    assert!(redis.take("key", quota(1)).await.expect("taken").is_allowed);
    let narrower = portcullis_domain::port::Quota { period: Duration::from_secs(10), ..quota(2) };
    let verdict = redis.take("key", narrower).await.expect("answered");
    assert!(!verdict.is_allowed);
    assert!(verdict.retry_after <= Duration::from_secs(5), "{verdict:?}");
    assert!(verdict.reset_after <= Duration::from_secs(10), "{verdict:?}");
}

/// Restarted, failed over, or told to by somebody.
#[tokio::test(flavor = "multi_thread")]
async fn scripts_that_the_server_forgot_are_sent_again() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                assert_eq!(server.say("SCRIPT FLUSH"), "+OK\r\n");
            }
        });
        let work = async {
            for number in 1..=500 {
                assert_eq!(redis.add("key", LONG).await.expect("counted").count, number);
                redis.take("key", quota(1_000)).await.expect("taken");
                redis.put(session(number.into()), live(), LONG).await.expect("put");
                redis.revoke(&[session(number.into())], LONG).await.expect("revoked");
                redis.forget(&[session(number.into())]).await.expect("kept");
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work));
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(redis.get(session(500)).await.expect("reads"), Some(CachedSession::Revoked));
    assert!(redis.is_up());
}

#[tokio::test]
async fn a_key_that_another_program_uses_fails_and_is_no_outage() {
    let server = Server::start(&[]);
    let redis = unchecked(&server);
    server.say(&format!("LPUSH portcullis:session:{} 1", session(1)));
    assert!(matches!(redis.get(session(1)).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(redis.put(session(1), live(), LONG).await, Err(StoreError::Corrupt(_))));
    assert!(redis.is_up());
    assert_eq!(redis.get(session(2)).await.expect("reads"), None);
}
