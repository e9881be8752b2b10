use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, PreviousSecret, Principal, SecretHash},
    id::ApiKeyId,
    port::{ApiKeys, StoreError},
    value::ShortText,
};
use uuid::Uuid;

use crate::{
    Postgres,
    column::RowName,
    error::engine,
    schema::api_keys,
    statement::{Cached, Sent},
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, check_for_backend(diesel::pg::Pg))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct ApiKeyRow {
    id: Uuid,
    owner_kind: String,
    owner_id: Uuid,
    name: String,
    prefix: String,
    secret_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    previous_good_until: Option<DateTime<Utc>>,
    features: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    last_used_at: Option<DateTime<Utc>>,
}

pub(super) fn put<'c>(connection: &'c AsyncPgConnection, key: &ApiKey) -> Sent<'c> {
    let row = ApiKeyRow::from(key);
    let statement = insert_into(api_keys::table).values(&row).on_conflict(api_keys::id).do_update().set(&row);
    Cached(statement).step(connection)
}

pub(super) fn touch(connection: &AsyncPgConnection, id: ApiKeyId, at: DateTime<Utc>) -> Sent<'_> {
    let is_earlier = api_keys::last_used_at.is_null().or(api_keys::last_used_at.lt(at));
    let step = update(api_keys::table.find(Uuid::from(id))).filter(is_earlier);
    Cached(step.set(api_keys::last_used_at.eq(at))).step(connection)
}

pub(super) fn delete(connection: &AsyncPgConnection, id: ApiKeyId) -> Sent<'_> {
    Cached(delete_from(api_keys::table.find(Uuid::from(id)))).step(connection)
}

pub(super) fn delete_of(connection: &AsyncPgConnection, owner: Principal) -> Sent<'_> {
    let of_owner = api_keys::owner_id.eq(owner.id());
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
            .filter(api_keys::owner_id.eq(owner.id()))
            .filter(api_keys::owner_kind.eq(owner.kind().as_str()))
            .order(api_keys::id.desc())
            .select(ApiKeyRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(ApiKey::try_from).collect()
    }
}

impl From<&ApiKey> for ApiKeyRow {
    fn from(key: &ApiKey) -> Self {
        let previous = key.previous.as_ref();
        Self {
            id: key.id.into(),
            owner_kind: key.owner.kind().as_str().to_owned(),
            owner_id: key.owner.id(),
            name: key.name.as_str().to_owned(),
            prefix: key.prefix.as_str().to_owned(),
            secret_hash: key.secret.as_bytes().to_vec(),
            previous_hash: previous.map(|previous| previous.secret.as_bytes().to_vec()),
            previous_good_until: previous.map(|previous| previous.good_until),
            features: serde_json::to_string(&key.features).expect("names are texts"),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let name = RowName::new("api_keys", format!("id {}", row.id));
        let hash = |column: &str, bytes: Vec<u8>| {
            let bytes = bytes.try_into().map_err(|_| name.corrupt(format_args!("{column} is not 32 bytes")));
            bytes.map(SecretHash::new)
        };
        let previous = match (row.previous_hash, row.previous_good_until) {
            (Some(bytes), Some(good_until)) => {
                Some(PreviousSecret { secret: hash("previous_hash", bytes)?, good_until })
            }
            _ => None,
        };
        Ok(Self {
            id: row.id.into(),
            owner: Principal::from_stored(&row.owner_kind, row.owner_id)
                .ok_or_else(|| name.corrupt(format_args!("owner_kind {:?} is unknown", row.owner_kind)))?,
            name: ShortText::new(row.name),
            prefix: ApiKeyPrefix::new(row.prefix),
            secret: hash("secret_hash", row.secret_hash)?,
            previous,
            features: serde_json::from_str(&row.features)
                .map_err(|_| name.corrupt("features are no list of names"))?,
            created_at: row.created_at,
            expires_at: row.expires_at,
            last_used_at: row.last_used_at,
        })
    }
}
