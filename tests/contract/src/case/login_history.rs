use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    caller::Origin,
    commit::RowChange,
    id::UserId,
    session::{LoginAttempt, LoginFailure},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

async fn list(store: &StorePorts, user: UserId) -> Vec<LoginAttempt> {
    store.login_history.list_by_user(user, None, sample::ALL).await.expect("reads")
}

async fn record(store: &StorePorts, attempts: &[LoginAttempt]) {
    store.login_history.record(attempts.to_vec()).await.expect("records");
}

fn put(attempts: &[LoginAttempt]) -> impl Iterator<Item = RowChange> {
    attempts.iter().cloned().map(RowChange::PutLoginAttempt)
}

fn newest_first(attempts: impl IntoIterator<Item = LoginAttempt>) -> Vec<LoginAttempt> {
    let mut attempts: Vec<_> = attempts.into_iter().collect();
    attempts.sort_by_key(|attempt| std::cmp::Reverse((attempt.at, attempt.id)));
    attempts
}

/// Attempts over more than a year, some of them within a microsecond of each other, in no order.
fn attempts_of(user: UserId) -> Vec<LoginAttempt> {
    let at =
        |days, microseconds| sample::now() + TimeDelta::days(days) + TimeDelta::microseconds(microseconds);
    let times = [
        at(-31, 0),
        at(0, 0),
        at(-400, 7),
        at(0, -1),
        at(0, 0),
        at(-400, 8),
        at(31, 0),
        at(-180, 0),
        at(-31, 0),
        at(0, 1),
        at(-31, 999),
        at(0, 0),
    ];
    let mut attempts: Vec<_> = times.into_iter().map(|at| sample::login_attempt(user, at)).collect();
    attempts.rotate_left(5);
    attempts.swap(0, 9);
    attempts
}

/// Whatever came of it, and wherever it came from.
pub async fn an_attempt_reads_back_as_it_was<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let failures = LoginFailure::ALL.iter().map(|failure| Some(*failure)).chain([None]);
    let address = |text: &str| Some(text.parse().expect("an address"));
    let origins = [
        Origin::default(),
        Origin::new(address("127.0.0.1"), None),
        Origin::new(None, Some("")),
        Origin::new(address("2001:db8::ffff"), Some("브라우저 😀 \"' \\ \u{202e}")),
    ];
    for (second, failure) in (0..).zip(failures) {
        for origin in &origins {
            let at = sample::now() + TimeDelta::seconds(second);
            let origin = origin.clone();
            let [one, other] = [(), ()].map(|()| LoginAttempt {
                failure,
                origin: origin.clone(),
                ..sample::login_attempt(user, at)
            });
            record(&store, std::slice::from_ref(&one)).await;
            store.put(put(std::slice::from_ref(&other))).await;
            assert_eq!(list(&store, user).await[..2], newest_first([one, other]));
        }
    }
}

/// Whichever way they came, in whatever order; of one instant, the greatest id first.
pub async fn attempts_of_both_kinds_are_listed_newest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let attempts = attempts_of(user);
    for (place, some) in attempts.chunks(2).enumerate() {
        if place % 2 == 0 {
            record(&store, some).await;
        } else {
            store.put(put(some)).await;
        }
    }
    assert_eq!(list(&store, user).await, newest_first(attempts));
}

/// Also when one user's are deleted.
pub async fn each_users_attempts_are_apart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await.id, store.put_new_user().await.id);
    let (own, others) = (attempts_of(user), attempts_of(other));
    store.put(put(&own)).await;
    record(&store, &others).await;
    assert_eq!(list(&store, user).await, newest_first(own.clone()));
    assert!(list(&store, sample::id()).await.is_empty());
    for _ in 0..2 {
        store.put([RowChange::DeleteLoginAttemptsOf(user)]).await;
        assert!(list(&store, user).await.is_empty());
        assert_eq!(list(&store, other).await, newest_first(others.clone()));
    }
    record(&store, &own[..1]).await;
    assert_eq!(list(&store, user).await, own[..1]);
}

/// Of any size, across months, and between attempts of one instant.
pub async fn attempts_are_paged_without_a_gap_or_a_repeat<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (user, other) = (store.put_new_user().await.id, store.put_new_user().await.id);
    let (own, others) = (attempts_of(user), attempts_of(other));
    for (one, another) in own.iter().zip(others) {
        record(&store, &[another, one.clone()]).await;
    }
    let expected = newest_first(own);
    for size in [1, 2, 3, 11, 12, 13, usize::MAX] {
        let read = async |after: Option<LoginAttempt>| {
            let after = after.map(|attempt| attempt.id);
            store.login_history.list_by_user(user, after, size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, expected, "in pages of {size}");
    }
    assert!(store.login_history.list_by_user(user, None, 0).await.expect("reads").is_empty());
}

