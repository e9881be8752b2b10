//! The audit of a log that ordinary life has written, told by stores that do not give all of it.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use portcullis_domain::{
    audit::{AuditError, AuditReport, Evidence, Finding, Reason, verify_log},
    event::{Event, StreamKind},
    port::{EventStore, FeedCursor, FeedItem, StreamHead},
};
use portcullis_memory::Memory;

use crate::{
    relay::{Change, Relay},
    world::World,
};

async fn audit(store: &dyn EventStore) -> Result<AuditReport, AuditError> {
    verify_log(store, Evidence::default()).await
}

#[tokio::test]
async fn the_log_of_ordinary_life_verifies() {
    let world = World::open();
    world.signed_in().await;
    world.register("other@example.com", None).await.expect("registers");
    let report = audit(world.memory.as_ref()).await.expect("intact");
    assert_eq!(report, AuditReport { events: 3, streams: 2, ..AuditReport::default() });
}

#[tokio::test]
async fn a_head_that_was_set_back_or_renamed_is_found() {
    let world = World::open();
    world.signed_in().await;
    let head = world.memory.list_heads(None, 10).await.expect("reads")[0];
    let first = world.log().await[0].clone();
    let set_back = StreamHead { version: 1, hash: first.hash, ..head };
    let renamed = StreamHead { kind: StreamKind::Company, ..head };
    for lie in [set_back, renamed] {
        let store = Partial { lie: Some(lie), ..Partial::default() }.of(&world.memory);
        assert!(matches!(audit(&store).await, Err(AuditError::Broken(_))), "{lie:?}");
    }
}

#[tokio::test]
async fn events_that_are_settled_a_little_later_are_waited_for() {
    let world = World::open();
    world.signed_in().await;
    let store = Partial { unsettled_reads: AtomicU32::new(5), ..Partial::default() }.of(&world.memory);
    assert_eq!(audit(&store).await.expect("intact").events, 2);
}

#[tokio::test]
async fn events_that_are_not_settled_are_told_as_that_and_not_as_missing() {
    let world = World::open();
    world.signed_in().await;
    let stream = world.log().await[0].stream;
    let store = Partial { unsettled_reads: AtomicU32::new(u32::MAX), ..Partial::default() }.of(&world.memory);
    let error = audit(&store).await.expect_err("not known yet");
    assert!(matches!(error, AuditError::Unsettled { stream: of } if of == stream), "{error}");
}

#[tokio::test]
async fn what_is_neither_in_the_feed_nor_on_its_stream_is_missing() {
    let world = World::open();
    world.signed_in().await;
    let stream = world.log().await[0].stream;
    let unsettled_reads = AtomicU32::new(u32::MAX);
    let store = Partial { unsettled_reads, is_cut: true, ..Partial::default() }.of(&world.memory);
    let error = audit(&store).await.expect_err("found");
    let finding = Finding { stream, version: 2, event: None, reason: Reason::Head };
    assert!(matches!(&error, AuditError::Broken(found) if *found == finding), "{error}");
}

/// Withholds one head, or the newest event.
#[derive(Default)]
struct Partial {
    /// What is said of this head's stream.
    lie: Option<StreamHead>,
    /// How often the feed is read before it gives what comes after the first event.
    unsettled_reads: AtomicU32,
    /// Whether the newest event is not on its stream either.
    is_cut: bool,
}

impl Partial {
    fn of(self, memory: &Arc<Memory>) -> Relay<Self> {
        Relay { inner: Arc::<Memory>::clone(memory), change: Arc::new(self) }
    }
}

impl Change for Partial {
    fn events(&self, mut events: Vec<Event>) -> Vec<Event> {
        if self.is_cut {
            events.pop();
        }
        events
    }

    fn head(&self, head: StreamHead) -> StreamHead {
        self.lie.filter(|lie| lie.stream == head.stream).unwrap_or(head)
    }

    fn feed(&self, after: FeedCursor, mut items: Vec<FeedItem>) -> Vec<FeedItem> {
        let is_unsettled = |reads: u32| reads.checked_sub(1);
        if self.unsettled_reads.fetch_update(Ordering::Relaxed, Ordering::Relaxed, is_unsettled).is_ok() {
            items.truncate(usize::from(after == FeedCursor::START));
        }
        items
    }
}
