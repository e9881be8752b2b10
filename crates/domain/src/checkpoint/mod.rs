//! Signed checkpoints: what the notary saw of the log, so that whoever has them notices where the log is another one now, even where each of
//! its chains was computed anew.
//!
//! A checkpoint says how many events there are up to a place in the feed, and one hash over all of them in their order. It keeps a
//! [`Leaf`] of each event since the checkpoint before it, so that the first event that differs can be named. Checkpoints are chained, and
//! each is signed.

pub(crate) mod hash;
mod notary;
mod tally;

use chrono::{DateTime, Utc};
use thiserror::Error;

pub use hash::{CheckpointHash, Leaf, RunningHash};
pub use notary::{Notary, NotaryError, Written};
pub use tally::{Cadence, Tally};

use crate::{
    event::EventHash,
    port::{CheckpointVerifier, FeedCursor, FeedItem, SignatureError},
};

/// Separates what is signed from everything else that the same key signs, and versions the encoding. A PASETO token's signature is over
/// bytes that begin with the number of its parts, which is no letter.
const MAGIC: &[u8] = b"portcullis checkpoint v1\0";

/// What the notary saw of the log at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// 1 for the first, then 2, 3, … without a gap.
    pub number: u64,
    /// The place of the last event that it covers.
    pub cursor: FeedCursor,
    /// How many events there are up to it, from the first of the log on.
    pub count: u64,
    /// The hash over all of them.
    pub running_hash: RunningHash,
    /// The checkpoint before it; all zero for the first.
    pub previous: CheckpointHash,
    /// When it was made, in whole microseconds.
    pub made_at: DateTime<Utc>,
    /// Which key signed it.
    pub key_id: String,
}

/// An Ed25519 signature.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

/// A checkpoint with its signature, and a leaf of each event since the checkpoint before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// What is signed.
    pub checkpoint: Checkpoint,
    /// The signature over [`Checkpoint::to_signed_bytes`].
    pub signature: Signature,
    /// The leaves of the events that it covers and the checkpoint before it does not, in their order. They are signed too: the running
    /// hash is over them.
    pub leaves: Vec<Leaf>,
}

/// Where a chain of checkpoints stands: what the next one must follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The newest checkpoint's number; 0 before the first.
    pub number: u64,
    /// Its place in the feed.
    pub cursor: FeedCursor,
    /// How many events it covers.
    pub count: u64,
    /// The hash over them.
    pub running_hash: RunningHash,
    /// The checkpoint's own hash.
    pub hash: CheckpointHash,
}

/// A checkpoint that is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("checkpoint {number}: {fault}")]
pub struct CheckpointFinding {
    /// Which.
    pub number: u64,
    /// What is wrong with it.
    pub fault: CheckpointFault,
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CheckpointFault {
    /// Its number does not follow the one before it.
    #[error("a checkpoint before it is missing or was moved")]
    Gap,
    /// It does not follow the checkpoint before it.
    #[error("it does not follow the checkpoint before it")]
    Unchained,
    /// Its count, place or hash is not what the leaves of its events add up to.
    #[error("what it says of the log does not add up: it was changed since it was signed")]
    Sum,
    /// It is signed with a key that is not among those to be trusted.
    #[error("it is signed with the key {0}, which is not among the keys to trust")]
    UnknownKey(String),
    /// Its signature is not of what it says.
    #[error("its signature is not of what it says")]
    Signature,
    /// It was seen elsewhere, and is another one here or not there any more.
    #[error("a copy of it kept elsewhere differs, or it is not in the log any more")]
    Copy,
}

impl Signature {
    /// Wraps 64 bytes.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signature({})", data_encoding::HEXLOWER.encode(&self.0))
    }
}

impl Tip {
    /// Before the first checkpoint.
    pub const START: Self = Self {
        number: 0,
        cursor: FeedCursor::START,
        count: 0,
        running_hash: RunningHash::new([0; 32]),
        hash: CheckpointHash::new([0; 32]),
    };
}

impl Checkpoint {
    /// What is signed: each field after its length or in a fixed width, so that no two checkpoints share an encoding.
    pub fn to_signed_bytes(&self) -> Vec<u8> {
        let Self { number, cursor, count, running_hash, previous, made_at, key_id } = self;
        let mut bytes = MAGIC.to_vec();
        for value in [*number, cursor.transaction, cursor.position, *count] {
            bytes.extend(value.to_le_bytes());
        }
        bytes.extend(running_hash.as_bytes());
        bytes.extend(previous.as_bytes());
        bytes.extend(made_at.timestamp_micros().to_le_bytes());
        bytes.extend((key_id.len() as u64).to_le_bytes());
        bytes.extend(key_id.as_bytes());
        bytes
    }
}

impl SignedCheckpoint {
    /// What the checkpoint after it names it by: over what is signed and the signature.
    pub fn hash(&self) -> CheckpointHash {
        CheckpointHash::of(&self.checkpoint.to_signed_bytes(), self.signature.as_bytes())
    }

