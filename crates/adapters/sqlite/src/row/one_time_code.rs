use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::{OneTimeCodeId, UserId},
    port::{OneTimeCodes, StoreError},
    verification::{OneTimeCode, Purpose},
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id},
    error::engine,
    schema::one_time_codes,
    statement::Cached,
};

/// The engine deletes by a limit only in a query within.
const EXPIRED: &str =
    "DELETE FROM one_time_codes WHERE id IN (SELECT id FROM one_time_codes WHERE expires_at < ? LIMIT ?)";

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = one_time_codes, check_for_backend(diesel::sqlite::Sqlite))]
struct OneTimeCodeRow {
    id: Vec<u8>,
    user_id: Vec<u8>,
    purpose: String,
    attempts: i64,
    expires_at: i64,
}

pub(super) fn put(connection: &mut SqliteConnection, code: &OneTimeCode) -> QueryResult<()> {
    let row = OneTimeCodeRow {
        id: stored_id(code.id),
        user_id: stored_id(code.user),
        purpose: code.purpose.as_str().to_owned(),
        attempts: code.attempts.into(),
        expires_at: code.expires_at.timestamp_micros(),
    };
    let statement =
        insert_into(one_time_codes::table).values(&row).on_conflict(one_time_codes::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn delete_of(
    connection: &mut SqliteConnection,
    user: UserId,
    purpose: Purpose,
) -> QueryResult<()> {
    let of_user = one_time_codes::user_id.eq(stored_id(user));
    let of_purpose = one_time_codes::purpose.eq(purpose.as_str());
    Cached(delete_from(one_time_codes::table.filter(of_user).filter(of_purpose))).run(connection)
}

#[async_trait]
impl OneTimeCodes for Sqlite {
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError> {
        let of_user = one_time_codes::user_id.eq(stored_id(user));
        let of_purpose = one_time_codes::purpose.eq(purpose.as_str());
        self.read(move |connection| {
            let row = one_time_codes::table
                .filter(of_user)
                .filter(of_purpose)
                .order(one_time_codes::rowid.desc())
                .select(OneTimeCodeRow::as_select())
                .first(connection);
            row.optional().map_err(engine)?.map(OneTimeCode::try_from).transpose()
        })
        .await
    }

    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let count = update(one_time_codes::table.find(stored_id(code)))
                .filter(one_time_codes::attempts.lt(i64::from(limit)))
                .set(one_time_codes::attempts.eq(one_time_codes::attempts + 1))
                .returning(one_time_codes::attempts);
            let attempts = Cached(count).get_result::<i64>(connection).optional().map_err(engine)?;
            Ok(attempts.is_some())
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.prune_by(EXPIRED, before).await
    }
}

impl TryFrom<OneTimeCodeRow> for OneTimeCode {
    type Error = StoreError;

    fn try_from(row: OneTimeCodeRow) -> Result<Self, StoreError> {
        let name = RowName::new("one_time_codes", IdKey(&row.id));
        Ok(Self {
            id: name.id("id", &row.id)?,
            user: name.id("user_id", &row.user_id)?,
            purpose: name.named("purpose", &row.purpose, Purpose::from_stored)?,
            attempts: name.count("attempts", row.attempts)?,
            expires_at: name.time("expires_at", row.expires_at)?,
        })
    }
}
