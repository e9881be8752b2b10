use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, Principal},
    id::ApiKeyId,
    port::{ApiKeys, StoreError},
};
use portcullis_sql::{
    column::{stored_id, stored_time},
    row::ApiKeyRow,
    schema::api_keys,
};

use crate::{Sqlite, error::engine, statement::Cached};

pub(super) fn put(connection: &mut SqliteConnection, key: &ApiKey) -> QueryResult<()> {
    let row = ApiKeyRow::from(key);
    let statement = insert_into(api_keys::table).values(&row).on_conflict(api_keys::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn touch(connection: &mut SqliteConnection, id: ApiKeyId, at: DateTime<Utc>) -> QueryResult<()> {
    let at = stored_time(at);
    let is_earlier = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at));
    let step = update(api_keys::table.find(stored_id(id))).filter(is_earlier);
    Cached(step.set(api_keys::last_used_at.eq(at))).run(connection)
}

pub(super) fn delete(connection: &mut SqliteConnection, id: ApiKeyId) -> QueryResult<()> {
    Cached(delete_from(api_keys::table.find(stored_id(id)))).run(connection)
}

pub(super) fn delete_of(connection: &mut SqliteConnection, owner: Principal) -> QueryResult<()> {
    let of_owner = api_keys::owner_id.eq(stored_id(owner.id()));
    let of_owner = of_owner.and(api_keys::owner_kind.eq(owner.kind().as_str()));
    Cached(delete_from(api_keys::table.filter(of_owner))).run(connection)
}

#[async_trait]
impl ApiKeys for Sqlite {
    async fn find_by_prefix(&self, prefix: &ApiKeyPrefix) -> Result<Option<ApiKey>, StoreError> {
        let of_prefix = api_keys::prefix.eq(prefix.as_str().to_owned());
        self.read(move |connection| {
            let row = api_keys::table.filter(of_prefix).select(ApiKeyRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(ApiKey::try_from).transpose()
        })
        .await
    }

    async fn list_by_owner(&self, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        let of_owner = api_keys::owner_id.eq(stored_id(owner.id()));
        let of_owner = of_owner.and(api_keys::owner_kind.eq(owner.kind().as_str()));
        self.read(move |connection| {
            let rows = api_keys::table
                .filter(of_owner)
                .order(api_keys::id.desc())
                .select(ApiKeyRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(ApiKey::try_from).collect()
        })
        .await
    }
}
