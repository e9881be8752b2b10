use async_trait::async_trait;
use chrono::{DateTime, Utc};
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

use crate::{Postgres, column::RowName, detached, error::engine, schema::signing_keys, statement::Cached};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = signing_keys, check_for_backend(diesel::pg::Pg))]
struct SigningKeyRow {
    epoch: i64,
    material: Vec<u8>,
    created_at: DateTime<Utc>,
}

#[async_trait]
impl SigningKeys for Postgres {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        let query = signing_keys::table.order(signing_keys::epoch).select(SigningKeyRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(SealedSigningKey::try_from).collect()
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        let row = SigningKeyRow {
            epoch: key.epoch.into(),
            material: key.material.as_bytes().to_vec(),
            created_at: key.created_at,
        };
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

impl TryFrom<SigningKeyRow> for SealedSigningKey {
    type Error = StoreError;

    fn try_from(row: SigningKeyRow) -> Result<Self, StoreError> {
        let name = RowName::new("signing_keys", format!("epoch {}", row.epoch));
        Ok(Self {
            epoch: name.count("epoch", row.epoch)?,
            created_at: row.created_at,
            material: Sealed::new(row.material),
        })
    }
}
