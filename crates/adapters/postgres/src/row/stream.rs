use std::collections::BTreeSet;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    event::{StreamKind, Version},
    id::StreamId,
    port::{StoreError, Streams},
    seal::Sealed,
    stream::{Snapshot, StreamState},
};
use uuid::Uuid;

use crate::{
    Postgres,
    column::{RowName, stored_number},
    error::engine,
    schema::{snapshots, stream_states},
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stream_states, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct StateRow {
    stream_id: Uuid,
    kind: String,
    is_active: bool,
    metadata: String,
    last_snapshot: Option<i64>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = snapshots, check_for_backend(diesel::pg::Pg))]
struct SnapshotRow {
    id: Uuid,
    stream_id: Uuid,
    version: i64,
    state: Vec<u8>,
    created_at: DateTime<Utc>,
}

pub(super) fn put_state<'c>(connection: &'c AsyncPgConnection, state: &StreamState) -> Sent<'c> {
    let row = StateRow {
        stream_id: state.stream.into(),
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
    Cached(statement).step(connection)
}

pub(super) fn delete_state(connection: &AsyncPgConnection, stream: StreamId) -> Sent<'_> {
    Cached(delete_from(stream_states::table.find(Uuid::from(stream)))).step(connection)
}

pub(super) fn put_snapshot<'c>(connection: &'c AsyncPgConnection, snapshot: &Snapshot) -> Sent<'c> {
    let row = SnapshotRow {
        id: snapshot.id.into(),
        stream_id: snapshot.stream.into(),
        version: stored_number(snapshot.version),
        state: snapshot.state.as_bytes().to_vec(),
        created_at: snapshot.created_at,
    };
    let statement =
        insert_into(snapshots::table).values(&row).on_conflict(snapshots::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete_snapshots(connection: &AsyncPgConnection, stream: StreamId, below: Version) -> Sent<'_> {
    let old = snapshots::table
        .filter(snapshots::stream_id.eq(Uuid::from(stream)))
        .filter(snapshots::version.lt(stored_number(below)));
    Cached(delete_from(old)).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_states(
    connection: &mut AsyncPgConnection,
    streams: &BTreeSet<StreamId>,
) -> Result<Vec<StreamState>, StoreError> {
    let streams: Vec<Uuid> = streams.iter().copied().map(Uuid::from).collect();
    let query = stream_states::table.filter(stream_states::stream_id.eq_any(streams));
    let rows: Vec<StateRow> =
        Cached(query.select(StateRow::as_select())).load(connection).await.map_err(engine)?;
    rows.into_iter().map(StreamState::try_from).collect()
}

#[async_trait]
impl Streams for Postgres {
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        let query = stream_states::table.find(Uuid::from(stream)).select(StateRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(StreamState::try_from).transpose()
    }

    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let query = snapshots::table
            .filter(snapshots::stream_id.eq(Uuid::from(stream)))
            .order((snapshots::version.desc(), snapshots::id.desc()))
            .limit(stored_number(limit))
            .select(SnapshotRow::as_select());
        let rows: Vec<SnapshotRow> = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Snapshot::try_from).collect()
    }
}

impl TryFrom<StateRow> for StreamState {
    type Error = StoreError;

    fn try_from(row: StateRow) -> Result<Self, StoreError> {
        let name = RowName::new("stream_states", format!("id {}", row.stream_id));
        Ok(Self {
            stream: row.stream_id.into(),
            kind: StreamKind::from_stored(&row.kind)
                .ok_or_else(|| name.corrupt(format_args!("kind {:?} is unknown", row.kind)))?,
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
        let name = RowName::new("snapshots", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            stream: row.stream_id.into(),
            version: name.count("version", row.version)?,
            state: Sealed::new(row.state),
            created_at: row.created_at,
        })
    }
}
