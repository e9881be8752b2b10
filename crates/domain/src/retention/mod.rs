//! Months of the log that were moved into an archive: what a store keeps in their place, so that what is left still verifies and still loads.
//!
//! A [`Horizon`] says up to which checkpoint events were moved away. For each stream that lost events it has a [`StreamBase`]: where the
//! stream stood then, sealed with what its events had added up to. The horizon is signed, and is over all of them.

mod base;
mod draw;
mod plan;

use chrono::{DateTime, Utc};
use thiserror::Error;

pub(crate) use base::each_base;
pub use base::{BaseMark, BasesHash, BasesSum, StateHash, StreamBase};
pub use draw::NewHorizon;
pub use plan::{ArchivePlan, PlanError, oldest_kept, plan_archive};

use crate::{
    checkpoint::{Signature, Tip},
    port::{CheckpointSigner, CheckpointVerifier, SignatureError},
};

/// Separates the signature from those of checkpoints, exports and tokens.
const MAGIC: &[u8] = b"portcullis horizon v1\0";

/// Up to where the log was moved into archives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Horizon {
    /// The checkpoint that covers the last event that was moved away.
    pub tip: Tip,
    /// A hash over where each stream stood then that has lost events, now or before.
    pub bases: BasesHash,
    /// How many streams these are.
    pub streams: u64,
    /// When it was drawn, in whole microseconds.
    pub made_at: DateTime<Utc>,
    /// Which key signed it.
    pub key_id: String,
    /// The signature over all of it.
    pub signature: Signature,
}

/// A horizon is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum HorizonFault {
    /// It is signed with a key that is not among those to be trusted.
    #[error("it is signed with the key {0}, which is not among the keys to trust")]
    UnknownKey(String),
    /// Its signature is not of what it says.
    #[error("its signature is not of what it says")]
    Signature,
    /// Where streams stood is not what was signed.
    #[error("where the streams stood is not what was signed")]
    Bases,
    /// The checkpoint that it names is another one, or is not there.
    #[error("the checkpoint that it names is another one, or is not there")]
    Checkpoint,
}

impl Horizon {
    /// Signs that the log up to a checkpoint is in archives.
    pub fn sign(signer: &dyn CheckpointSigner, tip: &Tip, bases: BasesSum, now: DateTime<Utc>) -> Self {
        let BasesSum { hash: bases, streams } = bases;
        let made_at = chrono::SubsecRound::trunc_subsecs(now, 6);
        let signature = Signature::new([0; 64]);
        let mut horizon = Self { tip: *tip, bases, streams, made_at, key_id: signer.key_id(), signature };
        horizon.signature = signer.sign(&horizon.to_signed_bytes());
        horizon
    }

    /// What it says of bases.
    pub const fn sum(&self) -> BasesSum {
        BasesSum { hash: self.bases, streams: self.streams }
    }

    /// Checks the signature.
    pub fn check_signature(&self, keys: &dyn CheckpointVerifier) -> Result<(), HorizonFault> {
        keys.verify(&self.key_id, &self.to_signed_bytes(), &self.signature).map_err(|error| match error {
            SignatureError::UnknownKey => HorizonFault::UnknownKey(self.key_id.clone()),
            SignatureError::Invalid => HorizonFault::Signature,
        })
    }

    /// What is signed: each field in a fixed width, the last one with its length.
    fn to_signed_bytes(&self) -> Vec<u8> {
        let Self { tip, bases, streams, made_at, key_id, signature: _ } = self;
        let Tip { number, cursor, count, running_hash, hash } = tip;
        let mut bytes = MAGIC.to_vec();
        for value in [*number, cursor.transaction, cursor.position, *count, *streams] {
            bytes.extend(value.to_le_bytes());
        }
        for hash in [running_hash.as_bytes(), hash.as_bytes(), bases.as_bytes()] {
            bytes.extend(hash);
        }
        bytes.extend(made_at.timestamp_micros().to_le_bytes());
        bytes.extend((key_id.len() as u64).to_le_bytes());
        bytes.extend(key_id.as_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::CheckpointHash, port::FeedCursor, testing::PlainKeys};

    fn horizon() -> Horizon {
        let tip =
            Tip { number: 7, count: 9, cursor: FeedCursor { transaction: 3, position: 9 }, ..Tip::START };
        Horizon::sign(
            &PlainKeys::new(1),
            &tip,
            BasesSum { hash: BasesHash::NONE, streams: 2 },
            DateTime::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_change_of_any_field_is_noticed() {
        let keys = PlainKeys::new(1);
        assert_eq!(horizon().check_signature(&keys), Ok(()));
        let edits: [fn(&mut Horizon); 10] = [
            |h| h.tip.number += 1,
            |h| h.tip.cursor.transaction += 1,
            |h| h.tip.cursor.position += 1,
            |h| h.tip.count += 1,
            |h| h.tip.hash = CheckpointHash::new([1; 32]),
            |h| h.streams += 1,
            |h| h.bases = BasesHash::new([1; 32]),
            |h| h.made_at += chrono::TimeDelta::microseconds(1),
            |h| h.key_id.push('x'),
            |h| h.signature = Signature::new([1; 64]),
        ];
        for (number, edit) in edits.iter().enumerate() {
            let mut changed = horizon();
            edit(&mut changed);
            assert!(changed.check_signature(&keys).is_err(), "edit {number}");
        }
        let stranger = horizon().check_signature(&PlainKeys::new(2));
        assert!(matches!(stranger, Err(HorizonFault::UnknownKey(_))));
    }
}
