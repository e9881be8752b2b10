use chrono::{DateTime, TimeDelta};
use uuid::Uuid;

use crate::{
    checkpoint::Signature,
    event::{Actor, Event, EventData, EventHash, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::{CheckpointSigner, CheckpointVerifier, FeedCursor, FeedItem, PublicKey, SignatureError},
};

/// Signatures that are as good as their key is secret, and it is not: for tests alone.
#[derive(Clone, Debug)]
pub struct PlainKeys(u64);

impl PlainKeys {
    /// The key of a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }
}

impl CheckpointSigner for PlainKeys {
    fn key_id(&self) -> String {
        format!("plain.{}", self.0)
    }

    fn sign(&self, bytes: &[u8]) -> Signature {
        let mut signature = [0; 64];
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes()).update(bytes);
        hasher.finalize_xof().fill(&mut signature);
        Signature::new(signature)
    }
}

impl CheckpointVerifier for PlainKeys {
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if key_id != self.key_id() {
            return Err(SignatureError::UnknownKey);
        }
        if self.sign(bytes) == *signature { Ok(()) } else { Err(SignatureError::Invalid) }
    }

    fn public_keys(&self) -> Vec<PublicKey> {
        vec![PublicKey { id: self.key_id(), key: self.0.to_string() }]
    }
}

/// A log of so many events, of three streams in turn, each event in a transaction of its own.
pub fn feed(count: u64) -> Vec<FeedItem> {
    let mut heads = [(0, EventHash::GENESIS); 3];
    let mut items = Vec::new();
    for position in 1..=count {
        let place = usize::try_from(position % 3).unwrap_or_default();
        let (version, hash) = &mut heads[place];
        *version += 1;
        let event = NewEvent {
            id: EventId::new(Uuid::from_u128(0x0e00 + u128::from(position))),
            event_type: EventType::new("user.logged_in"),
            schema_version: 1,
            actor: Actor::System,
            data: EventData::from_stored(format!(r#"{{"number":{position}}}"#)),
            personal: None,
            recorded_at: DateTime::UNIX_EPOCH
                + TimeDelta::seconds(i64::try_from(position).unwrap_or_default()),
        };
        let stream = StreamId::new(Uuid::from_u128(place as u128 + 1));
        let event = Event::chained(event, position, stream, StreamKind::User, *version, *hash);
        *hash = event.hash;
        items.push(FeedItem { cursor: FeedCursor { transaction: position + 100, position }, event });
    }
    items
}
