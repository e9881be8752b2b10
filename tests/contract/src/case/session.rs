use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    caller::Origin,
    commit::RowChange,
    port::{RotateOutcome, Rotation},
    session::Session,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

/// Puts a session of a new user.
async fn put_session(store: &StorePorts) -> Session {
    let session = sample::session(store.put_new_user().await.id);
    store.put([RowChange::PutSession(session.clone())]).await;
    session
}

async fn rotate(store: &StorePorts, session: &Session, from: u64, at: DateTime<Utc>) -> RotateOutcome {
    let rotation = rotation(session, from, at);
    store.sessions.rotate(rotation).await.expect("the store answers")
}

fn rotation(session: &Session, from_generation: u64, at: DateTime<Utc>) -> Rotation {
    let origin = Origin::new(Some(std::net::Ipv4Addr::new(203, 0, 113, 9).into()), Some("rotated"));
    Rotation { session: session.id, from_generation, at, expires_at: at + TimeDelta::days(7), origin }
}

async fn find(store: &StorePorts, session: &Session) -> Option<Session> {
    store.sessions.find(session.id).await.expect("reads")
}

/// Whatever it says of where it was signed in from; expired or not.
pub async fn a_put_session_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let address = |text: &str| Some(text.parse().expect("an address"));
    let origins = [
        Origin::default(),
        Origin::new(address("127.0.0.1"), None),
        Origin::new(address("::ffff:10.0.0.1"), Some("")),
        Origin::new(address("2001:db8::ffff"), Some("브라우저 😀 \"' \\ \u{202e}")),
    ];
    let mut sessions: Vec<_> =
        origins.into_iter().map(|origin| Session { origin, ..sample::session(user) }).collect();
    sessions[0].expires_at = sample::now() - TimeDelta::days(1);
    sessions[1].generation = 1 << 40;
    store.put(sessions.iter().cloned().map(RowChange::PutSession)).await;
    for session in &sessions {
        assert_eq!(find(&store, session).await.as_ref(), Some(session));
    }
    assert_eq!(store.sessions.find(sample::id()).await.expect("reads"), None);
}

/// A session is a row like any other: the last put counts.
pub async fn a_second_put_replaces_the_session<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    let changed = Session { last_seen_at: sample::now() + TimeDelta::seconds(9), ..session.clone() };
    store.put([RowChange::PutSession(changed.clone())]).await;
    assert_eq!(find(&store, &session).await, Some(changed));
}

/// And only that one is.
pub async fn a_deleted_session_is_not_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let deleted = put_session(&store).await;
    let kept = sample::session(deleted.user);
    store.put([RowChange::PutSession(kept.clone())]).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteSession(deleted.id)]).await;
        assert_eq!(find(&store, &deleted).await, None);
    }
    let listed = store.sessions.list_by_user(kept.user).await.expect("reads");
    assert_eq!(listed, vec![kept]);
}

/// However many there are.
pub async fn deleting_all_of_one_users_leaves_everybody_elses<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let others = put_session(&store).await;
    let user = store.put_new_user().await.id;
    let sessions: Vec<_> = (0..5).map(|_| sample::session(user)).collect();
    store.put(sessions.iter().cloned().map(RowChange::PutSession)).await;
    store.put([RowChange::DeleteSessionsOf(user)]).await;
    for session in &sessions {
        assert_eq!(find(&store, session).await, None);
    }
    assert!(store.sessions.list_by_user(user).await.expect("reads").is_empty());
    assert_eq!(find(&store, &others).await, Some(others));
}

/// Whatever the order in which they were put.
pub async fn a_users_sessions_are_listed_newest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    put_session(&store).await;
    let user = store.put_new_user().await.id;
    let ages = [3, 1, 4, 0, 2];
    let sessions = ages.map(|age| Session {
        created_at: sample::now() - TimeDelta::microseconds(age),
        ..sample::session(user)
    });
    store.put(sessions.iter().cloned().map(RowChange::PutSession)).await;
    let listed = store.sessions.list_by_user(user).await.expect("reads");
    let mut expected = sessions.to_vec();
    expected.sort_by_key(|session| std::cmp::Reverse(session.created_at));
    assert_eq!(listed, expected);
}

/// To the microsecond, and nothing but that.
pub async fn a_touch_moves_last_seen_forward<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut session = put_session(&store).await;
    let other = sample::session(session.user);
    store.put([RowChange::PutSession(other.clone())]).await;
    for microseconds in [1, 2, 86_400_000_000] {
        session.last_seen_at = sample::now() + TimeDelta::microseconds(microseconds);
        store.sessions.touch(session.id, session.last_seen_at).await.expect("writes");
        assert_eq!(find(&store, &session).await.as_ref(), Some(&session));
    }
    assert_eq!(find(&store, &other).await, Some(other), "another session was touched");
}

