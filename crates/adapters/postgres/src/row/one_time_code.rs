use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::{OneTimeCodeId, UserId},
    port::{OneTimeCodes, StoreError},
    verification::{OneTimeCode, Purpose},
};
use uuid::Uuid;

use super::prune_expired;
use crate::{
    Postgres,
    column::RowName,
    detached,
    error::engine,
    schema::one_time_codes,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = one_time_codes, check_for_backend(diesel::pg::Pg))]
struct OneTimeCodeRow {
    id: Uuid,
    user_id: Uuid,
    purpose: String,
    attempts: i64,
    expires_at: DateTime<Utc>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, code: &OneTimeCode) -> Sent<'c> {
    let row = OneTimeCodeRow {
        id: code.id.into(),
        user_id: code.user.into(),
        purpose: code.purpose.as_str().to_owned(),
        attempts: code.attempts.into(),
        expires_at: code.expires_at,
    };
    let statement =
        insert_into(one_time_codes::table).values(&row).on_conflict(one_time_codes::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, user: UserId, purpose: Purpose) -> Sent<'_> {
    let of_user = one_time_codes::user_id.eq(Uuid::from(user));
    let of_purpose = one_time_codes::purpose.eq(purpose.as_str());
    Cached(delete_from(one_time_codes::table.filter(of_user).filter(of_purpose))).step(connection)
}

#[async_trait]
impl OneTimeCodes for Postgres {
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError> {
        let query = one_time_codes::table
            .filter(one_time_codes::user_id.eq(Uuid::from(user)))
            .filter(one_time_codes::purpose.eq(purpose.as_str()))
            .order(one_time_codes::number.desc())
            .select(OneTimeCodeRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(OneTimeCode::try_from).transpose()
    }

    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move {
            let count = update(one_time_codes::table.find(Uuid::from(code)))
                .filter(one_time_codes::attempts.lt(i64::from(limit)))
                .set(one_time_codes::attempts.eq(one_time_codes::attempts + 1));
            Ok(Cached(count).execute(&mut connection).await.map_err(engine)? == 1)
        })
        .await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        prune_expired(self, "one_time_codes", before).await
    }
}

impl TryFrom<OneTimeCodeRow> for OneTimeCode {
    type Error = StoreError;

    fn try_from(row: OneTimeCodeRow) -> Result<Self, StoreError> {
        let name = RowName::new("one_time_codes", format!("id {}", row.id));
        Ok(Self {
            id: row.id.into(),
            user: row.user_id.into(),
            purpose: Purpose::from_stored(&row.purpose)
                .ok_or_else(|| name.corrupt(format_args!("purpose {:?} is unknown", row.purpose)))?,
            attempts: name.count("attempts", row.attempts)?,
            expires_at: row.expires_at,
        })
    }
}
