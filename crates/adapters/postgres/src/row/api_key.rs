use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
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

use crate::{
    Postgres,
    error::engine,
    statement::{Cached, Sent},
};

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, key: &ApiKey) -> Sent<'c> {
    let row = ApiKeyRow::from(key);
    let statement = insert_into(api_keys::table).values(&row).on_conflict(api_keys::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn touch(connection: &AsyncPgConnection, id: ApiKeyId, at: DateTime<Utc>) -> Sent<'_> {
    let at = stored_time(at);
    let is_earlier = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at));
    let step = update(api_keys::table.find(stored_id(id))).filter(is_earlier);
    Cached(step.set(api_keys::last_used_at.eq(at))).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: ApiKeyId) -> Sent<'_> {
    Cached(delete_from(api_keys::table.find(stored_id(id)))).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, owner: Principal) -> Sent<'_> {
    let of_owner = api_keys::owner_id.eq(stored_id(owner.id()));
    let of_owner = of_owner.and(api_keys::owner_kind.eq(owner.kind().as_str()));
    Cached(delete_from(api_keys::table.filter(of_owner))).step(connection)
}

#[async_trait]
impl ApiKeys for Postgres {
    async fn find_by_prefix(&self, prefix: &ApiKeyPrefix) -> Result<Option<ApiKey>, StoreError> {
        let of_prefix = api_keys::prefix.eq(prefix.as_str());
        let query = api_keys::table.filter(of_prefix).select(ApiKeyRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(ApiKey::try_from).transpose()
    }

    async fn list_by_owner(&self, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        let query = api_keys::table
            .filter(api_keys::owner_id.eq(stored_id(owner.id())))
            .filter(api_keys::owner_kind.eq(owner.kind().as_str()))
            .order(api_keys::id.desc())
            .select(ApiKeyRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }
}
