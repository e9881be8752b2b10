use std::collections::BTreeSet;

use async_trait::async_trait;
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
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

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put_state<'c>(connection: &'c AsyncPgConnection, state: &StreamState) -> Sent<'c> {
    let row = StateRow::from(state);
    let statement = insert_into(stream_states::table)
        .values(&row)
        .on_conflict(stream_states::stream_id)
        .do_update()
        .set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete_state(connection: &AsyncPgConnection, stream: StreamId) -> Sent<'_> {
    Cached(delete_from(stream_states::table.find(stored_id(stream)))).step(connection)
}

pub(super) fn put_snapshot<'c>(connection: &'c AsyncPgConnection, snapshot: &Snapshot) -> Sent<'c> {
    let row = SnapshotRow::from(snapshot);
    let statement =
        insert_into(snapshots::table).values(&row).on_conflict(snapshots::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete_snapshots(connection: &AsyncPgConnection, stream: StreamId, below: Version) -> Sent<'_> {
    let old = snapshots::table
        .filter(snapshots::stream_id.eq(stored_id(stream)))
        .filter(snapshots::version.lt(stored_number(below)));
    Cached(delete_from(old)).step(connection)
}

/// Those of these that there are.
pub(crate) async fn find_states(
    connection: &mut AsyncPgConnection,
    streams: &BTreeSet<StreamId>,
) -> Result<Vec<StreamState>, StoreError> {
    let streams: Vec<_> = streams.iter().copied().map(stored_id).collect();
    let query = stream_states::table.filter(stream_states::stream_id.eq_any(streams));
    let rows: Vec<StateRow> =
        Cached(query.select(StateRow::as_select())).load(connection).await.map_err(engine)?;
    rows.into_iter().map(StreamState::try_from).collect()
}

#[async_trait]
impl Streams for Postgres {
    async fn find_state(&self, stream: StreamId) -> Result<Option<StreamState>, StoreError> {
        let query = stream_states::table.find(stored_id(stream)).select(StateRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(StreamState::try_from).transpose()
    }

    async fn list_snapshots(&self, stream: StreamId, limit: usize) -> Result<Vec<Snapshot>, StoreError> {
        let query = snapshots::table
            .filter(snapshots::stream_id.eq(stored_id(stream)))
            .order((snapshots::version.desc(), snapshots::id.desc()))
            .limit(stored_number(limit))
            .select(SnapshotRow::as_select());
        let rows: Vec<SnapshotRow> = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(Snapshot::try_from).collect()
    }
}
