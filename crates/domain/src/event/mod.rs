//! The event envelope: what every event on every stream looks like, whatever it says.

mod chain;
pub(crate) mod personal;
mod schema;
mod upcast;

use std::fmt;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

pub use chain::EventHash;
pub use schema::{DIALECT, EventSchema, catalogue, schema_of};
pub(crate) use schema::{NoFacts, choice_schema, titled};
pub(crate) use upcast::{Present, Upcaster, unchanged};

use crate::{
    id::{EventId, StreamId},
    seal::Sealed,
};

/// A stream's version: 1 for its first event, then 2, 3, … without a gap; 0 is a stream without events.
pub type Version = u64;

/// An event to be appended. The store adds position, version and the chain's hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// Unique over all streams.
    pub id: EventId,
    /// What happened.
    pub event_type: EventType,
    /// The shape of `data` and `personal` for this type.
    pub schema_version: u32,
    /// Who did it.
    pub actor: Actor,
    /// The facts, without personal data.
    pub data: EventData,
    /// The personal part, sealed with its subject's key.
    pub personal: Option<Sealed>,
    /// When, in whole microseconds.
    pub recorded_at: DateTime<Utc>,
}

/// An event as a store keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place among all events of the store: larger is later; gaps are allowed.
    pub position: u64,
    /// Whose history it belongs to.
    pub stream: StreamId,
    /// What the stream is of.
    pub stream_kind: StreamKind,
    /// Its place in its stream.
    pub version: Version,
    /// What was appended.
    pub event: NewEvent,
    /// The hash of the stream's event before this one; all zero for the first.
    pub prev_hash: EventHash,
    /// The hash over `prev_hash` and every other field.
    pub hash: EventHash,
}

/// What a stream is the history of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamKind {
    /// A person's account.
    User,
    /// A company.
    Company,
    /// A feature.
    Feature,
}

/// An event's type, such as `user.created`. Any text a store holds is kept: a type unknown to this version of the
/// software was known to the one that wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventType(String);

/// An event's facts: the text of a JSON object, kept to the byte, since the hash is over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventData(String);

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person, signed in or named by the act itself.
    User(Uuid),
    /// The holder of an API key.
    ApiKey(Uuid),
    /// The service itself or its operator's command line.
    System,
}

impl StreamKind {
    /// The kind as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Company => "company",
            Self::Feature => "feature",
        }
    }

    /// Reads a stored kind.
    pub fn from_stored(text: &str) -> Option<Self> {
        [Self::User, Self::Company, Self::Feature].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl EventType {
    /// Wraps a type's name.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl EventData {
    /// Writes facts as JSON.
    ///
    /// # Panics
    ///
    /// When `facts` is no JSON object: structs with named fields and text keys always are.
    pub fn of(facts: &impl Serialize) -> Self {
        Self(serde_json::to_string(facts).expect("event data are plain structs with text keys"))
    }

    /// Wraps a text read back from a store, whatever it holds.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads the facts.
    pub fn read<'a, T: Deserialize<'a>>(&'a self) -> Result<T, EventReadError> {
        Ok(serde_json::from_str(&self.0)?)
    }
}

impl Actor {
    /// The kind as it is stored and shown.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::ApiKey(_) => "api_key",
            Self::System => "system",
        }
    }

    /// The id, of all but the system.
    pub const fn id(&self) -> Option<Uuid> {
        match self {
            Self::User(id) | Self::ApiKey(id) => Some(*id),
            Self::System => None,
        }
    }

    /// Reads a stored actor.
    pub fn from_stored(kind: &str, id: Option<Uuid>) -> Option<Self> {
        match (kind, id) {
            ("user", Some(id)) => Some(Self::User(id)),
            ("api_key", Some(id)) => Some(Self::ApiKey(id)),
            ("system", None) => Some(Self::System),
            _ => None,
        }
    }
}

/// A stored event does not read as its type and schema version say.
#[derive(Debug, Error)]
pub enum EventReadError {
    /// The JSON does not have the shape of its schema version.
    #[error("event data do not fit their schema")]
    Shape(#[from] serde_json::Error),
    /// No reader for this type and schema version in this version of the software.
    #[error("unknown event {event_type} with schema version {schema_version}")]
    Unknown {
        /// The type.
        event_type: EventType,
        /// The schema version.
        schema_version: u32,
    },
    /// The personal part does not open with the subject's key.
    #[error("the personal part does not open")]
    Seal(#[from] crate::seal::SealError),
}
