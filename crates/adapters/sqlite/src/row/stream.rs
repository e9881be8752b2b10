use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    event::Version,
    id::StreamId,
    port::{StoreError, Streams},
    stream::{Snapshot, StreamState},
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::{SnapshotRow, StateRow},
    schema::{snapshots, stream_states},
};

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put_state(connection: &mut SqliteConnection, state: &StreamState) -> QueryResult<()> {
    let row = StateRow::from(state);
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
    let row = SnapshotRow::from(snapshot);
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
