use std::{sync::Arc, time::Duration};

use thiserror::Error;

use super::{Cadence, CheckpointFinding, SignedCheckpoint, Tally, Tip};
use crate::{
    audit::Finding,
    port::{CheckpointSigner, CheckpointVerifier, Checkpoints, Clock, EventStore, FeedCursor, StoreError},
};

/// How many events are read at once.
const PAGE: usize = 500;

/// Walks the log in the feed's order and makes checkpoints of it. What it knows follows from the newest checkpoint and the events after it,
/// so it is lost without harm, and two of them at once make one chain: of checkpoints with one number the store takes one.
pub struct Notary {
    events: Arc<dyn EventStore>,
    checkpoints: Arc<dyn Checkpoints>,
    clock: Arc<dyn Clock>,
    cadence: Cadence,
    tally: Option<Tally>,
}

/// What came of writing a checkpoint.
#[derive(Debug)]
pub enum Written {
    /// It is in the store.
    Done(Box<SignedCheckpoint>),
    /// There was nothing new.
    Nothing,
    /// Another notary was first; what there is will be read anew.
    Overtaken,
}

/// The notary does not go on.
#[derive(Debug, Error)]
pub enum NotaryError {
    /// An event is not as it was written.
    #[error("the log was changed, and is signed no further: {0}")]
    Log(#[from] Finding),
    /// The newest checkpoint is not to be believed.
    #[error("the checkpoints were changed, and are followed by no others: {0}")]
    Checkpoint(#[from] CheckpointFinding),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Notary {
    /// One that has seen nothing yet.
    pub const fn new(
        events: Arc<dyn EventStore>,
        checkpoints: Arc<dyn Checkpoints>,
        clock: Arc<dyn Clock>,
        cadence: Cadence,
    ) -> Self {
        Self { events, checkpoints, clock, cadence, tally: None }
    }

    /// Whether [`begin`](Self::begin) must come next.
    pub const fn is_new(&self) -> bool {
        self.tally.is_none()
    }

    /// Forgets what it has seen: another may have gone on meanwhile.
    pub fn forget(&mut self) {
        self.tally = None;
    }

    /// Starts from the newest checkpoint, whose signature is checked: nothing is added to a forged one.
    pub async fn begin(&mut self, keys: &dyn CheckpointVerifier) -> Result<(), NotaryError> {
        let newest = self.checkpoints.newest().await?;
        if let Some(newest) = &newest {
            newest.check_signature(keys)?;
        }
        let tip = newest.as_ref().map_or(Tip::START, SignedCheckpoint::tip);
        self.tally = Some(Tally::after(&tip));
        Ok(())
    }

    /// Up to where it has seen the log, and up to where it has signed it.
    pub fn cursors(&self) -> Option<(FeedCursor, FeedCursor)> {
        self.tally.as_ref().map(|tally| (tally.cursor(), tally.tip().cursor))
    }

    /// Sees some more of the log, up to the next checkpoint at most; returns how many events.
    pub async fn read(&mut self) -> Result<usize, NotaryError> {
        let Some(tally) = &mut self.tally else { return Ok(0) };
        let room = self.cadence.events.max(1).saturating_sub(tally.pending());
        if room == 0 {
            return Ok(0);
        }
        let items = self.events.read_feed(tally.cursor(), room.min(PAGE)).await?;
        for item in &items {
            tally.add(item)?;
        }
        Ok(items.len())
    }

    /// Whether a checkpoint is to be made now.
    pub fn is_due(&self) -> bool {
        self.tally.as_ref().is_some_and(|tally| tally.is_due(self.cadence, self.clock.now()))
    }

    /// How long until one is due, if no further event comes; `None` while there is nothing new.
    pub fn due_in(&self) -> Option<Duration> {
        self.tally.as_ref().and_then(|tally| tally.due_in(self.cadence, self.clock.now()))
    }

    /// Signs what was seen and writes it.
    pub async fn write(&mut self, signer: &dyn CheckpointSigner) -> Result<Written, NotaryError> {
        let next = self.tally.as_ref().and_then(|tally| tally.sign(signer, self.clock.now()));
        let Some(next) = next else { return Ok(Written::Nothing) };
        // Whatever comes of it, what there is now is what the store says.
        self.tally = None;
        if !self.checkpoints.insert(&next).await? {
            return Ok(Written::Overtaken);
        }
        self.tally = Some(Tally::after(&next.tip()));
        Ok(Written::Done(Box::new(next)))
    }

    /// Signs everything that is there, however little; returns the newest checkpoint.
    pub async fn catch_up<K>(&mut self, keys: &K) -> Result<Option<SignedCheckpoint>, NotaryError>
    where
        K: CheckpointSigner + CheckpointVerifier,
    {
        self.forget();
        loop {
            if self.is_new() {
                self.begin(keys).await?;
            }
            let is_end = self.read().await? == 0;
            if is_end || self.is_due() {
                let written = self.write(keys).await?;
                if is_end && !matches!(written, Written::Overtaken) {
                    return Ok(self.checkpoints.newest().await?);
                }
            }
        }
    }
}
