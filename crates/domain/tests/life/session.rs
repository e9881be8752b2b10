//! Sessions: listed, ended, limited in number and in time, and noted as used.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use portcullis_domain::{
    Policy,
    caller::{Caller, Permission, Role},
    id::{SessionId, UserId},
    identity::SessionLimit,
    port::{CachedSession, LiveSession, RotateOutcome, Rotation, SessionCache, Sessions, StoreError},
    session::{AuthenticateError, RefreshError, RevokeSessionError, Session, SignInError},
    user::{SessionEnd, UserEvent},
    value::Secret,
};
use portcullis_memory::LocalSessionCache;
use tokio::sync::Notify;

use crate::{
    meeting::meeting_of,
    world::{PASSWORD, World},
};

const JANE: &str = "jane@example.com";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn cached(policy: Policy) -> World {
    World::with(policy, |ports| portcullis_domain::Ports {
        session_cache: Some(Arc::new(LocalSessionCache::new())),
        ..ports
    })
}

async fn is_live(world: &World, access: &Secret) -> bool {
    match world.identity.authenticate(access).await {
        Ok(_) => true,
        Err(AuthenticateError::TokenInvalid) => false,
        Err(error) => panic!("{error}"),
    }
}

/// The ends of sessions that the account's history names.
async fn ends(world: &World, user: UserId) -> Vec<(Vec<SessionId>, SessionEnd)> {
    let events = world.history(user).await;
    let read = events.iter().map(|event| UserEvent::read(&event.event, None).expect("reads"));
    let ends = read.filter_map(|event| match event {
        UserEvent::SessionRevoked { session_ids, reason } => Some((session_ids, reason)),
        _ => None,
    });
    ends.collect()
}

async fn ids(world: &World, caller: &Caller) -> Vec<SessionId> {
    let sessions = world.identity.list_sessions(caller).await.expect("reads");
    sessions.into_iter().map(|session| session.id).collect()
}

#[tokio::test]
async fn people_see_their_own_sessions_and_end_one() {
    let world = cached(World::trusting());
    let (_, first) = world.signed_in().await;
    world.clock.advance(Duration::from_secs(1));
    let second = world.sign_in(JANE, PASSWORD).await.expect("signs in");
    assert!(is_live(&world, &second.access).await);
    assert_eq!(ids(&world, &first).await, [second.session, first.session], "newest first");

    world.identity.revoke_session(&first, second.session, &world.origin).await.expect("ends");
    assert!(!is_live(&world, &second.access).await);
    assert!(matches!(world.refresh(&second.refresh).await, Err(RefreshError::SessionExpired)));
    assert_eq!(ids(&world, &first).await, [first.session]);
    assert_eq!(ends(&world, first.user).await, [(vec![second.session], SessionEnd::Revoked)]);
}

#[tokio::test]
async fn nobody_ends_a_session_that_is_not_theirs_or_is_none() {
    let world = World::open();
    let (_, caller) = world.signed_in().await;
    world.register("other@example.com", None).await.expect("registers");
    let other = world.sign_in("other@example.com", PASSWORD).await.expect("signs in");
    for id in [other.session, SessionId::new(uuid::Uuid::from_u128(7))] {
        let refused = world.identity.revoke_session(&caller, id, &world.origin).await;
        assert!(matches!(refused, Err(RevokeSessionError::NotFound)), "{id}");
    }
    assert!(is_live(&world, &other.access).await);
    world.clock.advance(7 * DAY);
    let refused = world.identity.revoke_session(&caller, caller.session, &world.origin).await;
    assert!(matches!(refused, Err(RevokeSessionError::NotFound)), "it has run out");
}

#[tokio::test]
async fn all_but_the_current_session_end_and_doing_it_again_is_no_event() {
    let world = cached(World::trusting());
    let (tokens, caller) = world.signed_in().await;
    let others = [
        world.sign_in(JANE, PASSWORD).await.expect("signs in"),
        world.sign_in(JANE, PASSWORD).await.expect("signs in"),
    ];
    for _ in 0..2 {
        world.identity.revoke_other_sessions(&caller, &world.origin).await.expect("ends");
        assert!(is_live(&world, &tokens.access).await);
        for other in &others {
            assert!(!is_live(&world, &other.access).await);
        }
        assert_eq!(ends(&world, caller.user).await.len(), 1);
    }
}

