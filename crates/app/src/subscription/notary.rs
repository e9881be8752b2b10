use std::{path::PathBuf, sync::Arc, time::Duration};

use portcullis_domain::{
    checkpoint::{Notary, NotaryError, Written},
    port::{Checkpoints, EventStore, StoreError, Subscriptions},
};
use thiserror::Error;
use tokio::{sync::watch, time};
use uuid::Uuid;

use super::{FIRST_RETRY, LEASE, LONGEST_RETRY, POLL, jittered};
use crate::{
    causes::chain,
    checkpoint_file::{CheckpointFile, CheckpointFileError},
    checkpoint_keys::{KeySource, KeySourceError},
    metric::Delivered,
};

/// The subscription that signs what it sees of the log. Unlike the others it has work to do where no event comes, and where it stands
/// follows from its newest checkpoint: the cursor that is kept of it is for those who look.
pub(crate) struct NotarySubscription {
    pub(crate) notary: Notary,
    pub(crate) keys: KeySource,
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    pub(crate) holder: Uuid,
    pub(crate) delivered: Delivered,
    /// Where checkpoints are written besides.
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, Error)]
enum Failure {
    #[error(transparent)]
    Notary(#[from] NotaryError),
    #[error("the signing keys cannot be had")]
    Keys(#[from] KeySourceError),
    #[error("a checkpoint is in the store and not in CHECKPOINT_FILE")]
    File(#[from] CheckpointFileError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Notary(error.into())
    }
}

/// What to do after a step.
enum Next {
    On,
    /// Nothing lies beyond what was seen; a checkpoint may be due after this time.
    Await(Duration),
    StandBy,
}

impl NotarySubscription {
    pub(crate) const NAME: &str = "notary";

    /// Follows the feed until `stop` turns true; then signs what there is, due or not.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut retry = FIRST_RETRY;
        while !*stop.borrow_and_update() {
            let wait = match self.step().await {
                Ok(Next::On) => {
                    retry = FIRST_RETRY;
                    continue;
                }
                Ok(Next::Await(wait)) => {
                    retry = FIRST_RETRY;
                    let seen = self.notary.cursors().unwrap_or_default().0;
                    tokio::select! {
                        _ = time::timeout(wait, self.events.wait(seen)) => {} // the next read tells
                        _ = stop.changed() => {}
                    }
                    continue;
                }
                Ok(Next::StandBy) => {
                    // Whoever holds it goes on; this one starts from what they have written.
                    self.notary.forget();
                    POLL
                }
                Err(failure) => {
                    self.notary.forget();
                    let wait = retry;
                    retry = (retry * 2).min(LONGEST_RETRY);
                    self.report(&failure, wait).await;
                    wait
                }
            };
            tokio::select! {
                () = time::sleep(jittered(wait, self.holder)) => {}
                _ = stop.changed() => {}
            }
        }
        if let Err(failure) = self.finish().await {
            tracing::warn!("what was written last is for the next start to sign: {}", chain(&failure));
        }
        if let Err(error) = self.cursors.release(Self::NAME, self.holder).await {
            tracing::debug!("the lease of {} ends with its time: {error}", Self::NAME);
        }
    }

    /// Takes or renews the lease, and sees or signs some more.
    async fn step(&mut self) -> Result<Next, Failure> {
        if self.cursors.lease(Self::NAME, self.holder, LEASE).await?.is_none() {
            return Ok(Next::StandBy);
        }
        if self.notary.is_new() {
            let keys = self.keys.load().await?;
            self.notary.begin(&keys).await?;
            self.copy().await;
        }
        if self.notary.is_due() {
            self.write().await?;
            return Ok(Next::On);
        }
        if self.notary.read().await? > 0 {
            return Ok(Next::On);
        }
        Ok(Next::Await(self.notary.due_in().unwrap_or(POLL).min(POLL)))
    }

    /// Signs all that there is, unless another replica is at it: a service that is stopped leaves no event without a checkpoint.
    async fn finish(&mut self) -> Result<(), Failure> {
        loop {
            match self.step().await? {
                Next::On => {}
                Next::Await(_) => return self.write().await,
                Next::StandBy => return Ok(()),
            }
        }
    }

    async fn write(&mut self) -> Result<(), Failure> {
        let keys = self.keys.load().await?;
        let Written::Done(signed) = self.notary.write(&keys).await? else { return Ok(()) };
        let checkpoint = &signed.checkpoint;
        if self.cursors.advance(Self::NAME, self.holder, checkpoint.cursor).await? {
            self.delivered.count(signed.leaves.len());
        }
        tracing::debug!(number = checkpoint.number, events = checkpoint.count, "signed a checkpoint");
        self.copy().await;
        Ok(())
    }

    /// Writes what the file lacks. Where that fails it is told, and the next checkpoint brings it all: the log is signed all the same.
    async fn copy(&self) {
        let Some(path) = &self.file else { return };
        if let Err(error) = CheckpointFile::at(path).complete(self.checkpoints.as_ref()).await {
            self.report(&Failure::File(error), Duration::ZERO).await;
        }
    }

    async fn report(&self, failure: &Failure, retry_in: Duration) {
        let error = chain(failure);
        // Where somebody was at the log, that does not pass by itself.
        if matches!(failure, Failure::Notary(NotaryError::Log(_) | NotaryError::Checkpoint(_))) {
            tracing::error!(subscription = Self::NAME, ?retry_in, "{error}");
        } else {
            tracing::warn!(subscription = Self::NAME, ?retry_in, "{error}");
        }
        if let Err(error) = self.cursors.note_failure(Self::NAME, &error).await {
            tracing::debug!("the failure of {} could not be noted: {error}", Self::NAME);
        }
    }
}