/// As when two replicas report out of order.
pub async fn a_touch_never_moves_back<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    for microseconds in [0, 1, 86_400_000_000] {
        let at = session.last_seen_at - TimeDelta::microseconds(microseconds);
        store.sessions.touch(session.id, at).await.expect("answers");
        assert_eq!(find(&store, &session).await.as_ref(), Some(&session), "{microseconds} µs back");
    }
}

/// It is not brought back.
pub async fn a_touch_of_a_session_that_is_gone_does_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    store.put([RowChange::DeleteSession(session.id)]).await;
    for id in [session.id, sample::id()] {
        store.sessions.touch(id, sample::now()).await.expect("answers");
    }
    assert_eq!(find(&store, &session).await, None);
    assert!(store.sessions.list_by_user(session.user).await.expect("reads").is_empty());
}

/// Of touches that race the latest stays, and a rotation among them is not undone.
pub async fn touches_that_race_lose_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    for generation in 1..=8 {
        race(RACERS, |number| {
            let (store, session) = (store.clone(), session.clone());
            let seconds = TimeDelta::seconds(i64::try_from(generation).expect("few"));
            let at = sample::now() + seconds + TimeDelta::microseconds(i64::try_from(number).expect("few"));
            async move {
                if number == 0 {
                    let outcome = rotate(&store, &session, generation, at).await;
                    assert!(matches!(outcome, RotateOutcome::Rotated(_)), "{outcome:?}");
                } else {
                    store.sessions.touch(session.id, at).await.expect("writes");
                }
            }
        })
        .await;
        let stored = find(&store, &session).await.expect("the session is there");
        let rotated_at = sample::now() + TimeDelta::seconds(i64::try_from(generation).expect("few"));
        assert_eq!((stored.generation, stored.rotated_at), (generation + 1, rotated_at));
        // A rotation sets the time that it is told, which may be before another's touch.
        assert!(
            stored.last_seen_at >= rotated_at && stored.last_seen_at < rotated_at + TimeDelta::seconds(1)
        );
    }
    let latest = sample::now() + TimeDelta::days(1);
    race(RACERS, |number| {
        let (store, session) = (store.clone(), session.clone());
        let at = latest - TimeDelta::microseconds(i64::try_from(number).expect("few"));
        async move { store.sessions.touch(session.id, at).await.expect("writes") }
    })
    .await;
    assert_eq!(find(&store, &session).await.map(|session| session.last_seen_at), Some(latest));
}

/// What it returns is what is stored.
pub async fn a_rotation_moves_a_session_to_its_next_generation<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    let at = sample::now() + TimeDelta::microseconds(77);
    let expected = Session {
        generation: 2,
        rotated_at: at,
        last_seen_at: at,
        expires_at: at + TimeDelta::days(7),
        origin: rotation(&session, 1, at).origin,
        ..session.clone()
    };
    assert_eq!(rotate(&store, &session, 1, at).await, RotateOutcome::Rotated(expected.clone()));
    assert_eq!(find(&store, &session).await, Some(expected));
}

/// The losers see the session as the winner left it.
pub async fn of_racing_rotations_one_is_rotated_and_the_rest_are_stale<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    for generation in 1..=8 {
        let outcomes = race(RACERS, |number| {
            let (store, session) = (store.clone(), session.clone());
            let at = sample::now() + TimeDelta::microseconds(i64::try_from(number).expect("few"));
            async move { rotate(&store, &session, generation, at).await }
        })
        .await;
        let stored = find(&store, &session).await.expect("the session is there");
        assert_eq!(stored.generation, generation + 1);
        let rotated = outcomes.iter().filter(|o| **o == RotateOutcome::Rotated(stored.clone())).count();
        let stale = outcomes.iter().filter(|o| **o == RotateOutcome::Stale(stored.clone())).count();
        assert_eq!((rotated, stale), (1, RACERS - 1), "of {RACERS}, rotated and stale: {outcomes:?}");
    }
}

/// Later or earlier; to the microsecond at the session's last moment, and not a microsecond beyond it.
pub async fn a_rotation_moves_the_end_but_never_beyond_the_last_moment<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    let ends_at = session.ends_at;
    let microsecond = TimeDelta::microseconds(1);
    let asked = [
        session.expires_at + microsecond,
        session.expires_at - microsecond,
        ends_at - microsecond,
        ends_at,
        ends_at + microsecond,
        ends_at + TimeDelta::days(9),
    ];
    for (generation, expires_at) in (1..).zip(asked) {
        let rotation = Rotation { expires_at, ..rotation(&session, generation, sample::now()) };
        let outcome = store.sessions.rotate(rotation).await.expect("the store answers");
        let RotateOutcome::Rotated(rotated) = outcome else { panic!("not rotated: {outcome:?}") };
        assert_eq!((rotated.expires_at, rotated.ends_at), (expires_at.min(ends_at), ends_at));
        assert_eq!(find(&store, &session).await, Some(rotated));
    }
}

