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

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::idempotent_requests,
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = idempotent_requests, check_for_backend(diesel::sqlite::Sqlite))]
struct RequestRow {
    key: Vec<u8>,
    request: Vec<u8>,
    stream_id: Vec<u8>,
    version: i64,
    claimed_by: Vec<u8>,
    created_at: i64,
}

pub(super) fn put(connection: &mut SqliteConnection, request: &IdempotentRequest) -> QueryResult<()> {
    let row = RequestRow {
        key: request.key.as_bytes().to_vec(),
        request: request.request.as_bytes().to_vec(),
        stream_id: stored_id(request.stream),
        version: stored_number(request.version),
        claimed_by: stored_id(request.claimed_by),
        created_at: request.created_at.timestamp_micros(),
    };
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
                .filter(idempotent_requests::created_at.lt(before.timestamp_micros()))
                .order((idempotent_requests::created_at, idempotent_requests::key))
                .limit(stored_number(limit))
                .select(RequestRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(IdempotentRequest::try_from).collect()
        })
        .await
    }
}

impl TryFrom<RequestRow> for IdempotentRequest {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        let name = RowName::new("idempotent_requests", IdKey(&row.key));
        let digest = |column, bytes: &[u8]| {
            let hash = name.hash(column, bytes)?;
            Ok::<_, StoreError>(RequestDigest::new(*hash.as_bytes()))
        };
        Ok(Self {
            key: digest("key", &row.key)?,
            request: digest("request", &row.request)?,
            stream: name.id("stream_id", &row.stream_id)?,
            version: name.count("version", row.version)?,
            claimed_by: name.id("claimed_by", &row.claimed_by)?,
            created_at: name.time("created_at", row.created_at)?,
        })
    }
}
