use chrono::TimeDelta;
use portcullis_domain::{
    checkpoint::{CheckpointHash, RunningHash, Signature, Tip},
    commit::Expected,
    event::{Event, EventHash, StreamKind},
    id::StreamId,
    port::{EventListQuery, FeedCursor, FeedItem, StreamHead},
    retention::{BasesHash, Horizon, StreamBase},
    seal::Sealed,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

/// A horizon after the event at a cursor.
fn horizon(number: u64, cursor: FeedCursor) -> Horizon {
    let other = sample::number();
    let byte = |place: u8| other.to_le_bytes()[0] ^ place;
    Horizon {
        tip: Tip {
            number,
            cursor,
            count: number * 5,
            running_hash: RunningHash::new([byte(1); 32]),
            hash: CheckpointHash::new([byte(2); 32]),
        },
        bases: BasesHash::new([byte(3); 32]),
        streams: other,
        made_at: sample::now() + TimeDelta::microseconds(i64::try_from(other).expect("few")),
        key_id: format!("k4.pid.{other}"),
        signature: Signature::new([byte(4); 64]),
    }
}

/// Beyond everything that a case writes.
fn far() -> FeedCursor {
    FeedCursor { transaction: 1 << 60, position: 1 << 60 }
}

fn base(stream: StreamId, kind: StreamKind, state: Option<Vec<u8>>) -> StreamBase {
    let other = sample::number();
    StreamBase {
        stream,
        kind,
        version: other,
        position: other << 33,
        hash: EventHash::new([other.to_le_bytes()[0] ^ 9; 32]),
        recorded_at: sample::now() + TimeDelta::microseconds(i64::try_from(other).expect("few")),
        state: state.map(Sealed::new),
    }
}

async fn put(store: &StorePorts, horizon: &Horizon, bases: &[StreamBase]) -> bool {
    store.retention.put_horizon(horizon, bases).await.expect("writes")
}

async fn newest(store: &StorePorts) -> Option<Horizon> {
    store.retention.horizon().await.expect("reads")
}

async fn bases(store: &StorePorts) -> Vec<StreamBase> {
    store.retention.list_bases(None, sample::ALL).await.expect("reads")
}

async fn feed(store: &StorePorts) -> Vec<FeedItem> {
    store.events.read_feed(FeedCursor::START, sample::ALL).await.expect("reads")
}

/// Two streams that take turns, so many events each.
async fn two_streams(store: &StorePorts, count: usize) -> [StreamId; 2] {
    let streams = [sample::id(), sample::id()];
    for _ in 0..count {
        for stream in streams {
            let append = sample::append(stream, Expected::Any, 1);
            store.events.commit(sample::appends([append])).await.expect("commits");
        }
    }
    streams
}

async fn stream(store: &StorePorts, stream: StreamId) -> Vec<Event> {
    store.events.read_stream(stream, 0, sample::ALL).await.expect("reads")
}

/// Bases of nobody, too, and of somebody whose state is empty.
pub async fn a_horizon_and_its_bases_read_back_as_they_were_written<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert_eq!((newest(&store).await, bases(&store).await), (None, vec![]));
    let first = horizon(3, FeedCursor { transaction: 7 << 40, position: 9 << 40 });
    let mut written: Vec<_> = [StreamKind::User, StreamKind::Company]
        .into_iter()
        .flat_map(|kind| [None, Some(vec![]), Some((0..=255).collect())].map(|state| (kind, state)))
        .map(|(kind, state)| base(sample::id(), kind, state))
        .collect();
    written.sort_by_key(|base| base.stream);
    assert!(put(&store, &first, &written).await);
    assert_eq!((newest(&store).await, bases(&store).await), (Some(first), written.clone()));
    for base in &written {
        assert_eq!(store.retention.find_base(base.stream).await.expect("reads").as_ref(), Some(base));
    }
    assert_eq!(store.retention.find_base(sample::id()).await.expect("reads"), None);
    // The next one replaces the first base with one that has no state, and leaves the others.
    let second = horizon(11, far());
    written[1] = base(written[1].stream, StreamKind::User, None);
    assert!(put(&store, &second, &written[1..2]).await);
    assert_eq!((newest(&store).await, bases(&store).await), (Some(second), written));
}

/// A horizon is over them in this order.
pub async fn bases_are_listed_in_pages_in_the_order_of_their_streams<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut written: Vec<_> =
        (0..12).map(|_| base(sample::id(), StreamKind::User, Some(vec![1]))).rev().collect();
    assert!(put(&store, &horizon(1, far()), &written).await);
    written.sort_by_key(|base| base.stream);
    let mut listed: Vec<StreamBase> = Vec::new();
    loop {
        let after = listed.last().map(|base| base.stream);
        let page = store.retention.list_bases(after, 5).await.expect("reads");
        assert!(page.len() <= 5, "{} bases in a page of 5", page.len());
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, written);
}

