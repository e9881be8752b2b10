use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    port::StoreError,
    verification::{OneTimeCode, Purpose},
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::one_time_codes,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = one_time_codes, check_for_backend(Pg, Sqlite))]
pub struct OneTimeCodeRow {
    pub id: StoredId,
    pub user_id: StoredId,
    pub purpose: String,
    pub attempts: i64,
    pub expires_at: StoredTime,
}

impl From<&OneTimeCode> for OneTimeCodeRow {
    fn from(code: &OneTimeCode) -> Self {
        Self {
            id: stored_id(code.id),
            user_id: stored_id(code.user),
            purpose: code.purpose.as_str().to_owned(),
            attempts: code.attempts.into(),
            expires_at: stored_time(code.expires_at),
        }
    }
}

impl TryFrom<OneTimeCodeRow> for OneTimeCode {
    type Error = StoreError;

    fn try_from(row: OneTimeCodeRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("one_time_codes", &row.id);
        Ok(Self {
            id: name.id("id", &row.id)?,
            user: name.id("user_id", &row.user_id)?,
            purpose: name.named("purpose", &row.purpose, Purpose::from_stored)?,
            attempts: name.count("attempts", row.attempts)?,
            expires_at: name.time("expires_at", row.expires_at)?,
        })
    }
}