#[tokio::test]
async fn one_session_too_many_ends_the_one_not_used_for_longest() {
    let world = cached(Policy { max_sessions: 3, ..World::trusting() });
    world.register(JANE, None).await.expect("registers");
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(world.sign_in(JANE, PASSWORD).await.expect("signs in"));
        world.clock.advance(Duration::from_secs(61));
    }
    // The first is used again, which leaves the second.
    assert!(is_live(&world, &sessions[0].access).await);
    assert!(is_live(&world, &sessions[1].access).await, "what the cache says of it must not outlive it");
    world.clock.advance(Duration::from_secs(61));
    assert!(is_live(&world, &sessions[0].access).await);
    assert!(is_live(&world, &sessions[2].access).await);
    let fourth = world.sign_in(JANE, PASSWORD).await.expect("signs in");
    assert!(!is_live(&world, &sessions[1].access).await);
    assert!(matches!(world.refresh(&sessions[1].refresh).await, Err(RefreshError::SessionExpired)));
    for tokens in [&sessions[0], &sessions[2], &fourth] {
        assert!(is_live(&world, &tokens.access).await);
    }
    let caller = world.identity.authenticate(&fourth.access).await.expect("authenticates");
    assert_eq!(ends(&world, caller.user).await, [(vec![sessions[1].session], SessionEnd::Evicted)]);
}

#[tokio::test]
async fn where_the_policy_is_to_reject_one_session_too_many_is_refused() {
    let session_limit = SessionLimit::Reject;
    let world = World::new(Policy { max_sessions: 1, session_limit, ..World::trusting() });
    let (_, caller) = world.signed_in().await;
    assert!(matches!(world.sign_in(JANE, PASSWORD).await, Err(SignInError::TooManySessions(_))));
    assert!(matches!(world.sign_in(JANE, "wrong").await, Err(SignInError::InvalidCredentials)));
    world.identity.sign_out(&caller, false, &world.origin).await.expect("signs out");
    world.sign_in(JANE, PASSWORD).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_that_race_end_with_no_more_sessions_than_allowed() {
    for session_limit in [SessionLimit::EvictOldest, SessionLimit::Reject] {
        let (world, meeting) = meeting_of(Policy { session_limit, ..World::trusting() }, 16);
        world.register(JANE, None).await.expect("registers");
        meeting.expect(16);
        let racers = (0..16).map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.sign_in(JANE, PASSWORD).await })
        });
        let mut signed_in = Vec::new();
        for racer in racers.collect::<Vec<_>>() {
            match racer.await.expect("does not panic") {
                Ok(tokens) => signed_in.push(tokens),
                Err(error) => assert!(matches!(error, SignInError::TooManySessions(_)), "{error}"),
            }
        }
        let mut live = 0;
        for tokens in &signed_in {
            live += usize::from(is_live(&world, &tokens.access).await);
        }
        assert_eq!(live, 5);
        let expected = if session_limit == SessionLimit::Reject { 5 } else { 16 };
        assert_eq!(signed_in.len(), expected);
    }
}

#[tokio::test]
async fn a_session_ends_at_its_age_however_much_it_is_used() {
    let world = World::new(Policy { session_max_age: 20 * DAY, ..World::trusting() });
    let (mut tokens, caller) = world.signed_in().await;
    for _ in 0..3 {
        world.clock.advance(6 * DAY);
        tokens = world.refresh(&tokens.refresh).await.expect("refreshes");
    }
    assert_eq!(tokens.refresh_expires_in, 2 * DAY, "not the whole week");
    world.clock.advance((2 * DAY).saturating_sub(Duration::from_secs(60)));
    tokens = world.refresh(&tokens.refresh).await.expect("refreshes");
    assert_eq!(tokens.refresh_expires_in, Duration::from_secs(60));
    assert_eq!(tokens.access_expires_in, Duration::from_secs(60), "not the whole half hour");
    assert!(is_live(&world, &tokens.access).await);
    world.clock.advance(Duration::from_secs(60));
    assert!(matches!(world.refresh(&tokens.refresh).await, Err(RefreshError::SessionExpired)));
    assert!(matches!(
        world.identity.authenticate(&tokens.access).await,
        Err(AuthenticateError::TokenExpired)
    ));
    assert_eq!(ids(&world, &caller).await, []);
}

