//! Faults in what a store shows of its log, and the cases that catch them.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    event::{Event, EventHash, Version},
    id::StreamId,
    port::{EventStore, FeedCursor, FeedItem, StoreError},
};
use portcullis_memory::Memory;
use tokio::{sync::Notify, time::sleep};

use crate::store::{A_MOMENT, Fault, Sound, Store};

/// Positions are given out before the commit is visible, so a slow one becomes visible behind a quick one.
#[derive(Default)]
struct GapInTheFeed(Mutex<BTreeSet<u64>>);

#[async_trait]
impl Fault for GapInTheFeed {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let is_slow = commit.appends.len() > 1;
        let committed = memory.commit(commit).await?;
        if is_slow {
            let positions = || committed.events.iter().map(|event| event.position);
            self.hidden().extend(positions());
            sleep(A_MOMENT).await;
            self.hidden().retain(|hidden| !positions().any(|position| position == *hidden));
        }
        Ok(committed)
    }

    async fn read_feed(
        &self,
        memory: &Memory,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<FeedItem>, StoreError> {
        let mut items = memory.read_feed(after, usize::MAX).await?;
        items.retain(|item| !self.hidden().contains(&item.event.position));
        items.truncate(limit);
        Ok(items)
    }
}

impl GapInTheFeed {
    fn hidden(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

/// The event at the cursor is given again.
#[derive(Default)]
struct CursorOffByOne;

#[async_trait]
impl Fault for CursorOffByOne {
    async fn read_feed(
        &self,
        memory: &Memory,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<FeedItem>, StoreError> {
        let position = after.position.saturating_sub(1);
        memory.read_feed(FeedCursor { position, ..after }, limit).await
    }
}

/// One event is chained to nothing, as when somebody cut the log.
#[derive(Default)]
struct ForkedChain;

#[async_trait]
impl Fault for ForkedChain {
    async fn read_stream(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = memory.read_stream(stream, after, limit).await?;
        for event in events.iter_mut().filter(|event| event.version == 2) {
            event.prev_hash = EventHash::GENESIS;
            event.hash = event.computed_hash();
        }
        Ok(events)
    }
}

/// Whoever begins to wait after the commit is not told of it.
#[derive(Default)]
struct LostWakeUp(Notify);

#[async_trait]
impl Fault for LostWakeUp {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        let committed = memory.commit(commit).await;
        self.0.notify_waiters();
        committed
    }

    async fn wait(&self, _: &Memory, _: FeedCursor) -> Result<(), StoreError> {
        self.0.notified().await;
        Ok(())
    }
}

crate::caught! {
    a_gap_in_the_feed_is_caught: Store<GapInTheFeed>, Store<Sound> => [
        event_store::a_reader_beside_racing_writers_misses_nothing,
    ]
    a_cursor_off_by_one_is_caught: Store<CursorOffByOne>, Store<Sound> => [
        event_store::the_feed_is_the_same_in_pages_of_any_size,
        event_store::a_reader_beside_racing_writers_misses_nothing,
    ]
    a_forked_chain_is_caught: Store<ForkedChain>, Store<Sound> => [
        event_store::every_event_is_chained_to_the_one_before_it,
        event_store::the_chain_holds_under_racing_writers,
    ]
    a_lost_wake_up_is_caught: Store<LostWakeUp>, Store<Sound> => [
        event_store::a_commit_between_reading_and_waiting_is_not_missed,
    ]
}

/// What makes this fault dangerous: read when all is quiet, the feed is whole.
#[test]
fn a_gap_in_the_feed_passes_without_a_race() {
    portcullis_contract::run(
        "feed",
        portcullis_contract::event_store::the_feed_is_all_streams_together::<Store<GapInTheFeed>>(),
    );
}
