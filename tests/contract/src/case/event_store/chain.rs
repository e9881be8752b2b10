//! Line 10: the hash chain and the heads.

use std::collections::BTreeMap;

use portcullis_domain::{
    commit::Expected,
    event::{Event, EventHash, StreamKind},
    id::StreamId,
    port::StreamHead,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const WRITERS: usize = 16;

/// Follows a stream's chain from its first event to its head.
async fn check_chain(store: &StorePorts, stream: StreamId) -> Vec<Event> {
    let events = store.stream(stream).await;
    let mut prev_hash = EventHash::GENESIS;
    for event in &events {
        assert_eq!(event.prev_hash, prev_hash, "version {} is not chained to the one before", event.version);
        assert_eq!(event.computed_hash(), event.hash, "version {} does not hash to its hash", event.version);
        prev_hash = event.hash;
    }
    let head = events.last().map(|newest| StreamHead {
        stream,
        kind: newest.stream_kind,
        version: newest.version,
        hash: newest.hash,
    });
    assert_eq!(store.events.head(stream).await.expect("reads"), head, "the head is not the newest event");
    events
}

/// Within a commit and across commits.
pub async fn every_event_is_chained_to_the_one_before_it<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let (one, other) = (sample::id(), sample::id());
    for count in 1..=3 {
        let appends = [one, other].map(|stream| sample::append(stream, Expected::Any, count));
        store.commit(sample::appends(appends)).await;
    }
    assert_eq!(check_chain(&store, one).await.len(), 6);
    assert_eq!(check_chain(&store, other).await.len(), 6);
}

/// Where two writers read one head, the chain forks.
pub async fn the_chain_holds_under_racing_writers<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams: [StreamId; 3] = std::array::from_fn(|_| sample::id());
    race(WRITERS, |writer| {
        let store = store.clone();
        async move {
            for round in 0..10 {
                let appends = [writer % 3, (writer + 1 + round % 2) % 3];
                let appends = appends.map(|n| sample::append(streams[n], Expected::Any, 1));
                store.commit(sample::appends(appends)).await;
            }
        }
    })
    .await;
    let mut events = 0;
    for stream in streams {
        events += check_chain(&store, stream).await.len();
    }
    assert_eq!(events, WRITERS * 10 * 2);
}

/// All of them, by id, in pages; a failed commit moves none.
pub async fn heads_are_listed_in_the_order_of_their_ids<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let mut heads = BTreeMap::new();
    for number in 0..9_u8 {
        // Ids that differ in their first byte and in their last: neither time nor text decides the order, the bytes do.
        let mut bytes = *uuid::Uuid::from(sample::id::<StreamId>()).as_bytes();
        bytes[0] = number.wrapping_mul(97);
        let stream = StreamId::new(uuid::Uuid::from_bytes(bytes));
        let mut append = sample::append(stream, Expected::New, 1 + usize::from(number % 3));
        append.kind = if number % 2 == 0 { StreamKind::User } else { StreamKind::Company };
        store.commit(sample::appends([append])).await;
        let stale = sample::append(stream, Expected::New, 1);
        assert!(store.events.commit(sample::appends([stale])).await.is_err());
        check_chain(&store, stream).await;
        heads.insert(stream, store.events.head(stream).await.expect("reads").expect("it has events"));
    }
    let heads: Vec<_> = heads.into_values().collect();
    for limit in [1, 2, 9, 100, usize::MAX] {
        let mut listed: Vec<StreamHead> = Vec::new();
        loop {
            let after = listed.last().map(|head| head.stream);
            let page = store.events.list_heads(after, limit).await.expect("reads");
            assert!(page.len() <= limit);
            assert!(page.iter().all(|head| Some(head.stream) > after), "heads that are not after {after:?}");
            if page.is_empty() {
                break;
            }
            listed.extend(page);
        }
        assert_eq!(listed, heads, "pages of {limit}");
    }
}

/// No events, no head.
pub async fn a_stream_without_events_has_no_head<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert_eq!(store.events.head(sample::id()).await.expect("reads"), None);
}
