use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
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

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, request: &IdempotentRequest) -> Sent<'c> {
    let row = RequestRow::from(request);
    let statement = insert_into(idempotent_requests::table)
        .values(&row)
        .on_conflict(idempotent_requests::key)
        .do_update()
        .set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, key: RequestDigest, claimed_by: EventId) -> Sent<'_> {
    let request = idempotent_requests::table
        .find(key.as_bytes().to_vec())
        .filter(idempotent_requests::claimed_by.eq(stored_id(claimed_by)));
    Cached(delete_from(request)).step(connection)
}

#[async_trait]
impl IdempotencyKeys for Postgres {
    async fn find(&self, key: RequestDigest) -> Result<Option<IdempotentRequest>, StoreError> {
        let query = idempotent_requests::table.find(key.as_bytes().to_vec()).select(RequestRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(IdempotentRequest::try_from).transpose()
    }

    async fn list_older(
        &self,
        before: DateTime<Utc>,
        limit: usize,
    ) -> Result<Vec<IdempotentRequest>, StoreError> {
        let query = idempotent_requests::table
            .filter(idempotent_requests::created_at.lt(stored_time(before)))
            .order((idempotent_requests::created_at, idempotent_requests::key))
            .limit(stored_number(limit))
            .select(RequestRow::as_select());
        let rows: Vec<RequestRow> = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(IdempotentRequest::try_from).collect()
    }
}
