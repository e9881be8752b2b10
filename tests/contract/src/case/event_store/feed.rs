//! Line 8: the feed of all events.

use std::{
    collections::{BTreeMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis_domain::{
    commit::Expected,
    event::Version,
    id::{EventId, StreamId},
    port::{FeedCursor, FeedItem},
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const WRITERS: usize = 16;
const COMMITS: usize = 24;
const PAGE: usize = 7;

/// Reads page by page up to the end, as it is at that moment.
async fn read_on(store: &StorePorts, mut after: FeedCursor, limit: usize) -> Vec<FeedItem> {
    let mut items: Vec<FeedItem> = Vec::new();
    loop {
        let page = store.events.read_feed(after, limit).await.expect("the feed reads");
        assert!(page.len() <= limit, "{} events in a page of {limit}", page.len());
        check_beyond(after, &page);
        let Some(last) = page.last() else { return items };
        after = last.cursor;
        items.extend(page);
    }
}

/// A feed that does not move on would be read for ever.
fn check_beyond(after: FeedCursor, page: &[FeedItem]) {
    assert!(
        page.iter().all(|item| item.cursor > after),
        "read after {after:?}, the feed gave what is not beyond it"
    );
}

/// Each event once, cursors that grow, each stream in the order of its versions without a gap.
fn check_order(items: &[FeedItem]) {
    let mut seen = HashSet::new();
    let mut versions: BTreeMap<StreamId, Version> = BTreeMap::new();
    let mut last = FeedCursor::START;
    for item in items {
        assert!(seen.insert(item.event.event.id), "the feed gave an event twice");
        assert!(item.cursor > last, "{:?} after {last:?}", item.cursor);
        last = item.cursor;
        let version = versions.entry(item.event.stream).or_default();
        *version += 1;
        assert_eq!(
            item.event.version, *version,
            "the feed skipped an event of a stream, or gave it out of order"
        );
    }
}

fn ids(items: &[FeedItem]) -> HashSet<EventId> {
    items.iter().map(|item| item.event.event.id).collect()
}

/// Commits of one and of several streams, all sharing a few streams.
async fn write(store: StorePorts, writer: usize, streams: [StreamId; 5]) -> Vec<EventId> {
    let mut written = Vec::new();
    for commit in 0..COMMITS {
        let count = 1 + (writer + commit) % 3;
        let chosen = (0..count).map(|n| streams[(writer + commit + 2 * n) % streams.len()]);
        let appends = chosen.map(|stream| sample::append(stream, Expected::Any, 1 + commit % 2));
        let events = store.commit(sample::appends(appends)).await;
        written.extend(events.iter().map(|event| event.event.id));
    }
    written
}

/// Nothing more, nothing less.
pub async fn the_feed_is_all_streams_together<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams: [StreamId; 5] = std::array::from_fn(|_| sample::id());
    for round in 0..10 {
        let appends = streams.iter().skip(round % 3).step_by(1 + round % 2);
        let appends = appends.map(|stream| sample::append(*stream, Expected::Any, 1 + round % 3));
        store.commit(sample::appends(appends)).await;
    }
    let feed = store.feed().await;
    check_order(&feed);
    for stream in streams {
        let of_stream: Vec<_> = feed.iter().map(|item| &item.event).filter(|e| e.stream == stream).collect();
        assert_eq!(of_stream, store.stream(stream).await.iter().collect::<Vec<_>>());
    }
    assert!(feed.windows(2).all(|pair| pair[0].event.position < pair[1].event.position), "positions grow");
}

/// However small the pages, and from any cursor on, as often as one likes.
pub async fn the_feed_is_the_same_in_pages_of_any_size<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for _ in 0..20 {
        let appends = [3, 1].map(|count| sample::append(sample::id(), Expected::New, count));
        store.commit(sample::appends(appends)).await;
    }
    let feed = store.feed().await;
    assert_eq!(feed.len(), 80);
    check_order(&feed);
    for limit in [1, 2, 3, 7, 80, 81, usize::MAX] {
        assert_eq!(read_on(&store, FeedCursor::START, limit).await, feed, "pages of {limit}");
    }
    for (number, item) in feed.iter().enumerate() {
        let rest = store.events.read_feed(item.cursor, sample::ALL).await.expect("the feed reads");
        assert_eq!(rest, feed[number + 1..], "after event {number}");
    }
    assert!(store.events.read_feed(FeedCursor::START, 0).await.expect("reads").is_empty());
}

/// Sixteen write to shared streams while one reads on and on. What becomes visible behind the reader's cursor is lost to
/// every subscription for ever.
pub async fn a_reader_beside_racing_writers_misses_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams: [StreamId; 5] = std::array::from_fn(|_| sample::id());
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            let mut items: Vec<FeedItem> = Vec::new();
            loop {
                // Asked before reading: what was committed when it was true is in this last reading.
                let is_last = done.load(Ordering::SeqCst);
                let after = items.last().map_or(FeedCursor::START, |item| item.cursor);
                let page = store.events.read_feed(after, PAGE).await.expect("the feed reads");
                check_beyond(after, &page);
                if page.is_empty() && is_last {
                    return items;
                }
                if page.is_empty() {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                items.extend(page);
            }
        }
    });
    let written = race(WRITERS, |writer| write(store.clone(), writer, streams)).await.concat();
    done.store(true, Ordering::SeqCst);
    let items = reader.await.expect("the reader reads");
    let missed = written.iter().collect::<HashSet<_>>().difference(&ids(&items).iter().collect()).count();
    assert_eq!(missed, 0, "of {} events the reader missed", written.len());
    check_order(&items);
    assert_eq!(items.len(), written.len());
    assert_eq!(store.feed().await, items, "read again, the feed is another");
}
