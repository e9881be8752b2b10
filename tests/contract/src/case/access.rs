use chrono::{DateTime, TimeDelta, Utc};
use portcullis_domain::{
    audit::{Access, Accessed},
    commit::RowChange,
    event::Actor,
    id::StreamId,
};

use crate::{StoreHarness, StorePorts, sample};

async fn list(store: &StorePorts, stream: StreamId) -> Vec<Access> {
    store.accesses.list_by_stream(stream, None, sample::ALL).await.expect("reads")
}

async fn put(store: &StorePorts, looks: &[Access]) {
    store.put(looks.iter().cloned().map(RowChange::PutAccess)).await;
}

/// The streams of a new user and of a new company.
async fn put_streams(store: &StorePorts) -> [StreamId; 2] {
    [store.put_new_user().await.stream(), store.put_new_company().await.stream()]
}

fn newest_first(looks: impl IntoIterator<Item = Access>) -> Vec<Access> {
    let mut looks: Vec<_> = looks.into_iter().collect();
    looks.sort_by_key(|look| std::cmp::Reverse((look.at, look.id)));
    looks
}

/// Looks by everybody at everything over more than a year, some of them within a microsecond of each other, in no order.
fn looks_at(stream: StreamId) -> Vec<Access> {
    let actors = [Actor::User(sample::id()), Actor::ApiKey(sample::id()), Actor::System];
    let ages = [31, 0, 400, 0, 180, 0, 31, -31, 400, 0];
    let mut looks = Vec::new();
    for (place, age) in ages.into_iter().enumerate() {
        let microseconds = TimeDelta::microseconds(i64::from(place > 5));
        looks.push(Access {
            actor: actors[place % actors.len()],
            what: Accessed::ALL[place % Accessed::ALL.len()],
            ..sample::access(stream, sample::now() - TimeDelta::days(age) + microseconds)
        });
    }
    looks.rotate_left(3);
    looks
}

/// As they were put; of one instant, the greatest id first; of no other stream.
pub async fn looks_are_listed_newest_first<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = put_streams(&store).await;
    let (ones, others) = (looks_at(one), looks_at(other));
    put(&store, &ones).await;
    for look in &others {
        put(&store, std::slice::from_ref(look)).await;
    }
    assert_eq!(list(&store, one).await, newest_first(ones));
    assert_eq!(list(&store, other).await, newest_first(others));
    assert!(list(&store, sample::id()).await.is_empty());
}

/// Of any size, across months, and between looks of one instant.
pub async fn looks_are_paged_without_a_gap_or_a_repeat<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = put_streams(&store).await;
    let (ones, others) = (looks_at(one), looks_at(other));
    put(&store, &[others, ones.clone()].concat()).await;
    let expected = newest_first(ones);
    for size in [1, 2, 3, 9, 10, 11, usize::MAX] {
        let read = async |after: Option<Access>| {
            let after = after.map(|look| look.id);
            store.accesses.list_by_stream(one, after, size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, expected, "in pages of {size}");
    }
    assert!(store.accesses.list_by_stream(one, None, 0).await.expect("reads").is_empty());
}

/// In pages of any size; also on from a look that was pruned.
pub async fn looks_are_listed_oldest_first_from_anywhere<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = put_streams(&store).await;
    let (mut oldest_first, others) = (newest_first(looks_at(one)), looks_at(other));
    oldest_first.reverse();
    put(&store, &[others, oldest_first.clone()].concat()).await;
    for size in [1, 2, 3, 10, usize::MAX] {
        let read = async |after: Option<Access>| {
            let after = after.map(|look| (look.at, look.id));
            store.accesses.list_since(one, after, size).await.expect("reads")
        };
        assert_eq!(sample::paged(size, read).await, oldest_first, "in pages of {size}");
    }
    let gone = &oldest_first[4];
    prune(&store, gone.at + TimeDelta::microseconds(1)).await;
    let left: Vec<_> = oldest_first.iter().filter(|look| look.at > gone.at).cloned().collect();
    let after = Some((gone.at, gone.id));
    assert_eq!(store.accesses.list_since(one, after, sample::ALL).await.expect("reads"), left);
    assert_eq!(store.accesses.list_since(sample::id(), None, sample::ALL).await.expect("reads"), []);
}

/// Those of a stream that goes.
pub async fn deleting_those_of_a_stream_leaves_the_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = put_streams(&store).await;
    let others = looks_at(other);
    put(&store, &looks_at(one)).await;
    put(&store, &others).await;
    for _ in 0..2 {
        store.put([RowChange::DeleteAccessesTo(one)]).await;
        assert!(list(&store, one).await.is_empty());
        assert_eq!(list(&store, other).await, newest_first(others.clone()));
    }
}

async fn prune(store: &StorePorts, before: DateTime<Utc>) -> u64 {
    store.accesses.prune(before).await.expect("prunes")
}

/// To the microsecond, over months, of all streams; what is as old as the time stays.
pub async fn looks_older_than_a_time_are_pruned_and_nothing_else<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let user = store.put_new_user().await.id;
    let streams = [user.into(), store.put_new_company().await.stream()];
    let mut left: Vec<_> = streams.into_iter().flat_map(looks_at).collect();
    put(&store, &left).await;
    let attempts: Vec<_> = left.iter().map(|look| sample::login_attempt(user, look.at)).collect();
    store.login_history.record(attempts).await.expect("records");
    let mut times: Vec<_> = left.iter().map(|look| look.at).collect();
    times.sort_unstable();
    times.push(sample::now() + TimeDelta::days(4000));
    for before in times {
        let count = left.len();
        left.retain(|look| look.at >= before);
        assert_eq!(prune(&store, before).await, (count - left.len()) as u64, "before {before}");
        assert_eq!(prune(&store, before).await, 0, "before {before} again");
        for stream in streams {
            let own = left.iter().filter(|look| look.stream == stream).cloned();
            assert_eq!(list(&store, stream).await, newest_first(own), "before {before}");
        }
    }
    let attempts = store.login_history.list_by_user(user, None, sample::ALL).await.expect("reads");
    assert_eq!(attempts.len(), 20, "attempts are no looks");
}