    /// What the next one must follow.
    pub fn tip(&self) -> Tip {
        let Checkpoint { number, cursor, count, running_hash, .. } = self.checkpoint;
        Tip { number, cursor, count, running_hash, hash: self.hash() }
    }

    /// Checks the signature.
    pub fn check_signature(&self, keys: &dyn CheckpointVerifier) -> Result<(), CheckpointFinding> {
        let Checkpoint { key_id, .. } = &self.checkpoint;
        keys.verify(key_id, &self.checkpoint.to_signed_bytes(), &self.signature).map_err(
            |error| match error {
                SignatureError::UnknownKey => self.finding(CheckpointFault::UnknownKey(key_id.clone())),
                SignatureError::Invalid => self.finding(CheckpointFault::Signature),
            },
        )
    }

    /// Checks that it follows the one before it, and that what it says is what its leaves add up to.
    pub fn check_after(&self, tip: &Tip) -> Result<(), CheckpointFinding> {
        let Checkpoint { number, cursor, count, running_hash, previous, .. } = &self.checkpoint;
        let fault = if *number != tip.number + 1 {
            CheckpointFault::Gap
        } else if *previous != tip.hash {
            CheckpointFault::Unchained
        } else if self.leaves.is_empty()
            || *count != tip.count + self.leaves.len() as u64
            || *cursor <= tip.cursor
            || *running_hash != tip.running_hash.over(&self.leaves)
        {
            CheckpointFault::Sum
        } else {
            return Ok(());
        };
        Err(self.finding(fault))
    }

    /// A finding about this checkpoint.
    pub fn finding(&self, fault: CheckpointFault) -> CheckpointFinding {
        CheckpointFinding { number: self.checkpoint.number, fault }
    }
}

impl FeedItem {
    /// What a checkpoint keeps of this event: its hash, and the transaction that puts it where it is in the feed. The position is within
    /// the hash already.
    pub fn leaf(&self) -> Leaf {
        Leaf::of(&self.event.hash, self.cursor.transaction)
    }
}

impl Leaf {
    pub(crate) fn of(event: &EventHash, transaction: u64) -> Self {
        Self::over(event.as_bytes(), transaction)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{PlainKeys, feed};

    fn checkpoint() -> SignedCheckpoint {
        let mut tally = Tally::after(&Tip::START);
        for item in feed(3) {
            tally.add(&item).expect("whole");
        }
        tally.sign(&PlainKeys::new(1), DateTime::UNIX_EPOCH).expect("there are events")
    }

    #[test]
    fn the_hash_of_a_known_checkpoint_never_changes() {
        let checkpoint = Checkpoint {
            number: 1,
            cursor: FeedCursor { transaction: 2, position: 3 },
            count: 4,
            running_hash: RunningHash::new([5; 32]),
            previous: CheckpointHash::new([6; 32]),
            made_at: DateTime::UNIX_EPOCH,
            key_id: "key".to_owned(),
        };
        let hash = CheckpointHash::of(&checkpoint.to_signed_bytes(), &[7; 64]);
        assert_eq!(checkpoint.to_signed_bytes().len(), MAGIC.len() + 4 * 8 + 2 * 32 + 8 + 8 + 3);
        assert_eq!(hash.to_string(), "7c9babc3563f5c9b33c06f393457dd1b47b639b2169ecd5dfb4097147f83a10a");
    }

    #[test]
    fn a_checkpoint_that_was_just_signed_is_believed() {
        let signed = checkpoint();
        assert_eq!(signed.check_after(&Tip::START), Ok(()));
        assert_eq!(signed.check_signature(&PlainKeys::new(1)), Ok(()));
        assert_eq!((signed.checkpoint.number, signed.checkpoint.count), (1, 3));
    }

    #[test]
    fn a_change_of_any_field_is_noticed() {
        let edits: [fn(&mut SignedCheckpoint); 11] = [
            |c| c.checkpoint.number += 1,
            |c| c.checkpoint.cursor.transaction += 1,
            |c| c.checkpoint.cursor.position += 1,
            |c| c.checkpoint.count -= 1,
            |c| c.checkpoint.running_hash = RunningHash::new([1; 32]),
            |c| c.checkpoint.previous = CheckpointHash::new([1; 32]),
            |c| c.checkpoint.made_at += chrono::TimeDelta::microseconds(1),
            |c| c.checkpoint.key_id.push('x'),
            |c| c.signature = Signature::new([1; 64]),
            |c| c.leaves.swap(0, 1),
            |c| c.leaves.truncate(2),
        ];
        let keys = PlainKeys::new(1);
        for (number, edit) in edits.iter().enumerate() {
            let mut changed = checkpoint();
            edit(&mut changed);
            let verdict = changed.check_after(&Tip::START).and_then(|()| changed.check_signature(&keys));
            assert!(verdict.is_err(), "edit {number}");
        }
    }

    #[test]
    fn a_checkpoint_of_another_key_is_not_believed() {
        let finding = checkpoint().check_signature(&PlainKeys::new(2)).expect_err("a stranger's");
        assert!(matches!(finding.fault, CheckpointFault::UnknownKey(_)));
    }
}
