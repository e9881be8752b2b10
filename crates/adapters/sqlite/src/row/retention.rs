use async_trait::async_trait;
use diesel::{
    dsl::{insert_into, max},
    prelude::*,
    sql_query,
    sql_types::BigInt,
};
use portcullis_domain::{
    checkpoint::{CheckpointHash, RunningHash, Signature, Tip},
    event::StreamKind,
    id::StreamId,
    port::{FeedCursor, Retention, StoreError},
    retention::{BasesHash, Horizon, StreamBase},
    seal::Sealed,
};

use crate::{
    Sqlite,
    column::{IdKey, RowName, stored_id, stored_number},
    error::engine,
    schema::{horizons, stream_bases},
};

const DROP: &str = "DELETE FROM events WHERE position IN (
    SELECT position FROM events WHERE position <= (SELECT max(position) FROM horizons) ORDER BY position LIMIT ?)";

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = horizons, check_for_backend(diesel::sqlite::Sqlite))]
struct HorizonRow {
    number: i64,
    transaction_id: i64,
    position: i64,
    event_count: i64,
    running_hash: Vec<u8>,
    checkpoint_hash: Vec<u8>,
    bases_hash: Vec<u8>,
    streams: i64,
    made_at: i64,
    key_id: String,
    signature: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stream_bases, check_for_backend(diesel::sqlite::Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
struct BaseRow {
    stream_id: Vec<u8>,
    kind: String,
    version: i64,
    position: i64,
    hash: Vec<u8>,
    recorded_at: i64,
    state: Option<Vec<u8>>,
}

#[async_trait]
impl Retention for Sqlite {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        self.read(|connection| {
            let newest = horizons::table.order(horizons::number.desc()).limit(1);
            let row = newest.select(HorizonRow::as_select()).first(connection);
            row.optional().map_err(engine)?.map(Horizon::try_from).transpose()
        })
        .await
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        self.read(move |connection| {
            let row = stream_bases::table.find(stored_id(stream)).select(BaseRow::as_select());
            row.first(connection).optional().map_err(engine)?.map(StreamBase::try_from).transpose()
        })
        .await
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        self.read(move |connection| {
            let rows = stream_bases::table
                .filter(stream_bases::stream_id.gt(after.map(stored_id).unwrap_or_default()))
                .order(stream_bases::stream_id)
                .limit(stored_number(limit))
                .select(BaseRow::as_select())
                .load(connection);
            rows.map_err(engine)?.into_iter().map(StreamBase::try_from).collect()
        })
        .await
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        let row = HorizonRow::from(horizon);
        let bases: Vec<_> = bases.iter().map(BaseRow::from).collect();
        self.write(move |connection| {
            let newest: Option<i64> =
                horizons::table.select(max(horizons::number)).first(connection).map_err(engine)?;
            if newest.is_some_and(|newest| newest >= row.number) {
                return Ok(false);
            }
            insert_into(horizons::table).values(&row).execute(connection).map_err(engine)?;
            for base in &bases {
                let put = insert_into(stream_bases::table).values(base);
                let put = put.on_conflict(stream_bases::stream_id).do_update().set(base);
                put.execute(connection).map_err(engine)?;
            }
            Ok(true)
        })
        .await
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        self.write(move |connection| {
            let dropped = sql_query(DROP).bind::<BigInt, _>(stored_number(limit)).execute(connection);
            Ok(dropped.map_err(engine)? as u64)
        })
        .await
    }
}

impl From<&Horizon> for HorizonRow {
    fn from(horizon: &Horizon) -> Self {
        let Horizon { tip, bases, streams, made_at, key_id, signature } = horizon;
        Self {
            number: stored_number(tip.number),
            transaction_id: stored_number(tip.cursor.transaction),
            position: stored_number(tip.cursor.position),
            event_count: stored_number(tip.count),
            running_hash: tip.running_hash.as_bytes().to_vec(),
            checkpoint_hash: tip.hash.as_bytes().to_vec(),
            bases_hash: bases.as_bytes().to_vec(),
            streams: stored_number(*streams),
            made_at: made_at.timestamp_micros(),
            key_id: key_id.clone(),
            signature: signature.as_bytes().to_vec(),
        }
    }
}

impl TryFrom<HorizonRow> for Horizon {
    type Error = StoreError;

    fn try_from(row: HorizonRow) -> Result<Self, StoreError> {
        let name = RowName::new("horizons", format!("number {}", row.number));
        let hash = |column, bytes: &[u8]| name.hash(column, bytes).map(|hash| *hash.as_bytes());
        let signature = row.signature.as_slice().try_into();
        Ok(Self {
            tip: Tip {
                number: name.count("number", row.number)?,
                cursor: FeedCursor {
                    transaction: name.count("transaction_id", row.transaction_id)?,
                    position: name.count("position", row.position)?,
                },
                count: name.count("event_count", row.event_count)?,
                running_hash: RunningHash::new(hash("running_hash", &row.running_hash)?),
                hash: CheckpointHash::new(hash("checkpoint_hash", &row.checkpoint_hash)?),
            },
            bases: BasesHash::new(hash("bases_hash", &row.bases_hash)?),
            streams: name.count("streams", row.streams)?,
            made_at: name.time("made_at", row.made_at)?,
            signature: Signature::new(signature.map_err(|_| name.corrupt("signature has another length"))?),
            key_id: row.key_id,
        })
    }
}

impl From<&StreamBase> for BaseRow {
    fn from(base: &StreamBase) -> Self {
        Self {
            stream_id: stored_id(base.stream),
            kind: base.kind.as_str().to_owned(),
            version: stored_number(base.version),
            position: stored_number(base.position),
            hash: base.hash.as_bytes().to_vec(),
            recorded_at: base.recorded_at.timestamp_micros(),
            state: base.state.as_ref().map(|state| state.as_bytes().to_vec()),
        }
    }
}

impl TryFrom<BaseRow> for StreamBase {
    type Error = StoreError;

    fn try_from(row: BaseRow) -> Result<Self, StoreError> {
        let name = RowName::new("stream_bases", IdKey(&row.stream_id));
        Ok(Self {
            stream: name.id("stream_id", &row.stream_id)?,
            kind: name.named("kind", &row.kind, StreamKind::from_stored)?,
            version: name.count("version", row.version)?,
            position: name.count("position", row.position)?,
            hash: name.hash("hash", &row.hash)?,
            recorded_at: name.time("recorded_at", row.recorded_at)?,
            state: row.state.map(Sealed::new),
        })
    }
}
