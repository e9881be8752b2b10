use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, max},
    prelude::*,
};
use portcullis_domain::{
    checkpoint::SignedCheckpoint,
    event::Version,
    id::StreamId,
    port::{Checkpoints, Covering, FeedCursor, StoreError},
};
use portcullis_sql::{
    column::{RowName, stored_id, stored_number},
    row::CheckpointRow,
    schema::{checkpoints, events},
};

use crate::{Sqlite, error::engine};

#[async_trait]
impl Checkpoints for Sqlite {
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        self.read(|connection| {
            let newest = checkpoints::table.order(checkpoints::number.desc()).limit(1);
            let row = newest.select(CheckpointRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(SignedCheckpoint::try_from).transpose()
        })
        .await
    }

    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
        self.read(move |connection| {
            let rows = checkpoints::table
                .filter(checkpoints::number.gt(stored_number(after)))
                .order(checkpoints::number)
                .limit(stored_number(limit))
                .select(CheckpointRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(SignedCheckpoint::try_from).collect()
        })
        .await
    }

    async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError> {
        let of_stream = events::stream_id.eq(stored_id(stream));
        self.read(move |connection| {
            let event = events::table.filter(of_stream).filter(events::version.eq(stored_number(version)));
            let position = event.select(events::position).first::<i64>(connection).optional();
            let Some(position) = position.map_err(engine)? else { return Ok(None) };
            let row = checkpoints::table
                .filter(checkpoints::position.ge(position))
                .order(checkpoints::position)
                .select(CheckpointRow::as_select())
                .first(connection)
                .optional();
            let signed = row.map_err(engine)?.map(SignedCheckpoint::try_from).transpose()?;
            let position =
                RowName::new("events", format!("position {position}")).count("position", position)?;
            let place = FeedCursor { transaction: 0, position };
            Ok(signed.map(|signed| Covering { place, signed }))
        })
        .await
    }

    async fn insert(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError> {
        let row = CheckpointRow::from(checkpoint);
        self.write(move |connection| {
            let newest: Option<i64> =
                checkpoints::table.select(max(checkpoints::number)).first(connection).map_err(engine)?;
            if row.number != newest.unwrap_or_default() + 1 {
                return Ok(false);
            }
            insert_into(checkpoints::table).values(&row).execute(connection).map_err(engine)?;
            Ok(true)
        })
        .await
    }
}