/// Neither an older generation nor one that is not reached yet.
pub async fn a_rotation_from_another_generation_changes_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = Session { generation: 5, ..put_session(&store).await };
    store.put([RowChange::PutSession(session.clone())]).await;
    for from in [0, 1, 4, 6, 1 << 40] {
        let outcome = rotate(&store, &session, from, sample::now()).await;
        assert_eq!(outcome, RotateOutcome::Stale(session.clone()), "from {from}");
        assert_eq!(find(&store, &session).await.as_ref(), Some(&session), "from {from}");
    }
}

/// Deleted, or never there.
pub async fn a_rotation_of_a_session_that_is_not_there_is_gone<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    store.put([RowChange::DeleteSession(session.id)]).await;
    assert_eq!(rotate(&store, &session, 1, sample::now()).await, RotateOutcome::Gone);
    assert_eq!(find(&store, &session).await, None, "a rotation brought a session back");
    let never = sample::session(session.user);
    assert_eq!(rotate(&store, &never, 1, sample::now()).await, RotateOutcome::Gone);
}

/// At its very end it has passed, whatever the generation; the store's own clock has no say.
pub async fn a_rotation_of_an_expired_session_is_gone<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    for (from, late) in [(1, 0), (2, 0), (1, 1), (1, 86_400_000_000)] {
        let at = session.expires_at + TimeDelta::microseconds(late);
        assert_eq!(rotate(&store, &session, from, at).await, RotateOutcome::Gone, "{late} µs late");
        assert_eq!(find(&store, &session).await.as_ref(), Some(&session), "a late rotation changed it");
    }
}

/// To the microsecond.
pub async fn a_rotation_just_before_the_end_is_rotated<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let session = put_session(&store).await;
    let at = session.expires_at - TimeDelta::microseconds(1);
    assert!(matches!(rotate(&store, &session, 1, at).await, RotateOutcome::Rotated(_)));
    let stale = rotate(&store, &session, 1, at).await;
    assert!(matches!(stale, RotateOutcome::Stale(_)), "{stale:?}");
}

/// Sessions of several users, some of which end within a microsecond of each other, or before they begin.
async fn put_sessions_of_all_ends(store: &StorePorts) -> Vec<Session> {
    let users = [store.put_new_user().await.id, store.put_new_user().await.id];
    let ends = [-400 * 86_400_000_000, -1, 0, 1, 1, 2, 7 * 86_400_000_000];
    let sessions = ends.into_iter().enumerate().map(|(place, microseconds)| {
        let expires_at = sample::now() + TimeDelta::microseconds(microseconds);
        Session { expires_at, ..sample::session(users[place % users.len()]) }
    });
    let sessions: Vec<_> = sessions.collect();
    store.put(sessions.iter().cloned().map(RowChange::PutSession)).await;
    sessions
}

/// Every end, the moment before and the moment after it, and beyond all of them.
fn moments_around(ends: impl Iterator<Item = DateTime<Utc>>) -> Vec<DateTime<Utc>> {
    let around =
        |end: DateTime<Utc>| [-1, 0, 1].map(|microseconds| end + TimeDelta::microseconds(microseconds));
    let mut moments: Vec<_> = ends.flat_map(around).collect();
    moments.push(sample::now() + TimeDelta::days(4000));
    moments.sort_unstable();
    moments
}

/// To the microsecond: one that ends now lives no more.
pub async fn live_sessions_are_counted<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let count = async |at| store.sessions.count_live(at).await.expect("counts");
    assert_eq!(count(sample::now()).await, 0);
    let mut sessions = put_sessions_of_all_ends(&store).await;
    for at in moments_around(sessions.iter().map(|session| session.expires_at)) {
        let live = sessions.iter().filter(|session| session.is_live(at)).count();
        assert_eq!(count(at).await, live as u64, "at {at}");
    }
    let deleted = sessions.pop().expect("there are some");
    store.put([RowChange::DeleteSession(deleted.id)]).await;
    assert_eq!(count(sample::now()).await, 3);
}

/// To the microsecond; what ends at the time stays.
pub async fn sessions_that_have_run_out_are_pruned_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let sessions = put_sessions_of_all_ends(&store).await;
    let mut left = sessions.clone();
    for before in moments_around(sessions.iter().map(|session| session.expires_at)) {
        let count = left.len();
        left.retain(|session| session.expires_at >= before);
        let pruned = async || store.sessions.prune(before).await.expect("prunes");
        assert_eq!(pruned().await, (count - left.len()) as u64, "before {before}");
        assert_eq!(pruned().await, 0, "before {before} again");
        for session in &sessions {
            assert_eq!(find(&store, session).await.is_some(), left.contains(session), "before {before}");
        }
    }
    for session in &sessions {
        assert!(store.users.find(session.user).await.expect("reads").is_some(), "users stay");
    }
}
