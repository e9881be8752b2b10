use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    event::StreamKind,
    port::StoreError,
    seal::Sealed,
    stream::{Snapshot, StreamState},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::{snapshots, stream_states},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stream_states, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct StateRow {
    pub stream_id: StoredId,
    pub kind: String,
    pub is_active: bool,
    pub metadata: String,
    pub last_snapshot: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = snapshots, check_for_backend(Pg, Sqlite))]
pub struct SnapshotRow {
    pub id: StoredId,
    pub stream_id: StoredId,
    pub version: i64,
    pub state: Vec<u8>,
    pub created_at: StoredTime,
}

impl From<&StreamState> for StateRow {
    fn from(state: &StreamState) -> Self {
        Self {
            stream_id: stored_id(state.stream),
            kind: state.kind.as_str().to_owned(),
            is_active: state.is_active,
            metadata: serde_json::Value::from(state.metadata.clone()).to_string(),
            last_snapshot: state.last_snapshot.map(stored_number),
        }
    }
}

impl TryFrom<StateRow> for StreamState {
    type Error = StoreError;

    fn try_from(row: StateRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("stream_states", &row.stream_id);
        Ok(Self {
            stream: name.id("stream_id", &row.stream_id)?,
            kind: name.named("kind", &row.kind, StreamKind::from_stored)?,
            is_active: row.is_active,
            metadata: serde_json::from_str(&row.metadata)
                .map_err(|_| name.corrupt("metadata is no JSON object"))?,
            last_snapshot: row
                .last_snapshot
                .map(|version| name.count("last_snapshot", version))
                .transpose()?,
        })
    }
}

impl From<&Snapshot> for SnapshotRow {
    fn from(snapshot: &Snapshot) -> Self {
        Self {
            id: stored_id(snapshot.id),
            stream_id: stored_id(snapshot.stream),
            version: stored_number(snapshot.version),
            state: snapshot.state.as_bytes().to_vec(),
            created_at: stored_time(snapshot.created_at),
        }
    }
}

impl TryFrom<SnapshotRow> for Snapshot {
    type Error = StoreError;

    fn try_from(row: SnapshotRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("snapshots", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            stream: name.id("stream_id", &row.stream_id)?,
            version: name.count("version", row.version)?,
            state: Sealed::new(row.state),
            created_at: name.time("created_at", row.created_at)?,
        })
    }
}
