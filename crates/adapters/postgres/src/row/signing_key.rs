use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, update},
    prelude::*,
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    key_ring::SealedSigningKey,
    port::{SigningKeys, StoreError},
    seal::Sealed,
};
use portcullis_sql::{row::SigningKeyRow, schema::signing_keys};

use crate::{Postgres, detached, error::engine, statement::Cached};

#[async_trait]
impl SigningKeys for Postgres {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        let query = signing_keys::table.order(signing_keys::epoch).select(SigningKeyRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(SealedSigningKey::try_from).collect()
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        let row = SigningKeyRow::from(&key);
        let mut connection = self.connection().await?;
        detached(async move {
            let statement =
                insert_into(signing_keys::table).values(&row).on_conflict(signing_keys::epoch).do_nothing();
            Ok(Cached(statement).execute(&mut connection).await.map_err(engine)? == 1)
        })
        .await
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        detached(async move {
            let as_read = signing_keys::table
                .find(i64::from(from.epoch))
                .filter(signing_keys::material.eq(from.material.as_bytes()));
            let statement = update(as_read).set(signing_keys::material.eq(to.as_bytes()));
            Ok(Cached(statement).execute(&mut connection).await.map_err(engine)? == 1)
        })
        .await
    }
}
