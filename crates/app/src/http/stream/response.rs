use std::collections::HashMap;

use poem_openapi::{Enum, Object};
use portcullis_domain::{
    event::{Actor, Event, StreamKind},
    stream::{ShownSnapshot, StreamState, StreamStatus},
};
use serde_json::Value;
use uuid::Uuid;

use crate::http::timestamp::Timestamp;

/// A JSON object of the client's own.
pub(super) type JsonObject = HashMap<String, Value>;

/// Something that happened. What is sealed in it is not here.
#[derive(Object)]
pub(super) struct EventResponse {
    pub(super) id: Uuid,
    stream_id: Uuid,
    version: u64,
    #[oai(rename = "type")]
    event_type: String,
    schema_version: u32,
    /// The facts, without personal data.
    data: Value,
    actor: ActorResponse,
    recorded_at: Timestamp,
    /// Over this event and all before it on its stream, in hexadecimal.
    hash: String,
}

/// Who did something.
#[derive(Object)]
pub(super) struct ActorResponse {
    kind: ActorKind,
    /// Null for the service itself.
    id: Option<Uuid>,
}

#[derive(Enum)]
#[oai(rename_all = "snake_case")]
enum ActorKind {
    User,
    ApiKey,
    System,
}

#[derive(Enum)]
#[oai(rename_all = "lowercase")]
pub(super) enum StreamKindName {
    User,
    Company,
    Feature,
}

/// How a stream is.
#[derive(Object)]
pub(super) struct StreamStatusResponse {
    stream_id: Uuid,
    kind: StreamKindName,
    /// Whether clients may write on it.
    is_active: bool,
    version: u64,
    metadata: JsonObject,
    last_event_at: Option<Timestamp>,
    /// The version of the newest snapshot.
    last_snapshot_version: Option<u64>,
    /// The hash of the newest event.
    head_hash: String,
}

/// A stream's state at a version.
#[derive(Object)]
pub(super) struct SnapshotResponse {
    id: Uuid,
    stream_id: Uuid,
    version: u64,
    /// What the events up to the version add up to, as much of it as the caller may see.
    state: Value,
    created_at: Timestamp,
}

impl From<Actor> for ActorResponse {
    fn from(actor: Actor) -> Self {
        let kind = match actor {
            Actor::User(_) => ActorKind::User,
            Actor::ApiKey(_) => ActorKind::ApiKey,
            Actor::System => ActorKind::System,
        };
        Self { kind, id: actor.id() }
    }
}

impl From<StreamKind> for StreamKindName {
    fn from(kind: StreamKind) -> Self {
        match kind {
            StreamKind::User => Self::User,
            StreamKind::Company => Self::Company,
            StreamKind::Feature => Self::Feature,
        }
    }
}

impl From<Event> for EventResponse {
    fn from(stored: Event) -> Self {
        let event = stored.event;
        let data = event.data.as_str();
        Self {
            id: event.id.into(),
            stream_id: stored.stream.into(),
            version: stored.version,
            // Whatever else a store may hold is shown as it is.
            data: serde_json::from_str(data).unwrap_or_else(|_| data.into()),
            event_type: event.event_type.to_string(),
            schema_version: event.schema_version,
            actor: event.actor.into(),
            recorded_at: event.recorded_at.into(),
            hash: stored.hash.to_string(),
        }
    }
}

impl From<StreamStatus> for StreamStatusResponse {
    fn from(StreamStatus { head, state, is_active, last_event_at }: StreamStatus) -> Self {
        let StreamState { metadata, last_snapshot, .. } = state;
        Self {
            stream_id: head.stream.into(),
            kind: head.kind.into(),
            is_active,
            version: head.version,
            metadata: metadata.into_iter().collect(),
            last_event_at: last_event_at.map(Into::into),
            last_snapshot_version: last_snapshot,
            head_hash: head.hash.to_string(),
        }
    }
}

impl From<ShownSnapshot> for SnapshotResponse {
    fn from(ShownSnapshot { snapshot, state, .. }: ShownSnapshot) -> Self {
        Self {
            id: snapshot.id.into(),
            stream_id: snapshot.stream.into(),
            version: snapshot.version,
            state,
            created_at: snapshot.created_at.into(),
        }
    }
}
