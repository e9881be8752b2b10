use async_trait::async_trait;
use portcullis_domain::{
    audit::{AuditError, Evidence, Finding, document::CheckpointCopy, verify_log},
    checkpoint::{CheckpointHash, Leaf, RunningHash, Signature, SignedCheckpoint},
    commit::{Commit, CommitError, Committed},
    event::{Actor, Event, EventData, EventHash, EventType, StreamKind, Version},
    id::{EventId, StreamId},
    port::{Checkpoints, Covering, EventStore, FeedCursor, FeedItem, StoreError, StreamHead},
    seal::Sealed,
};
use uuid::Uuid;

use crate::{
    Draws,
    forge::{self, Log},
    tamperings,
};

/// A log that can be read and no more.
struct Read<'a>(&'a Log);

#[async_trait]
impl EventStore for Read<'_> {
    async fn commit(&self, _: Commit) -> Result<Committed, CommitError> {
        unreachable!("an audit writes nothing")
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        let events = self.0.items.iter().map(|item| &item.event);
        let mut events: Vec<_> =
            events.filter(|event| event.stream == stream && event.version > after).cloned().collect();
        events.sort_by_key(|event| event.version);
        events.truncate(limit);
        Ok(events)
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        Ok(self.0.heads.get(&stream).copied())
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        let heads = self.0.heads.iter().filter(|(stream, _)| after.is_none_or(|after| **stream > after));
        Ok(heads.map(|(_, head)| *head).take(limit).collect())
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        let start = self.0.items.partition_point(|item| item.cursor <= after);
        Ok(self.0.items[start..].iter().take(limit).cloned().collect())
    }

    async fn wait(&self, _: FeedCursor) -> Result<(), StoreError> {
        unreachable!("an audit does not wait")
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Checkpoints for Read<'_> {
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        Ok(self.0.checkpoints.last().cloned())
    }

    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
        // In the order in which they lie: whoever tampers may exchange them.
        let start = usize::try_from(after).expect("small");
        Ok(self.0.checkpoints.iter().skip(start).take(limit).cloned().collect())
    }

    async fn covering(&self, _: StreamId, _: Version) -> Result<Option<Covering>, StoreError> {
        unreachable!("the audit of a whole log walks along all of them")
    }

    async fn insert(&self, _: &SignedCheckpoint) -> Result<bool, StoreError> {
        unreachable!("an audit writes nothing")
    }
}

async fn verify(log: &Log, copies: &[CheckpointCopy]) -> Result<(), AuditError> {
    let (store, keys) = (Read(log), forge::keys());
    let evidence = Evidence { retention: None, checkpoints: Some(&store), keys: Some(&keys), copies };
    verify_log(&store, evidence).await.map(drop)
}

/// What the verdict must name.
#[derive(Debug)]
enum Named {
    /// One of these events.
    Event(Vec<EventId>),
    /// A stream's head.
    Stream(StreamId),
    /// A checkpoint, or that the end is gone.
    Checkpoint,
}

/// Changes one field of one event and nothing else.
fn flip_field(log: &mut Log, draws: &Draws) -> Named {
    let place = draws.below(log.items.len());
    let item = &mut log.items[place];
    let event = &mut item.event;
    match draws.below(14) {
        0 => {
            event.event.id =
                EventId::new(Uuid::from_bytes(draws.flipped(event.event.id.as_uuid().as_bytes())));
        }
        1 => event.stream = StreamId::new(Uuid::from_bytes(draws.flipped(event.stream.as_uuid().as_bytes()))),
        2 => {
            event.stream_kind = match event.stream_kind {
                StreamKind::User => StreamKind::Company,
                StreamKind::Company => StreamKind::Feature,
                StreamKind::Feature => StreamKind::User,
            };
        }
        3 => event.version ^= 1 << draws.below(62),
        4 => event.event.event_type = EventType::new(draws.flipped_text(event.event.event_type.as_str())),
        5 => event.event.schema_version ^= 1 << draws.below(32),
        6 => {
            event.event.actor = match event.event.actor {
                Actor::System => Actor::User(Uuid::nil()),
                Actor::User(id) => Actor::ApiKey(id),
                Actor::ApiKey(id) => Actor::ApiKey(Uuid::from_bytes(draws.flipped(id.as_bytes()))),
            };
        }
        7 => event.event.data = EventData::from_stored(draws.flipped_text(event.event.data.as_str())),
        8 => {
            event.event.personal = match &event.event.personal {
                None => Some(Sealed::new(Vec::new())),
                Some(sealed) => {
                    let mut bytes = sealed.as_bytes().to_vec();
                    draws.flip(&mut bytes);
                    Some(Sealed::new(bytes))
                }
            };
        }
        9 => event.event.recorded_at += chrono::TimeDelta::microseconds(1 << draws.below(40)),
        10 => event.prev_hash = EventHash::new(draws.flipped(event.prev_hash.as_bytes())),
        11 => event.hash = EventHash::new(draws.flipped(event.hash.as_bytes())),
        12 => {
            // In place: where it went elsewhere the feed gives it there.
            event.position ^= 1 << draws.below(40);
            item.cursor.position = event.position;
        }
        _ => item.cursor.transaction ^= 1 << draws.below(40),
    }
    let mut named = vec![item.event.event.id];
    log.items.sort_by_key(|item| item.cursor);
    // Moved to the back, it is missed where it was.
    named.push(log.items[place].event.event.id);
    Named::Event(named)
}