/// What is gone does not come back.
pub async fn a_horizon_that_is_not_beyond_the_newest_changes_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (first, kept) = (horizon(7, far()), base(sample::id(), StreamKind::User, Some(vec![1])));
    assert!(put(&store, &first, std::slice::from_ref(&kept)).await);
    for number in [7, 6] {
        let others = [base(kept.stream, StreamKind::User, None), base(sample::id(), StreamKind::User, None)];
        assert!(!put(&store, &horizon(number, far()), &others).await);
    }
    assert_eq!((newest(&store).await, bases(&store).await), (Some(first), vec![kept]));
}

/// Two operators, or one who lost patience.
pub async fn of_racing_horizons_one_is_put<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let stream = sample::id();
    for number in [3, 8] {
        let racing: Vec<_> = (0..RACERS)
            .map(|_| (horizon(number, far()), base(stream, StreamKind::User, Some(vec![2]))))
            .collect();
        let outcomes = race(RACERS, |racer| {
            let (store, (horizon, base)) = (store.clone(), racing[racer].clone());
            async move { put(&store, &horizon, &[base]).await }
        })
        .await;
        let winners: Vec<_> = racing.into_iter().zip(outcomes).filter(|(_, is_put)| *is_put).collect();
        assert_eq!(winners.len(), 1, "horizons that were told they are put");
        let (horizon, base) = winners[0].0.clone();
        assert_eq!((newest(&store).await, bases(&store).await), (Some(horizon), vec![base]));
    }
}

/// Whoever asks.
pub async fn without_a_horizon_nothing_is_dropped<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    two_streams(&store, 3).await;
    let before = feed(&store).await;
    assert_eq!(store.retention.drop_archived(sample::ALL).await.expect("runs"), 0);
    assert_eq!(feed(&store).await, before);
}

/// A little at a time, so that nobody waits for it.
pub async fn events_behind_the_horizon_are_dropped_and_no_others<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams = two_streams(&store, 6).await;
    let before = feed(&store).await;
    assert!(put(&store, &horizon(1, before[6].cursor), &[]).await);
    assert_eq!(feed(&store).await, before, "putting a horizon drops nothing");
    for (dropped, left) in [(3, 9), (3, 6), (1, 5), (0, 5)] {
        assert_eq!(store.retention.drop_archived(3).await.expect("runs"), dropped);
        assert_eq!(
            feed(&store).await,
            before[12 - left..],
            "the oldest go first, and none beyond the horizon"
        );
    }
    let all = EventListQuery { from: 0, to: u64::MAX >> 1, event_type: None, is_descending: false };
    for one in streams {
        let expected: Vec<_> =
            before[7..].iter().map(|item| &item.event).filter(|event| event.stream == one).collect();
        assert_eq!(stream(&store, one).await.iter().collect::<Vec<_>>(), expected);
        let listed = store.event_search.list(one, &all, sample::ALL).await.expect("reads");
        assert_eq!(listed.events.iter().collect::<Vec<_>>(), expected);
    }
}

/// A stream that lost all of its events among them.
pub async fn the_log_goes_on_behind_what_was_dropped<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, other] = two_streams(&store, 2).await;
    let append = sample::append(other, Expected::Exactly(2), 1);
    store.events.commit(sample::appends([append])).await.expect("commits");
    let before = feed(&store).await;
    let heads = store.events.list_heads(None, sample::ALL).await.expect("reads");
    // All of the first stream, and all but one of the other.
    assert!(put(&store, &horizon(1, before[3].cursor), &[]).await);
    assert_eq!(store.retention.drop_archived(sample::ALL).await.expect("runs"), 4);
    assert_eq!(store.events.list_heads(None, sample::ALL).await.expect("reads"), heads);
    let head = store.events.head(one).await.expect("reads").expect("there");
    assert_eq!((head.version, stream(&store, one).await), (2, vec![]));
    let conflict = store.events.commit(sample::appends([sample::append(one, Expected::New, 1)])).await;
    assert!(conflict.is_err(), "a stream whose events were dropped is no new one");
    let append = sample::append(one, Expected::Exactly(2), 1);
    let committed = store.events.commit(sample::appends([append])).await.expect("goes on");
    let next = &committed.events[0];
    assert_eq!((next.version, next.prev_hash), (3, head.hash));
    let after = feed(&store).await;
    assert_eq!(after.len(), 2);
    assert_eq!((&after[0], &after[1].event), (&before[4], next));
    assert!(after[1].cursor > after[0].cursor && next.position > before[4].event.position);
    let now = StreamHead { version: 3, hash: next.hash, ..head };
    assert_eq!(store.events.head(one).await.expect("reads"), Some(now));
}

/// Or the archive would be all that there is.
pub async fn horizons_outlive_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let [one, _] = two_streams(&store, 2).await;
    let before = feed(&store).await;
    let (horizon, kept) = (horizon(1, before[1].cursor), base(one, StreamKind::User, Some(vec![0, 255])));
    assert!(put(&store, &horizon, std::slice::from_ref(&kept)).await);
    store.retention.drop_archived(sample::ALL).await.expect("runs");
    drop(store);
    let harness = harness.restart().await;
    let store = harness.ports();
    assert_eq!((newest(&store).await, bases(&store).await), (Some(horizon), vec![kept]));
    assert_eq!(feed(&store).await, before[2..]);
}
