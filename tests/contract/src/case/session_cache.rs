use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta};
use portcullis_domain::{
    caller::Role,
    id::SessionId,
    port::{CachedSession, LiveSession, SessionCache},
};
use uuid::Uuid;

use crate::{SessionCacheHarness, race::race, sample, span::Span};

/// A time that outlasts any case.
const LONG: Duration = Duration::from_secs(600);
const RACERS: usize = 16;

fn live() -> LiveSession {
    let seen_at = sample::now() - chrono::TimeDelta::seconds(7);
    LiveSession { user: sample::id(), role: Role::Moderator, expires_at: sample::now(), seen_at }
}

/// A cache under test, with fewer words.
#[derive(Clone)]
struct Cache(Arc<dyn SessionCache>);

impl Cache {
    async fn of<H: SessionCacheHarness>() -> (H, [Self; 2]) {
        let harness = H::start().await;
        let instances = harness.instances().map(Self);
        (harness, instances)
    }

    async fn find(&self, session: SessionId) -> Option<CachedSession> {
        self.0.get(session).await.expect("reads")
    }

    async fn put(&self, session: SessionId, live: LiveSession, time_to_live: Duration) {
        self.0.put(session, live, time_to_live).await.expect("writes");
    }

    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) {
        self.0.revoke(sessions, time_to_live).await.expect("writes");
    }

    async fn forget(&self, sessions: &[SessionId]) {
        self.0.forget(sessions).await.expect("writes");
    }

    /// Puts a session that was never there, for long.
    async fn put_new(&self) -> (SessionId, CachedSession) {
        let (session, live) = (sample::id(), live());
        self.put(session, live, LONG).await;
        (session, CachedSession::Live(live))
    }
}

/// Whatever there is to know of it.
pub async fn a_put_session_is_found_as_it_was_put<H: SessionCacheHarness>() {
    let (_harness, [cache, _]) = Cache::of::<H>().await;
    let times = [
        sample::now(),
        DateTime::UNIX_EPOCH - TimeDelta::microseconds(1),
        DateTime::UNIX_EPOCH,
        sample::now() + TimeDelta::days(400_000),
    ];
    let mut put = Vec::new();
    for (role, expires_at) in Role::ALL.iter().flat_map(|role| times.map(|time| (*role, time))) {
        put.push((sample::id(), LiveSession { user: sample::id(), role, expires_at, ..live() }));
    }
    put.push((SessionId::new(Uuid::nil()), LiveSession { user: Uuid::max().into(), ..live() }));
    put.push((SessionId::new(Uuid::max()), LiveSession { user: Uuid::nil().into(), ..live() }));
    for (session, live) in &put {
        cache.put(*session, *live, LONG).await;
    }
    for (session, live) in put {
        assert_eq!(cache.find(session).await, Some(CachedSession::Live(live)));
    }
}

/// It is asked of the store.
pub async fn a_session_never_put_is_not_found<H: SessionCacheHarness>() {
    let (_harness, [cache, _]) = Cache::of::<H>().await;
    cache.put_new().await;
    assert_eq!(cache.find(sample::id()).await, None);
}

/// So that nothing is believed for longer than it may be.
pub async fn a_put_session_is_found_until_its_time_is_over<H: SessionCacheHarness>() {
    let (harness, [cache, _]) = Cache::of::<H>().await;
    let (session, live) = (sample::id(), live());
    let (span, ()) = Span::begun_by(harness.unit() * 2, cache.put(session, live, harness.unit() * 2)).await;
    let expected = Some(CachedSession::Live(live));
    span.watch(|| cache.find(session), |found| *found == expected, Option::is_none).await;
}

/// What it says, and for how long.
pub async fn a_second_put_counts_whole<H: SessionCacheHarness>() {
    let (harness, [cache, _]) = Cache::of::<H>().await;
    let (longer, shorter, first, second) = (sample::id(), sample::id(), live(), live());
    let (span, ()) = Span::begun_by(harness.unit(), cache.put(longer, first, harness.unit())).await;
    cache.put(longer, second, LONG).await;
    assert_eq!(cache.find(longer).await, Some(CachedSession::Live(second)));
    cache.put(shorter, first, LONG).await;
    cache.put(shorter, second, harness.unit()).await;
    span.wait().await;
    assert_eq!(cache.find(longer).await, Some(CachedSession::Live(second)), "it was put for longer");
    let (span, ()) = Span::begun_by(harness.unit(), async {}).await;
    span.wait().await;
    assert_eq!(cache.find(shorter).await, None, "it was put for less");
}

/// The shortest and the longest a caller can say.
pub async fn times_of_any_length_are_taken<H: SessionCacheHarness>() {
    let (_harness, [cache, _]) = Cache::of::<H>().await;
    for time in [Duration::from_secs(1 << 40), Duration::MAX] {
        let (session, live) = (sample::id(), live());
        cache.put(session, live, time).await;
        assert_eq!(cache.find(session).await, Some(CachedSession::Live(live)), "put for {time:?}");
        cache.revoke(&[session], time).await;
        assert_eq!(cache.find(session).await, Some(CachedSession::Revoked), "revoked for {time:?}");
    }
    for time in [Duration::ZERO, Duration::from_nanos(1)] {
        let (session, _) = cache.put_new().await;
        cache.put(session, live(), time).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
        assert_eq!(cache.find(session).await, None, "put for {time:?}");
        cache.revoke(&[sample::id()], time).await;
    }
}

