use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    event::{Event, EventData, EventType, NewEvent, StreamKind},
    port::{StoreError, StreamHead},
    seal::Sealed,
};

use crate::{
    column::{RowName, StoredId, StoredTime},
    schema::{events, streams},
};

#[derive(Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(Pg, Sqlite))]
pub struct EventRow {
    pub position: i64,
    pub id: StoredId,
    pub stream_id: StoredId,
    pub stream_kind: String,
    pub version: i64,
    pub event_type: String,
    pub schema_version: i64,
    pub actor_kind: String,
    pub actor_id: Option<StoredId>,
    pub data: String,
    pub personal: Option<Vec<u8>>,
    pub recorded_at: StoredTime,
    pub prev_hash: Vec<u8>,
    pub hash: Vec<u8>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = streams, check_for_backend(Pg, Sqlite))]
pub struct HeadRow {
    pub stream_id: StoredId,
    pub kind: String,
    pub version: i64,
    pub hash: Vec<u8>,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let name = RowName::new("events", format!("position {}", row.position));
        let actor = name.actor(&row.actor_kind, row.actor_id.as_deref())?;
        let stream_kind = name.named("stream_kind", &row.stream_kind, StreamKind::from_stored)?;
        Ok(Self {
            position: name.count("position", row.position)?,
            stream: name.id("stream_id", &row.stream_id)?,
            stream_kind,
            version: name.count("version", row.version)?,
            event: NewEvent {
                id: name.id("id", &row.id)?,
                event_type: EventType::new(row.event_type),
                schema_version: name.count("schema_version", row.schema_version)?,
                actor,
                data: EventData::from_stored(row.data),
                personal: row.personal.map(Sealed::new),
                recorded_at: name.time("recorded_at", row.recorded_at)?,
            },
            prev_hash: name.hash("prev_hash", &row.prev_hash)?,
            hash: name.hash("hash", &row.hash)?,
        })
    }
}

impl TryFrom<HeadRow> for StreamHead {
    type Error = StoreError;

    fn try_from(row: HeadRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("streams", &row.stream_id);
        Ok(Self {
            stream: name.id("stream_id", &row.stream_id)?,
            kind: name.named("kind", &row.kind, StreamKind::from_stored)?,
            version: name.count("version", row.version)?,
            hash: name.hash("hash", &row.hash)?,
        })
    }
}
