use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{event_type::is_reserved, state::Metadata};
use crate::{
    event::{EventData, EventReadError, EventSchema, EventType, NewEvent, NoFacts, Version},
    id::SnapshotId,
    seal::DataKey,
};

/// What can happen to a stream itself, and what clients write on it. The rest of what is on it happens to its user or company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamEvent {
    /// `stream.metadata_updated`
    MetadataUpdated {
        /// What it was.
        before: Metadata,
        /// What it is.
        after: Metadata,
    },
    /// `stream.deactivated`: clients write no more on it.
    Deactivated {
        /// Why, in the words of whoever did it (sealed, for it may name somebody); `None` where none was given and without the key.
        reason: Option<String>,
    },
    /// `stream.snapshot_taken`
    SnapshotTaken(SnapshotTaken),
    /// Of a type of a client's own.
    ClientDefined {
        /// The type, none of the service's own.
        event_type: EventType,
        /// What the client says, without personal data.
        data: EventData,
    },
}

/// The facts of `stream.snapshot_taken`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SnapshotTaken {
    /// Which.
    pub snapshot_id: SnapshotId,
    /// The version that it is the state of: the one before this event's.
    pub version: Version,
    /// A digest of the state under the subject's key: the log itself says what the snapshot must hold.
    pub state_digest: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct MetadataUpdated {
    before: Metadata,
    after: Metadata,
}

/// Types are stored: never renamed. A changed shape is a new schema version with a reader for each old one.
mod name {
    pub(super) const METADATA_UPDATED: &str = "stream.metadata_updated";
    pub(super) const DEACTIVATED: &str = "stream.deactivated";
    pub(super) const SNAPSHOT_TAKEN: &str = "stream.snapshot_taken";
}

/// A type's newest version is the one that is written; a version that was ever written stays here. Types of clients' own are theirs to describe.
pub(crate) fn schemas() -> Vec<EventSchema> {
    vec![
        EventSchema::of::<MetadataUpdated>(name::METADATA_UPDATED, 1),
        EventSchema::of::<NoFacts>(name::DEACTIVATED, 1).with_personal::<String>(),
        EventSchema::of::<SnapshotTaken>(name::SNAPSHOT_TAKEN, 1),
    ]
}

impl StreamEvent {
    /// The type of the event that a snapshot was taken.
    pub const SNAPSHOT_TAKEN: &str = name::SNAPSHOT_TAKEN;

    /// The event's type.
    pub fn event_type(&self) -> &str {
        match self {
            Self::MetadataUpdated { .. } => name::METADATA_UPDATED,
            Self::Deactivated { .. } => name::DEACTIVATED,
            Self::SnapshotTaken(_) => name::SNAPSHOT_TAKEN,
            Self::ClientDefined { event_type, .. } => event_type.as_str(),
        }
    }

    /// The schema version that [`data`](Self::data) and [`personal`](Self::personal) are written in.
    pub const fn schema_version(&self) -> u32 {
        1
    }

    /// Whether the stream's state is another one after it.
    pub const fn changes_state(&self) -> bool {
        !matches!(self, Self::ClientDefined { .. })
    }

    /// The facts, without personal data.
    pub fn data(&self) -> EventData {
        match self {
            Self::MetadataUpdated { before, after } => {
                EventData::of(&MetadataUpdated { before: before.clone(), after: after.clone() })
            }
            Self::Deactivated { .. } => EventData::of(&NoFacts {}),
            Self::SnapshotTaken(facts) => EventData::of(facts),
            Self::ClientDefined { data, .. } => data.clone(),
        }
    }

    /// The personal part, to be sealed.
    pub fn personal(&self) -> Option<serde_json::Value> {
        match self {
            Self::Deactivated { reason } => reason.clone().map(serde_json::Value::String),
            Self::MetadataUpdated { .. } | Self::SnapshotTaken(_) | Self::ClientDefined { .. } => None,
        }
    }

    /// Reads a stored event of any stream; `None` for one of its user or company, and for one of the service's own types that this version does
    /// not know.
    pub fn read(event: &NewEvent, key: Option<&DataKey>) -> Result<Option<Self>, EventReadError> {
        let facts = &event.data;
        Ok(Some(match (event.event_type.as_str(), event.schema_version) {
            (name::METADATA_UPDATED, 1) => {
                let MetadataUpdated { before, after } = facts.read()?;
                Self::MetadataUpdated { before, after }
            }
            (name::DEACTIVATED, 1) => Self::Deactivated { reason: event.open_facts(key)? },
            (name::SNAPSHOT_TAKEN, 1) => Self::SnapshotTaken(facts.read()?),
            (own, _) if is_reserved(own) => return Ok(None),
            _ => Self::ClientDefined { event_type: event.event_type.clone(), data: facts.clone() },
        }))
    }
}