/// Known here or not, one or many.
pub async fn a_revoked_session_is_found_as_revoked<H: SessionCacheHarness>() {
    let (_harness, [cache, _]) = Cache::of::<H>().await;
    let (known, _) = cache.put_new().await;
    let (kept, expected) = cache.put_new().await;
    let mut sessions: Vec<SessionId> = (0..200).map(|_| sample::id()).collect();
    sessions.extend([known, known]);
    cache.revoke(&sessions, LONG).await;
    cache.revoke(&[], LONG).await;
    for session in sessions {
        assert_eq!(cache.find(session).await, Some(CachedSession::Revoked));
    }
    assert_eq!(cache.find(kept).await, Some(expected), "it was not among them");
}

/// It saw the session before it ended.
pub async fn a_slow_readers_put_does_not_bring_a_revoked_session_back<H: SessionCacheHarness>() {
    let (_harness, caches) = Cache::of::<H>().await;
    for (reader, revoker) in [(0, 0), (0, 1), (1, 0)] {
        let (session, _) = caches[reader].put_new().await;
        caches[revoker].revoke(&[session], LONG).await;
        for time_to_live in [Duration::ZERO, Duration::from_millis(1), LONG, LONG * 2] {
            caches[reader].put(session, live(), time_to_live).await;
            tokio::time::sleep(Duration::from_millis(2)).await;
            for cache in &caches {
                let found = cache.find(session).await;
                assert_eq!(found, Some(CachedSession::Revoked), "put for {time_to_live:?}");
            }
        }
    }
}

/// Whichever comes first.
pub async fn of_racing_puts_and_a_revocation_the_revocation_stands<H: SessionCacheHarness>() {
    let (_harness, caches) = Cache::of::<H>().await;
    for _ in 0..20 {
        let session = sample::id();
        race(RACERS, |number| {
            let cache = caches[number % 2].clone();
            async move {
                if number == RACERS / 2 {
                    cache.revoke(&[session], LONG).await;
                } else {
                    cache.put(session, live(), LONG).await;
                }
            }
        })
        .await;
        for cache in &caches {
            assert_eq!(cache.find(session).await, Some(CachedSession::Revoked));
        }
    }
}

/// What is revoked for longer was put for less, or revoked for less before.
pub async fn a_revocation_lasts_for_the_longest_time_that_was_said<H: SessionCacheHarness>() {
    let (harness, [cache, _]) = Cache::of::<H>().await;
    let (put, revoked): (SessionId, SessionId) = (sample::id(), sample::id());
    cache.put(put, live(), harness.unit()).await;
    cache.revoke(&[put], LONG).await;
    cache.revoke(&[revoked], LONG).await;
    let again = [revoked];
    let (span, ()) = Span::begun_by(harness.unit(), cache.revoke(&again, harness.unit())).await;
    span.wait().await;
    assert_eq!(cache.find(put).await, Some(CachedSession::Revoked));
    assert_eq!(cache.find(revoked).await, Some(CachedSession::Revoked));
}

/// And nobody else.
pub async fn a_forgotten_session_is_not_found<H: SessionCacheHarness>() {
    let (_harness, [cache, _]) = Cache::of::<H>().await;
    let (kept, expected) = cache.put_new().await;
    let mut sessions = vec![sample::id()];
    for _ in 0..200 {
        sessions.push(cache.put_new().await.0);
    }
    sessions.push(sessions[1]);
    cache.forget(&sessions).await;
    cache.forget(&[]).await;
    for session in sessions {
        assert_eq!(cache.find(session).await, None);
    }
    assert_eq!(cache.find(kept).await, Some(expected), "it was not among them");
}

/// With what is true by then.
pub async fn a_forgotten_session_can_be_put_again<H: SessionCacheHarness>() {
    let (_harness, caches) = Cache::of::<H>().await;
    let (session, _) = caches[0].put_new().await;
    caches[1].forget(&[session]).await;
    for cache in &caches {
        assert_eq!(cache.find(session).await, None);
    }
    let live = live();
    caches[0].put(session, live, LONG).await;
    assert_eq!(caches[0].find(session).await, Some(CachedSession::Live(live)));
}

/// Its account has changed, and it has ended all the same.
pub async fn a_revoked_session_is_not_forgotten<H: SessionCacheHarness>() {
    let (_harness, caches) = Cache::of::<H>().await;
    let (session, _) = caches[0].put_new().await;
    caches[0].revoke(&[session], LONG).await;
    for cache in &caches {
        cache.forget(&[session]).await;
        assert_eq!(cache.find(session).await, Some(CachedSession::Revoked));
        cache.put(session, live(), LONG).await;
        assert_eq!(cache.find(session).await, Some(CachedSession::Revoked));
    }
}

/// The next request may come to any of them.
pub async fn every_instance_sees_a_revocation_at_once<H: SessionCacheHarness>() {
    let (_harness, caches) = Cache::of::<H>().await;
    for round in 0..50 {
        let (session, live) = caches[0].put_new().await;
        for cache in &caches {
            let found = cache.find(session).await;
            assert!(found.is_none() || found == Some(live), "{found:?}");
        }
        caches[round % 2].revoke(&[session], LONG).await;
        for cache in &caches {
            assert_eq!(cache.find(session).await, Some(CachedSession::Revoked), "in round {round}");
        }
    }
}
