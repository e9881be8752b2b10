use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, sql, update},
    prelude::*,
    sql_types::BigInt,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    id::{OneTimeCodeId, UserId},
    port::{OneTimeCodes, StoreError},
    verification::{OneTimeCode, Purpose},
};
use portcullis_sql::{column::stored_id, row::OneTimeCodeRow, schema::one_time_codes};

use super::prune_expired;
use crate::{
    Postgres, detached,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, code: &OneTimeCode) -> Sent<'c> {
    let row = OneTimeCodeRow::from(code);
    let statement =
        insert_into(one_time_codes::table).values(&row).on_conflict(one_time_codes::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, user: UserId, purpose: Purpose) -> Sent<'_> {
    let of_user = one_time_codes::user_id.eq(stored_id(user));
    let of_purpose = one_time_codes::purpose.eq(purpose.as_str());
    Cached(delete_from(one_time_codes::table.filter(of_user).filter(of_purpose))).step(connection)
}

#[async_trait]
impl OneTimeCodes for Postgres {
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError> {
        let newest = one_time_codes::table
            .filter(one_time_codes::user_id.eq(stored_id(user)))
            .filter(one_time_codes::purpose.eq(purpose.as_str()))
            .order(sql::<BigInt>("number").desc())
            .limit(1)
            .select(OneTimeCodeRow::as_select());
        let row =
            Cached(newest).get_result(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(OneTimeCode::try_from).transpose()
    }

    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move {
            let count = update(one_time_codes::table.find(stored_id(code)))
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
