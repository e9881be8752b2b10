use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, sql},
    prelude::*,
    sql_types::{Bool, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    audit::Access,
    id::{AccessId, StreamId},
    port::{Accesses, StoreError},
};
use portcullis_sql::{
    column::{stored_id, stored_number},
    row::AccessRow,
    schema::accesses,
};
use uuid::Uuid;

use super::prune;
use crate::{
    Postgres, detached,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, access: &Access) -> Sent<'c> {
    let row = AccessRow::from(access);
    Cached(insert_into(accesses::table).values(row)).step(connection)
}

pub(super) fn delete_to(connection: &AsyncPgConnection, stream: StreamId) -> Sent<'_> {
    let to_stream = accesses::stream_id.eq(stored_id(stream));
    Cached(delete_from(accesses::table.filter(to_stream))).step(connection)
}

#[async_trait]
impl Accesses for Postgres {
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let query = accesses::table
            .filter(accesses::stream_id.eq(stored_id(stream)))
            .order((accesses::at.desc(), accesses::id.desc()))
            .limit(stored_number(limit))
            .select(AccessRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<AccessRow> = match after {
            Some(after) => {
                // As one comparison of pairs, which the index answers.
                let beyond = sql::<Bool>("(at, id) < ((SELECT at FROM accesses WHERE stream_id = ")
                    .bind::<SqlUuid, _>(Uuid::from(stream))
                    .sql(" AND id = ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql("), ")
                    .bind::<SqlUuid, _>(Uuid::from(after))
                    .sql(")");
                Cached(query.filter(beyond)).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(Access::try_from).collect()
    }

    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        let query = accesses::table
            .filter(accesses::stream_id.eq(stored_id(stream)))
            .order((accesses::at, accesses::id))
            .limit(stored_number(limit))
            .select(AccessRow::as_select());
        let mut connection = self.connection().await?;
        let rows: Vec<AccessRow> = match after {
            Some((at, id)) => {
                // As one comparison of pairs, which the index answers.
                let beyond = sql::<Bool>("(at, id) > (")
                    .bind::<Timestamptz, _>(at)
                    .sql(", ")
                    .bind::<SqlUuid, _>(Uuid::from(id))
                    .sql(")");
                Cached(query.filter(beyond)).load(&mut connection).await
            }
            None => query.load(&mut connection).await,
        }
        .map_err(engine)?;
        rows.into_iter().map(Access::try_from).collect()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move { prune(&mut connection, "accesses", "at", before).await }).await
    }
}
