//! The log as lines of JSON, to be kept or checked elsewhere: a header, where streams stood that have events in archives before, and then each
//! checkpoint before the events that it covers.
//!
//! There is one way to write each line, and what reads differently from how it would be written is refused: no bit of a file can be changed
//! unnoticed, not even one that means nothing.

mod line;
mod verify;

use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use line::{CheckpointCopy, Line};
pub use verify::{DocumentAuditor, DocumentFinding};

use crate::{
    checkpoint::{CheckpointHash, Signature, Tip},
    port::{CheckpointSigner, CheckpointVerifier, PublicKey, SignatureError},
    retention::Horizon,
};

/// Separates the signature from those of checkpoints and tokens.
const MAGIC: &[u8] = b"portcullis export v1\0";
/// How lines are written; another number is another way.
const FORMAT: u32 = 1;

/// What the first line says: where the export ends. It is signed, so that no end can be cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Up to where the log was in archives before; none where this begins with the first event.
    pub horizon: Option<Horizon>,
    /// The keys that checkpoints were signed with, for whoever compares them with those to be trusted.
    pub keys: Vec<PublicKey>,
    /// The number of the last checkpoint; 0 in an empty log.
    pub checkpoint: u64,
    /// Its hash.
    pub hash: CheckpointHash,
    /// How many events there are.
    pub events: u64,
    /// When it was written.
    pub made_at: DateTime<Utc>,
    /// Which key signed it.
    pub key_id: String,
    /// The signature over all of it.
    pub signature: Signature,
}

/// A line does not read as what it should be.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// It is no JSON of a known shape.
    #[error("it is not written as an export is")]
    Shape(#[source] serde_json::Error),
    /// A text in it is not of its kind.
    #[error("{0} does not read")]
    Field(&'static str),
    /// It reads, but is not how it would have been written.
    #[error("it was changed since it was written")]
    Altered,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText {
    id: String,
    key: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderText {
    format: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    horizon: Option<line::HorizonText>,
    keys: Vec<KeyText>,
    checkpoint: u64,
    checkpoint_hash: String,
    events: u64,
    made_at: String,
    key_id: String,
    signature: String,
}

impl Header {
    /// Signs that the log went from there to there.
    pub fn sign<K>(keys: &K, horizon: Option<Horizon>, tip: &Tip, now: DateTime<Utc>) -> Self
    where
        K: CheckpointSigner + CheckpointVerifier + ?Sized,
    {
        let mut header = Self {
            horizon,
            keys: keys.public_keys(),
            checkpoint: tip.number,
            hash: tip.hash,
            events: tip.count,
            made_at: now.trunc_subsecs(6),
            key_id: keys.key_id(),
            signature: Signature::new([0; 64]),
        };
        header.signature = keys.sign(&header.to_signed_bytes());
        header
    }

    /// Checks the signature.
    pub fn check_signature(&self, keys: &dyn CheckpointVerifier) -> Result<(), SignatureError> {
        keys.verify(&self.key_id, &self.to_signed_bytes(), &self.signature)
    }

    /// The line without its signature.
    fn to_signed_bytes(&self) -> Vec<u8> {
        let unsigned = HeaderText { signature: String::new(), ..self.to_text() };
        [MAGIC, &serde_json::to_vec(&unsigned).expect("texts and numbers")].concat()
    }

    fn to_text(&self) -> HeaderText {
        let Self { horizon, keys, checkpoint, hash, events, made_at, key_id, signature } = self;
        let keys = keys.iter().map(|key| KeyText { id: key.id.clone(), key: key.key.clone() });
        HeaderText {
            format: FORMAT,
            horizon: horizon.as_ref().map(line::HorizonText::of),
            keys: keys.collect(),
            checkpoint: *checkpoint,
            checkpoint_hash: hash.to_string(),
            events: *events,
            made_at: line::time_text(*made_at),
            key_id: key_id.clone(),
            signature: line::base64(signature.as_bytes()),
        }
    }

    fn from_text(text: HeaderText) -> Result<Self, DocumentError> {
        if text.format != FORMAT {
            return Err(DocumentError::Field("format"));
        }
        let keys = text.keys.into_iter().map(|key| PublicKey { id: key.id, key: key.key });
        Ok(Self {
            horizon: text.horizon.map(line::HorizonText::read).transpose()?,
            keys: keys.collect(),
            checkpoint: text.checkpoint,
            hash: CheckpointHash::new(line::hex("checkpoint_hash", &text.checkpoint_hash)?),
            events: text.events,
            made_at: line::time("made_at", &text.made_at)?,
            key_id: text.key_id,
            signature: Signature::new(line::array("signature", &text.signature)?),
        })
    }
}