/// Sessions whose writes are counted.
struct Counted {
    inner: Arc<dyn Sessions>,
    writes: Arc<AtomicUsize>,
}

#[async_trait::async_trait]
impl Sessions for Counted {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.inner.find(id).await
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.inner.list_by_user(user).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        self.inner.rotate(rotation).await
    }

    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        self.inner.touch(id, at).await
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.inner.count_live(at).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.inner.prune(before).await
    }
}

#[tokio::test]
async fn a_use_is_noted_once_a_minute_however_many_requests_there_are() {
    for has_cache in [false, true] {
        let writes = Arc::new(AtomicUsize::new(0));
        let world = World::with(World::trusting(), |ports| portcullis_domain::Ports {
            sessions: Arc::new(Counted { inner: ports.sessions, writes: Arc::clone(&writes) }),
            session_cache: has_cache.then(|| Arc::new(LocalSessionCache::new()) as Arc<dyn SessionCache>),
            ..ports
        });
        let (tokens, caller) = world.signed_in().await;
        let signed_in_at = world.identity.ports().clock.now();
        let seen = async || world.identity.me(&caller).await.expect("is there").session.last_seen_at;
        for second in 1..=185 {
            world.clock.advance(Duration::from_secs(1));
            for _ in 0..3 {
                assert!(is_live(&world, &tokens.access).await);
            }
            let age = world.identity.ports().clock.now() - seen().await;
            assert!(age < chrono::TimeDelta::seconds(60), "{age} after {second} s");
        }
        assert_eq!(writes.load(Ordering::SeqCst), 3, "555 requests in 185 s");
        assert_eq!(seen().await, signed_in_at + Duration::from_secs(180));
    }
}

/// A cache whose first writer waits between what it read and what it writes.
struct SlowWriter {
    inner: LocalSessionCache,
    reached: Notify,
    go_on: Notify,
    is_first: Mutex<bool>,
}

#[async_trait::async_trait]
impl SessionCache for SlowWriter {
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
        self.inner.get(session).await
    }

    async fn put(&self, session: SessionId, live: LiveSession, lasting: Duration) -> Result<(), StoreError> {
        if std::mem::take(&mut *self.is_first.lock().expect("nothing panics")) {
            self.reached.notify_one();
            self.go_on.notified().await;
        }
        self.inner.put(session, live, lasting).await
    }

    async fn revoke(&self, sessions: &[SessionId], lasting: Duration) -> Result<(), StoreError> {
        self.inner.revoke(sessions, lasting).await
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        self.inner.forget(sessions).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_role_is_not_undone_by_a_request_that_was_reading_the_old_one() {
    let cache = Arc::new(SlowWriter {
        inner: LocalSessionCache::new(),
        reached: Notify::new(),
        go_on: Notify::new(),
        is_first: Mutex::new(false),
    });
    let slow = Arc::clone(&cache);
    let world = Arc::new(World::with(World::trusting(), |ports| portcullis_domain::Ports {
        session_cache: Some(slow),
        ..ports
    }));
    let admin = world.official("admin@example.com", Role::Admin).await;
    world.official("second@example.com", Role::Admin).await;
    let tokens = world.sign_in("second@example.com", PASSWORD).await.expect("signs in");

    *cache.is_first.lock().expect("nothing panics") = true;
    let reader = tokio::spawn({
        let (world, access) = (Arc::clone(&world), tokens.access.clone());
        async move { world.identity.authenticate(&access).await.expect("lives") }
    });
    cache.reached.notified().await;
    let second = world.id_of("second@example.com").await;
    world.identity.change_role(&admin, second, Role::User, &world.origin).await.expect("changes");
    cache.go_on.notify_one();
    // Begun before the change, the request may still be served by what it read.
    assert!(reader.await.expect("does not panic").require(Permission::UserRead).is_ok());
    let caller = world.identity.authenticate(&tokens.access).await.expect("lives");
    assert!(caller.require(Permission::UserRead).is_err(), "the old role came back by the cache");
}
