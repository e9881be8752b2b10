//! A stream that is far too long to be read whole. `just long-stream` makes it of a hundred thousand events, and prints what it takes.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use portcullis_domain::{
    commit::{Append, Commit, Expected, RowChange},
    event::{Actor, Event, EventData, EventType, NewEvent, StreamKind},
    id::{StreamId, UserId},
    port::{EventStore, Users},
    stream::LoadedStream,
};

use crate::{
    relay::{Change, world_with},
    world::World,
};

/// How many events there are in the ordinary run.
const SOME: usize = 3_000;
/// How many are written at a time.
const PORTION: usize = 1_000;
/// How many there are after the snapshot: as many as there may be before the next is taken.
const AFTER: usize = 99;
/// How often each way is timed.
const TIMES: usize = 9;

#[expect(clippy::disallowed_methods, reason = "the recipe says how many by the environment")]
fn how_many() -> usize {
    std::env::var("LONG_STREAM").map_or(SOME, |count| count.parse().expect("a number"))
}

/// Counts the events that are read of streams.
#[derive(Default)]
struct Reads(AtomicUsize);

impl Change for Reads {
    fn events(&self, events: Vec<Event>) -> Vec<Event> {
        self.0.fetch_add(events.len(), Ordering::Relaxed);
        events
    }
}

impl Reads {
    /// Since it was asked before.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl World {
    /// As a client writes them, a thousand in one commit.
    async fn write_many(&self, id: UserId, count: usize) {
        let mut left = count;
        let mut user = Users::find(self.memory.as_ref(), id).await.expect("reads").expect("there");
        while left > 0 {
            let events = (0..left.min(PORTION)).map(|number| NewEvent {
                id: self.identity.new_id(chrono::DateTime::UNIX_EPOCH),
                event_type: EventType::new("order.placed"),
                schema_version: 1,
                actor: Actor::System,
                data: EventData::from_stored(format!(r#"{{"number":{number}}}"#)),
                personal: None,
                recorded_at: chrono::DateTime::UNIX_EPOCH,
            });
            let events: Vec<_> = events.collect();
            left -= events.len();
            user.version += events.len() as u64;
            let append =
                Append { stream: id.into(), kind: StreamKind::User, expected: Expected::Any, events };
            let rows = vec![RowChange::PutUser(Box::new(user.clone()))];
            let commit = Commit { appends: vec![append], rows, ..Commit::default() };
            self.memory.commit(commit).await.expect("written");
        }
    }

    async fn load(&self, stream: StreamId) -> LoadedStream {
        let key = self.identity.data_key(uuid::Uuid::from(stream).into()).await.expect("reads");
        let head = self.memory.head(stream).await.expect("reads").expect("there");
        self.identity.load_stream(&head, key.as_ref()).await.expect("loads")
    }
}

/// The time in the middle of a few.
async fn median(mut run: impl AsyncFnMut()) -> Duration {
    let mut taken = Vec::new();
    for _ in 0..TIMES {
        let begun = Instant::now();
        run().await;
        taken.push(begun.elapsed());
    }
    taken.sort_unstable();
    taken[TIMES / 2]
}

#[tokio::test]
async fn a_long_stream_is_read_from_its_snapshot_whatever_its_length() {
    let (world, reads) = world_with(World::trusting(), Reads::default());
    let (_, jane) = world.signed_in().await;
    let stream: StreamId = jane.user.into();
    let count = how_many();
    world.write_many(jane.user, count).await;
    reads.take();
    let without = world.load(stream).await;
    assert_eq!(without.snapshot, None);
    assert_eq!(reads.take() as u64, without.fold.version);
    let from_events = median(async || drop(world.load(stream).await)).await;

    world.identity.take_snapshot(&jane, stream, &world.origin).await.expect("taken");
    world.write_many(jane.user, AFTER - 1).await;
    reads.take();
    let with = world.load(stream).await;
    // And the two that a snapshot is checked by: the last it holds, and the one that tells of it.
    assert_eq!(reads.take(), AFTER + 2);
    assert!(with.snapshot.is_some() && with.rejected.is_empty());
    assert!(with.fold.version > count as u64 + AFTER as u64);
    let from_snapshot = median(async || drop(world.load(stream).await)).await;
    print(&format!(
        "a stream of {} events: {from_snapshot:?} from its snapshot and {AFTER} events after it, {from_events:?} from the first event",
        with.fold.version
    ));
}

/// For whoever runs the recipe.
#[expect(clippy::print_stdout, reason = "the recipe's output")]
fn print(text: &str) {
    println!("{text}");
}
