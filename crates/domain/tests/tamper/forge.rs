//! A signed log, and what somebody makes of it who knows how it is chained, but has no key.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use portcullis_domain::{
    checkpoint::{SignedCheckpoint, Tally, Tip},
    event::{Actor, Event, EventData, EventHash, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::{FeedCursor, FeedItem, StreamHead},
    seal::Sealed,
    testing::PlainKeys,
};
use uuid::Uuid;

use crate::{CHECKPOINT, Draws, events};

/// How many streams there are.
const STREAMS: usize = 200;

/// All that a store keeps of a log.
#[derive(Clone)]
pub(crate) struct Log {
    pub(crate) items: Vec<FeedItem>,
    pub(crate) heads: BTreeMap<StreamId, StreamHead>,
    pub(crate) checkpoints: Vec<SignedCheckpoint>,
}

pub(crate) fn keys() -> PlainKeys {
    PlainKeys::new(1)
}

/// An event that the service might have written.
pub(crate) fn event(draws: &Draws, number: u64) -> NewEvent {
    let mut noise = [0; 40];
    noise.fill_with(|| u8::try_from(draws.below(256)).expect("a byte"));
    let actor = match draws.below(3) {
        0 => Actor::User(Uuid::from_u128(number.into())),
        1 => Actor::ApiKey(Uuid::from_u128(number.into())),
        _ => Actor::System,
    };
    NewEvent {
        id: EventId::new(Uuid::from_u128(0x0e00_0000_0000 + u128::from(number))),
        event_type: EventType::new(["user.logged_in", "user.updated", "company.updated"][draws.below(3)]),
        schema_version: 1,
        actor,
        data: EventData::from_stored(format!("{{\"number\":{number},\"noise\":\"{}\"}}", noise[0])),
        personal: (draws.below(2) == 0).then(|| Sealed::new(noise.to_vec())),
        recorded_at: DateTime::UNIX_EPOCH + TimeDelta::milliseconds(i64::try_from(number).expect("small")),
    }
}

impl Log {
    /// As it was written and signed.
    pub(crate) fn new(draws: &Draws) -> Self {
        let mut log = Self { items: Vec::new(), heads: BTreeMap::new(), checkpoints: Vec::new() };
        for position in 1..=events() {
            let stream = StreamId::new(Uuid::from_u128(draws.below(STREAMS) as u128 + 1));
            let kind = if stream.as_uuid().as_u128().is_multiple_of(2) {
                StreamKind::User
            } else {
                StreamKind::Company
            };
            let event = Event::chained(event(draws, position), position, stream, kind, 0, EventHash::GENESIS);
            // Several events a transaction.
            log.items
                .push(FeedItem { cursor: FeedCursor { transaction: 700 + position / 3, position }, event });
        }
        log.chain_anew();
        log.checkpoints = log.signed();
        log
    }

    /// Computes versions, hashes and heads for the events as they are, in the order of the feed.
    pub(crate) fn chain_anew(&mut self) {
        self.items.sort_by_key(|item| item.cursor);
        self.heads.clear();
        for item in &mut self.items {
            let Event { position, stream, stream_kind, event, .. } = &item.event;
            let head = self.heads.get(stream);
            let (version, hash) = head.map_or((0, EventHash::GENESIS), |head| (head.version, head.hash));
            item.event = Event::chained(event.clone(), *position, *stream, *stream_kind, version + 1, hash);
            let Event { stream, stream_kind: kind, version, hash, .. } = item.event;
            self.heads.insert(stream, StreamHead { stream, kind, version, hash });
        }
    }

    /// Puts events one place after the other, as a store without gaps has them.
    pub(crate) fn renumber(&mut self) {
        for (position, item) in (1..).zip(&mut self.items) {
            item.event.position = position;
            item.cursor = FeedCursor { transaction: 700 + position / 3, position };
        }
    }

    fn signed(&self) -> Vec<SignedCheckpoint> {
        let mut tally = Tally::after(&Tip::START);
        let mut checkpoints = Vec::new();
        for items in self.items.chunks(CHECKPOINT) {
            for item in items {
                tally.add(item).expect("whole");
            }
            let signed = tally.sign(&keys(), DateTime::UNIX_EPOCH).expect("new events");
            tally = Tally::after(&signed.tip());
            checkpoints.push(signed);
        }
        checkpoints
    }
}
