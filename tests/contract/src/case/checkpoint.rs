use chrono::TimeDelta;
use portcullis_domain::{
    checkpoint::{Checkpoint, CheckpointHash, Leaf, RunningHash, Signature, SignedCheckpoint},
    commit::Expected,
    id::StreamId,
    port::FeedCursor,
};

use crate::{StoreHarness, StorePorts, race::race, sample};

const RACERS: usize = 16;

fn checkpoint(number: u64) -> SignedCheckpoint {
    let other = sample::number();
    let byte = |place: u8| other.to_le_bytes()[0] ^ place;
    SignedCheckpoint {
        checkpoint: Checkpoint {
            number,
            cursor: FeedCursor { transaction: other << 33, position: other },
            count: number * 3,
            running_hash: RunningHash::new([byte(1); 32]),
            previous: CheckpointHash::new([byte(2); 32]),
            made_at: sample::now() + TimeDelta::microseconds(i64::try_from(other).expect("few")),
            key_id: format!("k4.pid.{other}"),
        },
        signature: Signature::new([byte(3); 64]),
        leaves: vec![Leaf::new([0; 32]), Leaf::new([255; 32]), Leaf::new([byte(4); 32])],
    }
}

async fn insert(store: &StorePorts, checkpoint: &SignedCheckpoint) -> bool {
    store.checkpoints.insert(checkpoint).await.expect("writes")
}

async fn all(store: &StorePorts) -> Vec<SignedCheckpoint> {
    store.checkpoints.list(0, sample::ALL).await.expect("reads")
}

/// Whose signature is over its bytes.
pub async fn a_checkpoint_reads_back_as_it_was_written<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert_eq!(store.checkpoints.newest().await.expect("reads"), None);
    let mut first = checkpoint(1);
    // More than a page of any engine.
    first.leaves = (0..=255_u8).cycle().take(5_000).map(|byte| Leaf::new([byte; 32])).collect();
    assert!(insert(&store, &first).await);
    assert_eq!(store.checkpoints.newest().await.expect("reads").as_ref(), Some(&first));
    assert_eq!(all(&store).await, [first]);
}

/// Twelve, so that no order of texts passes for that of numbers.
pub async fn checkpoints_are_listed_in_pages_in_the_order_of_their_numbers<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let chain: Vec<_> = (1..=12).map(checkpoint).collect();
    for one in &chain {
        assert!(insert(&store, one).await);
    }
    assert_eq!(store.checkpoints.newest().await.expect("reads").as_ref(), chain.last());
    let mut listed = Vec::new();
    loop {
        let after = listed.last().map_or(0, |last: &SignedCheckpoint| last.checkpoint.number);
        let page = store.checkpoints.list(after, 5).await.expect("reads");
        if page.is_empty() {
            break;
        }
        listed.extend(page);
    }
    assert_eq!(listed, chain);
}

/// What was signed stands.
pub async fn a_second_checkpoint_of_a_number_changes_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let chain = [checkpoint(1), checkpoint(2)];
    for one in &chain {
        assert!(insert(&store, one).await);
    }
    for second in [checkpoint(1), checkpoint(2), chain[1].clone()] {
        assert!(!insert(&store, &second).await);
    }
    assert_eq!(all(&store).await, chain);
}

/// A chain with a gap proves nothing.
pub async fn a_checkpoint_beyond_a_gap_changes_nothing<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    assert!(!insert(&store, &checkpoint(2)).await);
    let first = checkpoint(1);
    assert!(insert(&store, &first).await);
    assert!(!insert(&store, &checkpoint(3)).await);
    assert_eq!(all(&store).await, [first]);
}

/// Two notaries whose lease changed hands at a bad time.
pub async fn of_racing_checkpoints_one_is_inserted<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    for number in 1..=3 {
        let racing: Vec<_> = (0..RACERS).map(|_| checkpoint(number)).collect();
        let outcomes = race(RACERS, |racer| {
            let (store, checkpoint) = (store.clone(), racing[racer].clone());
            async move { insert(&store, &checkpoint).await }
        })
        .await;
        let inserted: Vec<_> = racing.into_iter().zip(outcomes).filter(|(_, is_in)| *is_in).collect();
        assert_eq!(inserted.len(), 1, "checkpoints that were told they are in");
        assert_eq!(store.checkpoints.newest().await.expect("reads").as_ref(), Some(&inserted[0].0));
    }
}

/// Of two streams that are written in turn, with a checkpoint after every third event of the feed but the last two.
pub async fn the_checkpoint_that_covers_an_event_is_found<H: StoreHarness>() {
    let harness = H::start().await;
    let store = harness.ports();
    let streams: [StreamId; 2] = [sample::id(), sample::id()];
    for round in 0..11 {
        let append = sample::append(streams[round % 2], Expected::Any, 1);
        store.commit(sample::appends([append])).await;
    }
    let covering = async |stream, version| store.checkpoints.covering(stream, version).await.expect("reads");
    assert_eq!(covering(streams[0], 1).await, None, "there is no checkpoint");
    let feed = store.feed().await;
    let mut chain = Vec::new();
    for (number, items) in (1..).zip(feed.chunks_exact(3)) {
        let mut next = checkpoint(number);
        next.checkpoint.cursor = items[2].cursor;
        assert!(insert(&store, &next).await);
        chain.push(next);
    }
    for (number, item) in feed.iter().enumerate() {
        let found = covering(item.event.stream, item.event.version).await;
        let expected = chain.get(number / 3).map(|signed| (item.cursor, signed));
        assert_eq!(found.as_ref().map(|found| (found.place, &found.signed)), expected, "event {number}");
    }
    for (stream, version) in [(streams[0], 0), (streams[0], 7), (streams[1], u64::MAX), (sample::id(), 1)] {
        assert_eq!(covering(stream, version).await, None, "there is no version {version}");
    }
}

/// Or they would prove nothing of the time before.
pub async fn checkpoints_outlive_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let chain = [checkpoint(1), checkpoint(2)];
    for one in &chain {
        assert!(insert(&harness.ports(), one).await);
    }
    let harness = harness.restart().await;
    assert_eq!(all(&harness.ports()).await, chain);
}
