use diesel::{pg::Pg, prelude::*, sqlite::Sqlite};
use portcullis_domain::{
    checkpoint::{Checkpoint, CheckpointHash, Leaf, RunningHash, Signature, SignedCheckpoint},
    port::StoreError,
};

use crate::{
    column::{RowName, StoredTime, stored_number, stored_time},
    schema::checkpoints,
};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = checkpoints, check_for_backend(Pg, Sqlite))]
pub struct CheckpointRow {
    pub number: i64,
    pub transaction_id: i64,
    pub position: i64,
    pub event_count: i64,
    pub running_hash: Vec<u8>,
    pub previous: Vec<u8>,
    pub made_at: StoredTime,
    pub key_id: String,
    pub signature: Vec<u8>,
    pub leaves: Vec<u8>,
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
            made_at: stored_time(*made_at),
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
                cursor: name.cursor(row.transaction_id, row.position)?,
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
