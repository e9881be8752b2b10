use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    port::StoreError,
    stream::{IdempotentRequest, RequestDigest},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::idempotent_requests,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = idempotent_requests, check_for_backend(Pg, Sqlite))]
pub struct RequestRow {
    pub key: Vec<u8>,
    pub request: Vec<u8>,
    pub stream_id: StoredId,
    pub version: i64,
    pub claimed_by: StoredId,
    pub created_at: StoredTime,
}

impl From<&IdempotentRequest> for RequestRow {
    fn from(request: &IdempotentRequest) -> Self {
        Self {
            key: request.key.as_bytes().to_vec(),
            request: request.request.as_bytes().to_vec(),
            stream_id: stored_id(request.stream),
            version: stored_number(request.version),
            claimed_by: stored_id(request.claimed_by),
            created_at: stored_time(request.created_at),
        }
    }
}

impl TryFrom<RequestRow> for IdempotentRequest {
    type Error = StoreError;

    fn try_from(row: RequestRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("idempotent_requests", &row.key);
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
