use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::EventId,
    port::{IdempotencyKeys, StoreError},
    stream::{IdempotentRequest, RequestDigest},
};
use portcullis_sql::{
    column::{stored_id, stored_number, stored_time},
    row::RequestRow,
    schema::idempotent_requests,
};

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, request: &IdempotentRequest) -> QueryResult<()> {
    let row = RequestRow::from(request);
    let statement = insert_into(idempotent_requests::table)
        .values(&row)
        .on_conflict(idempotent_requests::key)
        .do_update()
        .set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete(
    connection: &mut SqliteConnection,
    key: RequestDigest,
    claimed_by: EventId,
) -> QueryResult<()> {
    let request = idempotent_requests::table
        .find(key.as_bytes().to_vec())
        .filter(idempotent_requests::claimed_by.eq(stored_id(claimed_by)));
    Cached(delete_from(request)).run(connection)
}

#[async_trait]
impl IdempotencyKeys for Sqlite {
    async fn find(&self, key: RequestDigest) -> Result<Option<IdempotentRequest>, StoreError> {
        self.read(move |connection| {
            let row = idempotent_requests::table
                .find(key.as_bytes().to_vec())
                .select(RequestRow::as_select())
                .first(connection);
            row.optional().map_err(engine)?.map(IdempotentRequest::try_from).transpose()
        })
        .await
    }

    async fn list_older(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        self.read(move |connection| {
            let rows = idempotent_requests::table
                .filter(idempotent_requests::created_at.lt(stored_time(before)))
                .order((idempotent_requests::created_at, idempotent_requests::key))
                .limit(stored_number(limit))
                .select(RequestRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(IdempotentRequest::try_from).collect()
        })
        .await
    }
}
