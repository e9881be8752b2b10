use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, sql, update},
    prelude::*,
    sql_types::BigInt,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    id::{OneTimeCodeId, UserId},
    port::{OneTimeCodes, StoreError},
    verification::{OneTimeCode, Purpose},
};
use portcullis_sql::{column::stored_id, row::OneTimeCodeRow, schema::one_time_codes};

use crate::{Sqlite, error::engine, statement::Cached};

/// The engine deletes by a limit only in a query within.
const EXPIRED: &str =
    "DELETE FROM one_time_codes WHERE id IN (SELECT id FROM one_time_codes WHERE expires_at < ? LIMIT ?)";

pub(super) fn put(connection: &mut SqliteConnection, code: &OneTimeCode) -> QueryResult<()> {
    let row = OneTimeCodeRow::from(code);
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
            let newest = one_time_codes::table
                .filter(of_user)
                .filter(of_purpose)
                .order(sql::<BigInt>("rowid").desc())
                .limit(1)
                .select(OneTimeCodeRow::as_select());
            let row: QueryResult<OneTimeCodeRow> = Cached(newest).get_result(connection);
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
