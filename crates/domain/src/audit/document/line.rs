use chrono::{DateTime, SecondsFormat, Utc};
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{DocumentError, Header, HeaderText};
use crate::{
    checkpoint::{Checkpoint, CheckpointHash, Leaf, RunningHash, Signature, SignedCheckpoint, Tip},
    event::{Actor, Event, EventData, EventHash, EventType, NewEvent, StreamKind},
    id::{EventId, StreamId},
    port::{CheckpointVerifier, FeedCursor, FeedItem},
    retention::{BaseMark, BasesHash, Horizon, StateHash},
    seal::Sealed,
};

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// The first.
    Header(Box<Header>),
    /// Where a stream stands whose events before are in an archive.
    Base(Box<BaseMark>),
    /// A checkpoint; what it covers follows.
    Checkpoint(Box<SignedCheckpoint>),
    /// An event.
    Event(Box<FeedItem>),
}

/// A checkpoint without its leaves: enough to tell whether another is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointCopy {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// The signature.
    pub signature: Signature,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum LineText {
    Export(HeaderText),
    Base(BaseText),
    Checkpoint(CheckpointText),
    Event(EventText),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct CheckpointText {
    number: u64,
    transaction: u64,
    position: u64,
    count: u64,
    running_hash: String,
    previous: String,
    made_at: String,
    key_id: String,
    signature: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    leaves: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HorizonText {
    number: u64,
    transaction: u64,
    position: u64,
    count: u64,
    running_hash: String,
    checkpoint_hash: String,
    bases_hash: String,
    streams: u64,
    made_at: String,
    key_id: String,
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaseText {
    stream: Uuid,
    stream_kind: String,
    version: u64,
    position: u64,
    hash: String,
    recorded_at: String,
    state_hash: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventText {
    transaction: u64,
    position: u64,
    id: Uuid,
    stream: Uuid,
    stream_kind: String,
    version: u64,
    r#type: String,
    schema_version: u32,
    actor_kind: String,
    actor_id: Option<Uuid>,
    data: String,
    personal: Option<String>,
    recorded_at: String,
    prev_hash: String,
    hash: String,
}

impl Line {
    /// The line, with its end.
    pub fn to_line(&self) -> String {
        let text = match self {
            Self::Header(header) => LineText::Export(header.to_text()),
            Self::Base(mark) => LineText::Base(BaseText::of(mark)),
            Self::Checkpoint(signed) => LineText::Checkpoint(CheckpointText {
                leaves: Some(base64(&flattened(&signed.leaves))),
                ..CheckpointText::of(&signed.checkpoint, &signed.signature)
            }),
            Self::Event(item) => LineText::Event(EventText::of(item)),
        };
        text.to_line()
    }

    /// Reads a line without its end.
    pub fn from_line(text: &str) -> Result<Self, DocumentError> {
        let line = match serde_json::from_str(text).map_err(DocumentError::Shape)? {
            LineText::Export(header) => Self::Header(Box::new(Header::from_text(header)?)),
            LineText::Base(base) => Self::Base(Box::new(base.read()?)),
            LineText::Checkpoint(text) => {
                let leaves = text.leaves.as_deref().ok_or(DocumentError::Field("leaves"))?;
                let leaves = BASE64.decode(leaves.as_bytes()).map_err(|_| DocumentError::Field("leaves"))?;
                let (leaves, rest) = leaves.as_chunks::<32>();
                if !rest.is_empty() {
                    return Err(DocumentError::Field("leaves"));
                }
                let leaves = leaves.iter().copied().map(Leaf::new).collect();
                let (checkpoint, signature) = text.read()?;
                Self::Checkpoint(Box::new(SignedCheckpoint { checkpoint, signature, leaves }))
            }
            LineText::Event(event) => Self::Event(Box::new(event.read()?)),
        };
        if line.to_line().strip_suffix('\n') == Some(text) { Ok(line) } else { Err(DocumentError::Altered) }
    }
}

impl CheckpointCopy {
    /// Of a checkpoint.
    pub fn of(signed: &SignedCheckpoint) -> Self {
        Self { checkpoint: signed.checkpoint.clone(), signature: signed.signature }
    }

    /// What the checkpoint after it names it by.
    pub fn hash(&self) -> CheckpointHash {
        self.clone().signed().hash()
    }

    /// Whether it is of one of these keys.
    pub fn is_signed(&self, keys: &dyn CheckpointVerifier) -> bool {
        self.clone().signed().check_signature(keys).is_ok()
    }

    fn signed(self) -> SignedCheckpoint {
        SignedCheckpoint { checkpoint: self.checkpoint, signature: self.signature, leaves: Vec::new() }
    }

    /// The line, with its end.
    pub fn to_line(&self) -> String {
        LineText::Checkpoint(CheckpointText::of(&self.checkpoint, &self.signature)).to_line()
    }

    /// Reads a line without its end.
    pub fn from_line(text: &str) -> Result<Self, DocumentError> {
        let LineText::Checkpoint(read) = serde_json::from_str(text).map_err(DocumentError::Shape)? else {
            return Err(DocumentError::Field("checkpoint"));
        };
        let (checkpoint, signature) = read.read()?;
        let copy = Self { checkpoint, signature };
        if copy.to_line().strip_suffix('\n') == Some(text) { Ok(copy) } else { Err(DocumentError::Altered) }
    }
}

/// Leaves one after the other.
fn flattened(leaves: &[Leaf]) -> Vec<u8> {
    leaves.iter().flat_map(Leaf::as_bytes).copied().collect()
}

impl LineText {
    fn to_line(&self) -> String {
        let mut line = serde_json::to_string(self).expect("texts and numbers");
        line.push('\n');
        line
    }
}

impl CheckpointText {
    fn of(checkpoint: &Checkpoint, signature: &Signature) -> Self {
        let Checkpoint { number, cursor, count, running_hash, previous, made_at, key_id } = checkpoint;
        Self {
            number: *number,
            transaction: cursor.transaction,
            position: cursor.position,
            count: *count,
            running_hash: running_hash.to_string(),
            previous: previous.to_string(),
            made_at: time_text(*made_at),
            key_id: key_id.clone(),
            signature: base64(signature.as_bytes()),
            leaves: None,
        }
    }

    fn read(self) -> Result<(Checkpoint, Signature), DocumentError> {
        let checkpoint = Checkpoint {
            number: self.number,
            cursor: FeedCursor { transaction: self.transaction, position: self.position },
            count: self.count,
            running_hash: RunningHash::new(hex("running_hash", &self.running_hash)?),
            previous: CheckpointHash::new(hex("previous", &self.previous)?),
            made_at: time("made_at", &self.made_at)?,
            key_id: self.key_id,
        };
        Ok((checkpoint, Signature::new(array("signature", &self.signature)?)))
    }
}

impl HorizonText {
    pub(super) fn of(horizon: &Horizon) -> Self {
        let Horizon { tip, bases, streams, made_at, key_id, signature } = horizon;
        Self {
            number: tip.number,
            transaction: tip.cursor.transaction,
            position: tip.cursor.position,
            count: tip.count,
            running_hash: tip.running_hash.to_string(),
            checkpoint_hash: tip.hash.to_string(),
            bases_hash: bases.to_string(),
            streams: *streams,
            made_at: time_text(*made_at),
            key_id: key_id.clone(),
            signature: base64(signature.as_bytes()),
        }
    }

    pub(super) fn read(self) -> Result<Horizon, DocumentError> {
        let tip = Tip {
            number: self.number,
            cursor: FeedCursor { transaction: self.transaction, position: self.position },
            count: self.count,
            running_hash: RunningHash::new(hex("running_hash", &self.running_hash)?),
            hash: CheckpointHash::new(hex("checkpoint_hash", &self.checkpoint_hash)?),
        };
        Ok(Horizon {
            tip,
            bases: BasesHash::new(hex("bases_hash", &self.bases_hash)?),
            streams: self.streams,
            made_at: time("made_at", &self.made_at)?,
            key_id: self.key_id,
            signature: Signature::new(array("signature", &self.signature)?),
        })
    }
}

impl BaseText {
    fn of(mark: &BaseMark) -> Self {
        let BaseMark { stream, kind, version, position, hash, recorded_at, state } = mark;
        Self {
            stream: *stream.as_uuid(),
            stream_kind: kind.as_str().to_owned(),
            version: *version,
            position: *position,
            hash: hash.to_string(),
            recorded_at: time_text(*recorded_at),
            state_hash: state.to_string(),
        }
    }

    fn read(self) -> Result<BaseMark, DocumentError> {
        let kind = StreamKind::from_stored(&self.stream_kind);
        Ok(BaseMark {
            stream: StreamId::new(self.stream),
            kind: kind.ok_or(DocumentError::Field("stream_kind"))?,
            version: self.version,
            position: self.position,
            hash: EventHash::new(hex("hash", &self.hash)?),
            recorded_at: time("recorded_at", &self.recorded_at)?,
            state: StateHash::new(hex("state_hash", &self.state_hash)?),
        })
    }
}

impl EventText {
    fn of(item: &FeedItem) -> Self {
        let Event { position, stream, stream_kind, version, event, prev_hash, hash } = &item.event;
        let NewEvent { id, event_type, schema_version, actor, data, personal, recorded_at } = event;
        Self {
            transaction: item.cursor.transaction,
            position: *position,
            id: *id.as_uuid(),
            stream: *stream.as_uuid(),
            stream_kind: stream_kind.as_str().to_owned(),
            version: *version,
            r#type: event_type.as_str().to_owned(),
            schema_version: *schema_version,
            actor_kind: actor.kind().to_owned(),
            actor_id: actor.id(),
            data: data.as_str().to_owned(),
            personal: personal.as_ref().map(|sealed| base64(sealed.as_bytes())),
            recorded_at: time_text(*recorded_at),
            prev_hash: prev_hash.to_string(),
            hash: hash.to_string(),
        }
    }

    fn read(self) -> Result<FeedItem, DocumentError> {
        let stream_kind = StreamKind::from_stored(&self.stream_kind);
        let personal = self.personal.map(|text| BASE64.decode(text.as_bytes())).transpose();
        let event = NewEvent {
            id: EventId::new(self.id),
            event_type: EventType::new(self.r#type),
            schema_version: self.schema_version,
            actor: Actor::from_stored(&self.actor_kind, self.actor_id)
                .ok_or(DocumentError::Field("actor"))?,
            data: EventData::from_stored(self.data),
            personal: personal.map_err(|_| DocumentError::Field("personal"))?.map(Sealed::new),
            recorded_at: time("recorded_at", &self.recorded_at)?,
        };
        let event = Event {
            position: self.position,
            stream: StreamId::new(self.stream),
            stream_kind: stream_kind.ok_or(DocumentError::Field("stream_kind"))?,
            version: self.version,
            event,
            prev_hash: EventHash::new(hex("prev_hash", &self.prev_hash)?),
            hash: EventHash::new(hex("hash", &self.hash)?),
        };
        let cursor = FeedCursor { transaction: self.transaction, position: self.position };
        Ok(FeedItem { cursor, event })
    }
}

pub(super) fn base64(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

pub(super) fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(super) fn time(field: &'static str, text: &str) -> Result<DateTime<Utc>, DocumentError> {
    let time = DateTime::parse_from_rfc3339(text).map_err(|_| DocumentError::Field(field))?;
    Ok(time.to_utc())
}

pub(super) fn hex(field: &'static str, text: &str) -> Result<[u8; 32], DocumentError> {
    let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| DocumentError::Field(field))?;
    bytes.try_into().map_err(|_| DocumentError::Field(field))
}

pub(super) fn array<const N: usize>(field: &'static str, text: &str) -> Result<[u8; N], DocumentError> {
    let bytes = BASE64.decode(text.as_bytes()).map_err(|_| DocumentError::Field(field))?;
    bytes.try_into().map_err(|_| DocumentError::Field(field))
}
