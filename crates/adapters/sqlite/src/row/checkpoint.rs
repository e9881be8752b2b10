use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, max},
    prelude::*,
};
use portcullis_domain::{
    checkpoint::{Checkpoint, CheckpointHash, Leaf, RunningHash, Signature, SignedCheckpoint},
    event::Version,
    id::StreamId,
    port::{Checkpoints, Covering, FeedCursor, StoreError},
};

use crate::{
    Sqlite,
    column::{RowName, stored_id, stored_number},
    error::engine,
    schema::{checkpoints, events},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = checkpoints, check_for_backend(diesel::sqlite::Sqlite))]
struct CheckpointRow {
    number: i64,
    transaction_id: i64,
    position: i64,
    event_count: i64,
    running_hash: Vec<u8>,
    previous: Vec<u8>,
    made_at: i64,
    key_id: String,
    signature: Vec<u8>,
    leaves: Vec<u8>,
}

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

impl From<&SignedCheckpoint> for CheckpointRow {
    fn from(signed: &SignedCheckpoint) -> Self {
        let Checkpoint { number, cursor, count, running_hash, previous, made_at, key_id } =
            &signed.checkpoint;
        Self {
            number: stored_number(*number),
            transaction_id: stored_number(cursor.transaction),
            position: stored_number(cursor.position),
            event_count: stored_number(*count),
            running_hash: running_hash.as_bytes().to_vec(),
            previous: previous.as_bytes().to_vec(),
            made_at: made_at.timestamp_micros(),
            key_id: key_id.clone(),
            signature: signed.signature.as_bytes().to_vec(),
            leaves: signed.leaves.iter().flat_map(Leaf::as_bytes).copied().collect(),
        }
    }
}

impl TryFrom<CheckpointRow> for SignedCheckpoint {
    type Error = StoreError;

    fn try_from(row: CheckpointRow) -> Result<Self, StoreError> {
        let name = RowName::new("checkpoints", format!("number {}", row.number));
        let signature = row.signature.as_slice().try_into();
        let signature = signature.map_err(|_| name.corrupt("signature has another length"))?;
        let (leaves, rest) = row.leaves.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(name.corrupt("leaves have another length"));
        }
        Ok(Self {
            checkpoint: Checkpoint {
                number: name.count("number", row.number)?,
                cursor: FeedCursor {
                    transaction: name.count("transaction_id", row.transaction_id)?,
                    position: name.count("position", row.position)?,
                },
                count: name.count("event_count", row.event_count)?,
                running_hash: RunningHash::new(*name.hash("running_hash", &row.running_hash)?.as_bytes()),
                previous: CheckpointHash::new(*name.hash("previous", &row.previous)?.as_bytes()),
                made_at: name.time("made_at", row.made_at)?,
                key_id: row.key_id,
            },
            signature: Signature::new(signature),
            leaves: leaves.iter().copied().map(Leaf::new).collect(),
        })
    }
}
