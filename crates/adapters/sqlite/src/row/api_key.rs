use async_trait::async_trait;
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{delete as delete_from, insert_into, update},
    prelude::*,
    sqlite::SqliteConnection,
};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, PreviousSecret, Principal, PrincipalKind, SecretHash},
    id::ApiKeyId,
    port::{ApiKeys, StoreError},
    value::ShortText,
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id},
    error::engine,
    schema::api_keys,
    statement::Cached,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct ApiKeyRow {
    id: Vec<u8>,
    owner_kind: String,
    owner_id: Vec<u8>,
    name: String,
    prefix: String,
    secret_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    previous_good_until: Option<i64>,
    features: String,
    created_at: i64,
    expires_at: i64,
    last_used_at: Option<i64>,
}

pub(super) fn put(connection: &mut SqliteConnection, key: &ApiKey) -> QueryResult<()> {
    let row = ApiKeyRow::from(key);
    let statement = insert_into(api_keys::table).values(&row).on_conflict(api_keys::id).do_update().set(&row);
    Cached(statement).run(connection)
}

pub(super) fn touch(connection: &mut SqliteConnection, id: ApiKeyId, at: DateTime<Utc>) -> QueryResult<()> {
    let at = at.timestamp_micros();
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

impl From<&ApiKey> for ApiKeyRow {
    fn from(key: &ApiKey) -> Self {
        let previous = key.previous.as_ref();
        Self {
            id: stored_id(key.id),
            owner_kind: key.owner.kind().as_str().to_owned(),
            owner_id: stored_id(key.owner.id()),
            name: key.name.as_str().to_owned(),
            prefix: key.prefix.as_str().to_owned(),
            secret_hash: key.secret.as_bytes().to_vec(),
            previous_hash: previous.map(|previous| previous.secret.as_bytes().to_vec()),
            previous_good_until: previous.map(|previous| previous.good_until.timestamp_micros()),
            features: serde_json::to_string(&key.features).expect("names are texts"),
            created_at: key.created_at.timestamp_micros(),
            expires_at: key.expires_at.timestamp_micros(),
            last_used_at: key.last_used_at.map(|at| at.timestamp_micros()),
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let name = RowName::new("api_keys", IdKey(&row.id));
        let hash = |column: &str, bytes: &[u8]| {
            let bytes = bytes.try_into().map_err(|_| name.corrupt(format_args!("{column} is not 32 bytes")));
            bytes.map(SecretHash::new)
        };
        let owner = name.id("owner_id", &row.owner_id)?;
        let previous = match (row.previous_hash, row.previous_good_until) {
            (Some(bytes), Some(micros)) => Some(PreviousSecret {
                secret: hash("previous_hash", &bytes)?,
                good_until: name.time("previous_good_until", micros)?,
            }),
            _ => None,
        };
        Ok(Self {
            id: name.id("id", &row.id)?,
            owner: match name.named("owner_kind", &row.owner_kind, PrincipalKind::from_name)? {
                PrincipalKind::User => Principal::User(owner),
                PrincipalKind::Company => Principal::Company(uuid::Uuid::from(owner).into()),
            },
            name: ShortText::new(row.name),
            prefix: ApiKeyPrefix::new(row.prefix),
            secret: hash("secret_hash", &row.secret_hash)?,
            previous,
            features: serde_json::from_str(&row.features)
                .map_err(|_| name.corrupt("features are no list of names"))?,
            created_at: name.time("created_at", row.created_at)?,
            expires_at: name.time("expires_at", row.expires_at)?,
            last_used_at: row.last_used_at.map(|at| name.time("last_used_at", at)).transpose()?,
        })
    }
}
