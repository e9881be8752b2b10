use async_trait::async_trait;
use thiserror::Error;

use super::{FeedCursor, StoreError};
use crate::{
    checkpoint::{Leaf, Signature, SignedCheckpoint},
    event::{Event, Version},
    id::StreamId,
};

/// The notary's checkpoints, which are only ever added to.
///
/// # Contract
///
/// * A checkpoint reads back as it was written, to the byte and the microsecond; `list` gives those beyond a number in the order of their numbers.
/// * A checkpoint is inserted where its number is the next one, and nowhere else: a second one of a number, and one beyond a gap, changes nothing.
/// * Of any number that race for one number exactly one is inserted.
/// * `covering` gives the first checkpoint whose place is not before an event's in the feed, and that place; nothing for an event that is not there, or that no
///   checkpoint covers yet.
/// * Checkpoints survive the loss of the process.
#[async_trait]
pub trait Checkpoints: Send + Sync {
    /// That of the greatest number.
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError>;
    /// Those with numbers above `after`, at most `limit`.
    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError>;
    /// The one that covers an event.
    async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError>;
    /// Adds the next one; false when its number is not the next.
    async fn insert(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError>;
}

/// The checkpoint that covers an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covering {
    /// Where the feed has the event.
    pub place: FeedCursor,
    /// The checkpoint.
    pub signed: SignedCheckpoint,
}

impl Covering {
    /// Whether it saw this event there.
    pub fn saw(&self, event: &Event) -> bool {
        self.signed.leaves.contains(&Leaf::of(&event.hash, self.place.transaction))
    }
}

/// Signs checkpoints with the service's key.
///
/// # Contract
///
/// * What it signs verifies under its key's id, with the public keys alone.
pub trait CheckpointSigner: Send + Sync {
    /// The key's id, as tokens name it.
    fn key_id(&self) -> String;
    /// Signs bytes.
    fn sign(&self, bytes: &[u8]) -> Signature;
}

/// Checks signatures of checkpoints.
///
/// # Contract
///
/// * Other bytes and another signature are `Invalid`; a key that it does not have is `UnknownKey`.
pub trait CheckpointVerifier: Send + Sync {
    /// Checks a signature of a key over bytes.
    fn verify(&self, key_id: &str, bytes: &[u8], signature: &Signature) -> Result<(), SignatureError>;
    /// The keys it checks with.
    fn public_keys(&self) -> Vec<PublicKey>;
}

/// A key that checks signatures, for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Its id, which checkpoints and tokens name.
    pub id: String,
    /// The key itself, in its own text form.
    pub key: String,
}

/// A signature is not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// It was made with a key that is not known.
    #[error("the key is not known")]
    UnknownKey,
    /// It is not of these bytes.
    #[error("the signature is invalid")]
    Invalid,
}
