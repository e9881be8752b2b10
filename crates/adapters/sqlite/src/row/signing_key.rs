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
use portcullis_sql::{row::SigningKeyRow, schema::signing_keys};

use crate::{Sqlite, error::engine};

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
        let row = SigningKeyRow::from(&key);
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
