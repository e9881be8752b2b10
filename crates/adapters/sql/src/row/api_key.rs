use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    api_key::{ApiKey, ApiKeyPrefix, PreviousSecret, Principal, SecretHash},
    port::StoreError,
    value::ShortText,
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_time},
    schema::api_keys,
};

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_keys, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct ApiKeyRow {
    pub id: StoredId,
    pub owner_kind: String,
    pub owner_id: StoredId,
    pub name: String,
    pub prefix: String,
    pub secret_hash: Vec<u8>,
    pub previous_hash: Option<Vec<u8>>,
    pub previous_good_until: Option<StoredTime>,
    pub features: String,
    pub created_at: StoredTime,
    pub expires_at: StoredTime,
    pub last_used_at: Option<StoredTime>,
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
            previous_good_until: previous.map(|previous| stored_time(previous.good_until)),
            features: serde_json::to_string(&key.features).expect("names are texts"),
            created_at: stored_time(key.created_at),
            expires_at: stored_time(key.expires_at),
            last_used_at: key.last_used_at.map(stored_time),
        }
    }
}

impl TryFrom<ApiKeyRow> for ApiKey {
    type Error = StoreError;

    fn try_from(row: ApiKeyRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("api_keys", &row.id);
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
            owner: name.named("owner_kind", &row.owner_kind, |kind| Principal::from_stored(kind, owner))?,
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
