use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, update},
    prelude::*,
};
use portcullis_domain::{
    key_ring::SealedSigningKey,
    port::{SigningKeys, StoreError},
    seal::Sealed,
};

use crate::{Sqlite, column::RowName, error::engine, schema::signing_keys};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, check_for_backend(diesel::sqlite::Sqlite))]
struct SigningKeyRow {
    epoch: i64,
    material: Vec<u8>,
    created_at: i64,
}

#[async_trait]
impl SigningKeys for Sqlite {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        self.read(|connection| {
            let rows = signing_keys::table
                .order(signing_keys::epoch)
                .select(SigningKeyRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(SealedSigningKey::try_from).collect()
        })
        .await
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        let row = SigningKeyRow {
            epoch: key.epoch.into(),
            material: key.material.as_bytes().to_vec(),
            created_at: key.created_at.timestamp_micros(),
        };
        self.write(move |connection| {
            let statement =
                insert_into(signing_keys::table).values(&row).on_conflict(signing_keys::epoch).do_nothing();
            Ok(statement.execute(connection).map_err(engine)? == 1)
        })
        .await
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let as_read = signing_keys::table
                .find(i64::from(from.epoch))
                .filter(signing_keys::material.eq(from.material.as_bytes()));
            let statement = update(as_read).set(signing_keys::material.eq(to.as_bytes()));
            Ok(statement.execute(connection).map_err(engine)? == 1)
        })
        .await
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
