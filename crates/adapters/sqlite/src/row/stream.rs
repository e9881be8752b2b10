use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    event::{StreamKind, Version},
    id::StreamId,
    port::{StoreError, Streams},
    seal::Sealed,
    stream::{Snapshot, StreamState},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::{snapshots, stream_states},
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stream_states, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct StateRow {
    stream_id: Vec<u8>,
    kind: String,
    is_active: bool,
    metadata: String,
    last_snapshot: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = snapshots, check_for_backend(diesel::sqlite::Sqlite))]
struct SnapshotRow {
    id: Vec<u8>,
    stream_id: Vec<u8>,
    version: i64,
    state: Vec<u8>,
    created_at: i64,
}

pub(super) fn put_state(connection: &mut SqliteConnection, state: &StreamState) -> QueryResult<()> {
    let row = StateRow {
        stream_id: stored_id(state.stream),
        kind: state.kind.as_str().to_owned(),
        is_active: state.is_active,
        metadata: serde_json::Value::from(state.metadata.clone()).to_string(),
        last_snapshot: state.last_snapshot.map(stored_number),
    };
    let statement = insert_into(stream_states::table)
        .values(&row)
        .on_conflict(stream_states::stream_id)
        .do_update()
        .set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_state(connection: &mut SqliteConnection, stream: StreamId) -> QueryResult<()> {
    Cached(delete_from(stream_states::table.find(stored_id(stream)))).run(connection)
}

pub(super) fn put_snapshot(connection: &mut SqliteConnection, snapshot: &Snapshot) -> QueryResult<()> {
    let row = SnapshotRow {
        id: stored_id(snapshot.id),
        stream_id: stored_id(snapshot.stream),
        version: stored_number(snapshot.version),
        state: snapshot.state.as_bytes().to_vec(),
        created_at: snapshot.created_at.timestamp_micros(),
    };
    let statement =
        insert_into(snapshots::table).values(&row).on_conflict(snapshots::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_snapshots(
    connection: &mut SqliteConnection,
    stream: StreamId,
    below: Version,
) -> QueryResult<()> {
    let old = snapshots::table
        .filter(snapshots::stream_id.eq(stored_id(stream)))
        .filter(snapshots::version.lt(stored_number(below)));
    Cached(delete_from(old)).run(connection)
}

pub(crate) fn find_state(
    connection: &mut SqliteConnection,
    stream: StreamId,
) -> Result<Option<StreamState>, StoreError> {
    let row = stream_states::table.find(stored_id(stream)).select(StateRow::as_select()).first(connection);
    row.optional().map_err(engine)?.map(StreamState::try_from).transpose()
}

#[async_trait]
impl Streams for Sqlite {
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        self.read(move |connection| find_state(connection, stream)).await
    }

    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        self.read(move |connection| {
            let rows = snapshots::table
                .filter(snapshots::stream_id.eq(stored_id(stream)))
                .order((snapshots::version.desc(), snapshots::id.desc()))
                .limit(stored_number(limit))
                .select(SnapshotRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Snapshot::try_from).collect()
        })
        .await
    }
}

impl TryFrom<StateRow> for StreamState {
    type Error = StoreError;

    fn try_from(row: StateRow) -> Result<Self, StoreError> {
        let name = RowName::new("stream_states", IdKey(&row.stream_id));
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

impl TryFrom<SnapshotRow> for Snapshot {
    type Error = StoreError;

    fn try_from(row: SnapshotRow) -> Result<Self, StoreError> {
        let name = RowName::new("snapshots", IdKey(&row.id));
        Ok(Self {
            id: name.id("id", &row.id)?,
            stream: name.id("stream_id", &row.stream_id)?,
            version: name.count("version", row.version)?,
            state: Sealed::new(row.state),
            created_at: name.time("created_at", row.created_at)?,
        })
    }
}
