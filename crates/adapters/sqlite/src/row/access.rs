use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    audit::Access,
    id::{AccessId, StreamId},
    port::{Accesses, StoreError},
};
use portcullis_sql::{
    column::{StoredTime, stored_id, stored_number, stored_time},
    row::AccessRow,
    schema::accesses,
};

use crate::{Sqlite, error::engine, statement::Cached};

/// The engine deletes by a limit only in a query within.
const OLD: &str = "DELETE FROM accesses WHERE id IN (SELECT id FROM accesses WHERE at < ? LIMIT ?)";

pub(super) fn put(connection: &mut SqliteConnection, access: &Access) -> QueryResult<()> {
    let row = AccessRow::from(access);
    let statement = insert_into(accesses::table).values(&row).on_conflict(accesses::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_to(connection: &mut SqliteConnection, stream: StreamId) -> QueryResult<()> {
    let statement = delete_from(accesses::table.filter(accesses::stream_id.eq(stored_id(stream))));
    Cached(statement).run(connection)
}

#[async_trait]
impl Accesses for Sqlite {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let to_stream = accesses::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let mut page = accesses::table.filter(to_stream.clone()).into_boxed();
            if let Some(after) = after.map(stored_id) {
                let place = accesses::table.find(&after).filter(to_stream).select(accesses::at);
                let Some(at) = place.first::<StoredTime>(connection).optional().map_err(engine)? else {
                    return Ok(Vec::new());
                };
                // The first says what the index can use.
                page =
                    page.filter(accesses::at.le(at)).filter(accesses::at.lt(at).or(accesses::id.lt(after)));
            }
            let rows = page
                .order((accesses::at.desc(), accesses::id.desc()))
                .limit(stored_number(limit))
                .select(AccessRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Access::try_from).collect()
        })
        .await
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let to_stream = accesses::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let mut page = accesses::table.filter(to_stream).into_boxed();
            if let Some((at, id)) = after {
                let (at, id) = (stored_time(at), stored_id(id));
                // The first says what the index can use.
                page = page.filter(accesses::at.ge(at)).filter(accesses::at.gt(at).or(accesses::id.gt(id)));
            }
            let rows = page
                .order((accesses::at, accesses::id))
                .limit(stored_number(limit))
                .select(AccessRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(Access::try_from).collect()
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(OLD, before).await
    }
}
