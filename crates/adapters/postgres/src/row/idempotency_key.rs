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
use uuid::Uuid;

use crate::{
    Postgres,
    column::{RowName, stored_number},
    error::engine,
    schema::idempotent_requests,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = idempotent_requests, check_for_backend(diesel::pg::Pg))]
struct RequestRow {
    key: Vec<u8>,
    request: Vec<u8>,
    stream_id: Uuid,
    version: i64,
    claimed_by: Uuid,
    created_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, request: &IdempotentRequest) -> Sent<'c> {
    let row = RequestRow {
        key: request.key.as_bytes().to_vec(),
        request: request.request.as_bytes().to_vec(),
        stream_id: request.stream.into(),
        version: stored_number(request.version),
        claimed_by: request.claimed_by.into(),
        created_at: request.created_at,
    };
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
        .filter(idempotent_requests::claimed_by.eq(Uuid::from(claimed_by)));
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
            .filter(idempotent_requests::created_at.lt(before))
            .order((idempotent_requests::created_at, idempotent_requests::key))
            .limit(stored_number(limit))
            .select(RequestRow::as_select());
        let rows: Vec<RequestRow> = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(IdempotentRequest::try_from).collect()
    }
}

impl TryFrom<RequestRow> for IdempotentRequest {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        let name = RowName::new("idempotent_requests", format!("claimed by {}", row.claimed_by));
        let digest = |column, bytes: &[u8]| {
            let hash = name.hash(column, bytes)?;
            Ok::<_, StoreError>(RequestDigest::new(*hash.as_bytes()))
        };
        Ok(Self {
            key: digest("key", &row.key)?,
            request: digest("request", &row.request)?,
            stream: row.stream_id.into(),
            version: name.count("version", row.version)?,
            claimed_by: row.claimed_by.into(),
            created_at: row.created_at,
        })
    }
}