/// Changes an event, or takes one away, adds one, exchanges two, and computes everything anew that needs no key.
fn chain_anew(log: &mut Log, draws: &Draws) -> Named {
    let place = draws.below(log.items.len() - 1);
    match draws.below(4) {
        0 => log.items[place].event.event.data = EventData::from_stored("{}"),
        1 => {
            log.items.remove(place);
            if draws.below(2) == 0 {
                log.renumber();
            }
        }
        2 => {
            let mut forged = log.items[place].clone();
            forged.event.event = forge::event(draws, 1_000_000);
            log.items.insert(place, forged);
            log.renumber();
        }
        _ => {
            let other = draws.other(log.items.len(), place);
            let (one, two) = (log.items[place].clone(), log.items[other].clone());
            log.items[place].event = two.event;
            log.items[other].event = one.event;
            for place in [place, other] {
                log.items[place].event.position = log.items[place].cursor.position;
            }
            log.chain_anew();
            return Named::Event(vec![log.items[place.min(other)].event.event.id]);
        }
    }
    log.chain_anew();
    Named::Event(vec![log.items[place].event.event.id])
}

/// Takes an event out of the middle and leaves the rest as it is.
fn delete(log: &mut Log, draws: &Draws) -> Named {
    let place = draws.below(log.items.len() - 1);
    log.items.remove(place);
    Named::Event(vec![log.items[place].event.event.id])
}

/// Cuts the end off, with the heads set back as if it had never been.
fn cut(log: &mut Log, draws: &Draws) -> Named {
    log.items.truncate(draws.below(log.items.len()));
    log.chain_anew();
    // And the checkpoints that knew of it.
    if draws.below(2) == 0 {
        let known = log.items.len() as u64;
        log.checkpoints.retain(|signed| signed.checkpoint.count <= known);
    }
    Named::Checkpoint
}

fn spoil_head(log: &mut Log, draws: &Draws) -> Named {
    let place = draws.below(log.heads.len());
    let head = log.heads.values_mut().nth(place).expect("within");
    let stream = head.stream;
    match draws.below(4) {
        0 => head.hash = EventHash::new(draws.flipped(head.hash.as_bytes())),
        1 => head.version ^= 1 << draws.below(62),
        2 => {
            head.kind = match head.kind {
                StreamKind::User => StreamKind::Company,
                StreamKind::Company => StreamKind::Feature,
                StreamKind::Feature => StreamKind::User,
            };
        }
        _ => {
            log.heads.remove(&stream);
        }
    }
    Named::Stream(stream)
}

fn spoil_checkpoint(log: &mut Log, draws: &Draws) -> Named {
    let count = log.checkpoints.len();
    let place = draws.below(count);
    let signed = &mut log.checkpoints[place];
    let checkpoint = &mut signed.checkpoint;
    match draws.below(12) {
        0 => checkpoint.number ^= 1 << draws.bit(),
        1 => checkpoint.cursor.transaction ^= 1 << draws.bit(),
        2 => checkpoint.cursor.position ^= 1 << draws.bit(),
        3 => checkpoint.count ^= 1 << draws.bit(),
        4 => checkpoint.running_hash = RunningHash::new(draws.flipped(checkpoint.running_hash.as_bytes())),
        5 => checkpoint.previous = CheckpointHash::new(draws.flipped(checkpoint.previous.as_bytes())),
        6 => checkpoint.made_at += chrono::TimeDelta::microseconds(1 << draws.below(40)),
        7 => checkpoint.key_id = draws.flipped_text(&checkpoint.key_id),
        8 => signed.signature = Signature::new(draws.flipped(signed.signature.as_bytes())),
        9 => {
            let leaf = draws.below(signed.leaves.len());
            signed.leaves[leaf] = Leaf::new(draws.flipped(signed.leaves[leaf].as_bytes()));
        }
        10 => {
            log.checkpoints.remove(place);
        }
        _ => log.checkpoints.swap(place, draws.other(count, place)),
    }
    Named::Checkpoint
}

#[track_caller]
fn check(outcome: Result<(), AuditError>, named: &Named, round: usize) {
    let Err(error) = outcome else { panic!("round {round}: not found: {named:?}") };
    match (&error, named) {
        (AuditError::Broken(Finding { event: Some(event), .. }), Named::Event(events))
            if events.contains(event) => {}
        (AuditError::Broken(Finding { stream, event: None, .. }), Named::Stream(expected))
            if stream == expected => {}
        // Of events that moved behind the end, or the last of all, nothing is left to be named but that they are missing.
        (AuditError::Cut(_), Named::Event(_) | Named::Checkpoint)
        | (AuditError::Checkpoint(_), Named::Checkpoint) => {}
        _ => panic!("round {round}: {error} names another than {named:?}"),
    }
}

#[tokio::test]
async fn every_tampering_of_a_store_is_found_and_the_first_bad_event_named() {
    let draws = Draws::new(1);
    let intact = Log::new(&draws);
    let copies: Vec<_> = intact.checkpoints.last().map(CheckpointCopy::of).into_iter().collect();
    verify(&intact, &copies).await.expect("no false alarm");
    for round in 0..tamperings(60) {
        let mut log = intact.clone();
        let named = match round % 6 {
            0 => flip_field(&mut log, &draws),
            1 => chain_anew(&mut log, &draws),
            2 => delete(&mut log, &draws),
            3 => cut(&mut log, &draws),
            4 => spoil_head(&mut log, &draws),
            _ => spoil_checkpoint(&mut log, &draws),
        };
        check(verify(&log, &copies).await, &named, round);
    }
    verify(&intact, &copies).await.expect("no false alarm");
}
