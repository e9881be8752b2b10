use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{key_ring::SealedSigningKey, port::StoreError, seal::Sealed};

use crate::{
    column::{RowName, StoredTime, stored_time},
    schema::signing_keys,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, check_for_backend(Pg, Sqlite))]
pub struct SigningKeyRow {
    pub epoch: i64,
    pub material: Vec<u8>,
    pub created_at: StoredTime,
}

impl From<&SealedSigningKey> for SigningKeyRow {
    fn from(key: &SealedSigningKey) -> Self {
        Self {
            epoch: key.epoch.into(),
            material: key.material.as_bytes().to_vec(),
            created_at: stored_time(key.created_at),
        }
    }
}

impl TryFrom<SigningKeyRow> for SealedSigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        let name = RowName::new("signing_keys", format!("epoch {}", row.epoch));
        Ok(Self {
            epoch: name.count("epoch", row.epoch)?,
            created_at: name.time("created_at", row.created_at)?,
            material: Sealed::new(row.material),
        })
    }
}
