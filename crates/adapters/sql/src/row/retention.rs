use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    checkpoint::{CheckpointHash, RunningHash, Signature, Tip},
    event::StreamKind,
    port::StoreError,
    retention::{BasesHash, Horizon, StreamBase},
    seal::Sealed,
};

use crate::{
    column::{RowName, StoredId, StoredTime, stored_id, stored_number, stored_time},
    schema::{horizons, stream_bases},
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = horizons, check_for_backend(Pg, Sqlite))]
pub struct HorizonRow {
    pub number: i64,
    pub transaction_id: i64,
    pub position: i64,
    pub event_count: i64,
    pub running_hash: Vec<u8>,
    pub checkpoint_hash: Vec<u8>,
    pub bases_hash: Vec<u8>,
    pub streams: i64,
    pub made_at: StoredTime,
    pub key_id: String,
    pub signature: Vec<u8>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = stream_bases, check_for_backend(Pg, Sqlite))]
#[diesel(treat_none_as_default_value = false, treat_none_as_null = true)]
pub struct BaseRow {
    pub stream_id: StoredId,
    pub kind: String,
    pub version: i64,
    pub position: i64,
    pub hash: Vec<u8>,
    pub recorded_at: StoredTime,
    pub state: Option<Vec<u8>>,
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
            made_at: stored_time(*made_at),
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
                cursor: name.cursor(row.transaction_id, row.position)?,
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
            recorded_at: stored_time(base.recorded_at),
            state: base.state.as_ref().map(|state| state.as_bytes().to_vec()),
        }
    }
}

impl TryFrom<BaseRow> for StreamBase {
    type Error = StoreError;

    fn try_from(row: BaseRow) -> Result<Self, StoreError> {
        let name = RowName::of_id("stream_bases", &row.stream_id);
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
