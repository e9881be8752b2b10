use async_trait::async_trait;
use diesel::{
    dsl::sql,
    prelude::*,
    sql_query,
    sql_types::{BigInt, Binary, Bool, Text},
};
use diesel_async::RunQueryDsl;
use portcullis_domain::{
    checkpoint::SignedCheckpoint,
    event::Version,
    id::StreamId,
    port::{Checkpoints, Covering, StoreError},
};
use portcullis_sql::{
    column::{Moment, RowName, stored_id, stored_number},
    row::CheckpointRow,
    schema::{checkpoints, events},
};

use crate::{Postgres, detached, error::engine, event_store::transaction_id, statement::Cached};

/// Where the number is the next one. Of two that race, the table's key lets one in.
const INSERT: &str = "INSERT INTO checkpoints
    (number, transaction_id, position, event_count, running_hash, previous, made_at, key_id, signature, leaves)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
    WHERE $1 = coalesce((SELECT max(number) FROM checkpoints), 0) + 1
    ON CONFLICT (number) DO NOTHING";

#[async_trait]
impl Checkpoints for Postgres {
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        let newest = checkpoints::table.order(checkpoints::number.desc()).limit(1);
        let query = newest.select(CheckpointRow::as_select());
        let row = query.first(&mut self.connection().await?).await.optional().map_err(engine)?;
        row.map(SignedCheckpoint::try_from).transpose()
    }

    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
        let query = checkpoints::table
            .filter(checkpoints::number.gt(stored_number(after)))
            .order(checkpoints::number)
            .limit(stored_number(limit))
            .select(CheckpointRow::as_select());
        let rows = query.load(&mut self.connection().await?).await.map_err(engine)?;
        rows.into_iter().map(SignedCheckpoint::try_from).collect()
    }

    async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError> {
        let place = events::table
            .filter(events::stream_id.eq(stored_id(stream)))
            .filter(events::version.eq(stored_number(version)))
            .limit(1)
            .select((transaction_id(), events::position));
        let mut connection = self.connection().await?;
        let place: Option<(i64, i64)> =
            Cached(place).get_result(&mut connection).await.optional().map_err(engine)?;
        let Some((transaction, position)) = place else { return Ok(None) };
        // As one comparison of pairs, which the index answers.
        let not_before = sql::<Bool>("(checkpoints.transaction_id, checkpoints.position) >= (")
            .bind::<BigInt, _>(transaction)
            .sql(", ")
            .bind::<BigInt, _>(position)
            .sql(")");
        let first = checkpoints::table
            .filter(not_before)
            .order((checkpoints::transaction_id, checkpoints::position))
            .limit(1)
            .select(CheckpointRow::as_select());
        let row = Cached(first).get_result(&mut connection).await.optional().map_err(engine)?;
        let signed = row.map(SignedCheckpoint::try_from).transpose()?;
        let place = RowName::new("events", format!("position {position}")).cursor(transaction, position)?;
        Ok(signed.map(|signed| Covering { place, signed }))
    }

    async fn insert(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError> {
        let row = CheckpointRow::from(checkpoint);
        let statement = sql_query(INSERT)
            .bind::<BigInt, _>(row.number)
            .bind::<BigInt, _>(row.transaction_id)
            .bind::<BigInt, _>(row.position)
            .bind::<BigInt, _>(row.event_count)
            .bind::<Binary, _>(row.running_hash)
            .bind::<Binary, _>(row.previous)
            .bind::<Moment, _>(row.made_at)
            .bind::<Text, _>(row.key_id)
            .bind::<Binary, _>(row.signature)
            .bind::<Binary, _>(row.leaves);
        let mut connection = self.connection().await?;
        detached(async move { Ok(Cached(statement).execute(&mut connection).await.map_err(engine)? == 1) })
            .await
    }
}