/// What comes meanwhile is newer, and does not move the pages.
pub async fn a_page_goes_on_beside_new_attempts<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    record(&store, &attempts_of(user)).await;
    let expected = list(&store, user).await;
    for (place, after) in expected.iter().enumerate() {
        let newest = sample::login_attempt(user, expected[0].at + TimeDelta::seconds(1));
        record(&store, &[newest]).await;
        let page = store.login_history.list_by_user(user, Some(after.id), 3).await.expect("reads");
        let end = expected.len().min(place + 4);
        assert_eq!(page, expected[place + 1..end], "after the attempt {place}");
    }
}

/// Wherever they stand in the call; and a call of nothing but them, or of nothing, does nothing.
pub async fn attempts_on_an_account_that_is_gone_are_passed_over<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (gone, one, other) =
        (store.put_new_user().await.id, store.put_new_user().await.id, store.put_new_user().await.id);
    record(&store, &attempts_of(gone)).await;
    store.put([RowChange::DeleteLoginAttemptsOf(gone), RowChange::DeleteUser(gone)]).await;
    let never: UserId = sample::id();
    let users = [gone, one, never, one, gone, other];
    let attempts = users.map(|user| sample::login_attempt(user, sample::now()));
    record(&store, &attempts).await;
    record(&store, &[attempts[0].clone(), attempts[2].clone()]).await;
    record(&store, &[]).await;
    assert_eq!(list(&store, one).await, newest_first([attempts[1].clone(), attempts[3].clone()]));
    assert_eq!(list(&store, other).await, attempts[5..]);
    assert!(list(&store, gone).await.is_empty());
    assert!(list(&store, never).await.is_empty());
}

/// Attempts race with the erasure of the account they are on: neither fails for it, and nothing is left.
pub async fn an_account_that_goes_meanwhile_is_passed_over<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let kept = store.put_new_user().await.id;
    for round in 0..20 {
        let gone = store.put_new_user().await.id;
        race(8, |number| {
            let store = store.clone();
            async move {
                if number == 0 {
                    store.put([RowChange::DeleteLoginAttemptsOf(gone), RowChange::DeleteUser(gone)]).await;
                } else {
                    let [one, other] = [gone, kept].map(|user| sample::login_attempt(user, sample::now()));
                    record(&store, &[one, other]).await;
                }
            }
        })
        .await;
        assert!(list(&store, gone).await.is_empty(), "an erased account has a history");
        assert_eq!(list(&store, kept).await.len(), 7 * (round + 1));
    }
}

async fn prune(store: &StorePorts, before: DateTime<Utc>) -> u64 {
    store.login_history.prune(before).await.expect("prunes")
}

/// To the microsecond, over months, of all users; what is as old as the time stays.
pub async fn what_is_older_than_a_time_is_pruned_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let users = [store.put_new_user().await.id, store.put_new_user().await.id];
    let mut left: Vec<_> = users.into_iter().flat_map(attempts_of).collect();
    record(&store, &left).await;
    let looks: Vec<_> = left.iter().map(|attempt| sample::access(attempt.user.into(), attempt.at)).collect();
    store.put(looks.iter().cloned().map(RowChange::PutAccess)).await;
    let mut times: Vec<_> = left.iter().map(|attempt| attempt.at).collect();
    times.sort_unstable();
    times.push(sample::now() + TimeDelta::days(4000));
    for before in times {
        let count = left.len();
        left.retain(|attempt| attempt.at >= before);
        assert_eq!(prune(&store, before).await, (count - left.len()) as u64, "before {before}");
        assert_eq!(prune(&store, before).await, 0, "before {before} again");
        for user in users {
            let own = left.iter().filter(|attempt| attempt.user == user).cloned();
            assert_eq!(list(&store, user).await, newest_first(own), "before {before}");
        }
    }
    for user in users {
        let looks = store.accesses.list_by_stream(user.into(), None, sample::ALL).await.expect("reads");
        assert_eq!(looks.len(), 12, "looks are no attempts");
        assert!(store.users.find(user).await.expect("reads").is_some());
    }
}
