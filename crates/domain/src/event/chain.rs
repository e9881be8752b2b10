//! The hash chain that makes a stream tamper-evident.

use std::fmt;

use super::{Actor, Event, NewEvent, StreamKind, Version};
use crate::{id::StreamId, seal::Sealed};

/// Separates these hashes from every other use of BLAKE3, and versions the encoding.
const CONTEXT: &str = "portcullis event chain v1";

/// A BLAKE3 hash of an event and all before it on its stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventHash([u8; 32]);

impl EventHash {
    /// What the first event of a stream follows.
    pub const GENESIS: Self = Self([0; 32]);

    /// Wraps 32 bytes read back from a store.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EventHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventHash({self})")
    }
}

impl Event {
    /// Gives a new event its place, chained to the stream's head. Every store appends with this.
    pub fn chained(
        event: NewEvent,
        position: u64,
        stream: StreamId,
        stream_kind: StreamKind,
        version: Version,
        prev_hash: EventHash,
    ) -> Self {
        let mut event =
            Self { position, stream, stream_kind, version, event, prev_hash, hash: EventHash::GENESIS };
        event.hash = event.computed_hash();
        event
    }

    /// The hash that `hash` must be: over `prev_hash` and every other field, each with its length before it, so that no
    /// two events share an encoding.
    pub fn computed_hash(&self) -> EventHash {
        let NewEvent { id, event_type, schema_version, actor, data, personal, recorded_at } = &self.event;
        let mut encoding = Encoding::new();
        encoding.field(&self.prev_hash.0);
        encoding.field(&self.position.to_le_bytes());
        encoding.field(id.as_uuid().as_bytes());
        encoding.field(self.stream.as_uuid().as_bytes());
        encoding.field(self.stream_kind.as_str().as_bytes());
        encoding.field(&self.version.to_le_bytes());
        encoding.field(event_type.as_str().as_bytes());
        encoding.field(&schema_version.to_le_bytes());
        encoding.actor(actor);
        encoding.field(data.as_str().as_bytes());
        encoding.optional(personal.as_ref().map(Sealed::as_bytes));
        encoding.field(&recorded_at.timestamp_micros().to_le_bytes());
        EventHash(*encoding.0.finalize().as_bytes())
    }
}

struct Encoding(blake3::Hasher);

impl Encoding {
    fn new() -> Self {
        Self(blake3::Hasher::new_derive_key(CONTEXT))
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// An absent field and an empty one differ.
    fn optional(&mut self, bytes: Option<&[u8]>) {
        self.0.update(&[u8::from(bytes.is_some())]);
        self.field(bytes.unwrap_or_default());
    }

    fn actor(&mut self, actor: &Actor) {
        self.field(actor.kind().as_bytes());
        let id = actor.id();
        self.optional(id.as_ref().map(|id| id.as_bytes().as_slice()));
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{
        event::{EventData, EventType},
        id::EventId,
        seal::Sealed,
    };

    fn event() -> Event {
        let event = NewEvent {
            id: EventId::new(Uuid::from_u128(1)),
            event_type: EventType::new("user.created"),
            schema_version: 1,
            actor: Actor::User(Uuid::from_u128(2)),
            data: EventData::from_stored(r#"{"a":1}"#),
            personal: Some(Sealed::new(vec![1, 2, 3])),
            recorded_at: DateTime::UNIX_EPOCH,
        };
        Event::chained(event, 7, StreamId::new(Uuid::from_u128(3)), StreamKind::User, 1, EventHash::GENESIS)
    }

    #[test]
    fn the_hash_of_a_known_event_never_changes() {
        assert_eq!(
            event().hash.to_string(),
            "c493329b2087d7ee7edb964564e8f2c75e4f1db64e67aecc200a94e5b422a572"
        );
    }

    #[test]
    fn a_change_of_any_field_changes_the_hash() {
        let edits: [fn(&mut Event); 13] = [
            |e| e.position += 1,
            |e| e.stream = StreamId::new(Uuid::from_u128(4)),
            |e| e.stream_kind = StreamKind::Company,
            |e| e.version += 1,
            |e| e.prev_hash = EventHash::new([1; 32]),
            |e| e.event.id = EventId::new(Uuid::from_u128(9)),
            |e| e.event.event_type = EventType::new("user.updated"),
            |e| e.event.schema_version = 2,
            |e| e.event.actor = Actor::ApiKey(Uuid::from_u128(2)),
            |e| e.event.data = EventData::from_stored(r#"{"a": 1}"#),
            |e| e.event.personal = Some(Sealed::new(vec![])),
            |e| e.event.personal = None,
            |e| e.event.recorded_at += chrono::TimeDelta::microseconds(1),
        ];
        let original = event();
        for (n, edit) in edits.iter().enumerate() {
            let mut other = original.clone();
            edit(&mut other);
            assert_ne!(other.computed_hash(), original.hash, "edit {n}");
        }
    }
}
