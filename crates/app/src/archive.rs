//! Old months of the log, moved into a file: written, read back and checked before anything is deleted.

use std::io;

use chrono::{DateTime, Utc};
use portcullis_domain::{
    audit::document::{DocumentAuditor, DocumentFinding, Header},
    port::{CheckpointVerifier, StoreError},
    retention::{ArchivePlan, PlanError, oldest_kept, plan_archive},
};
use thiserror::Error;

use crate::{audit::AuditExportError, checkpoint_keys::KeySourceError, config::Config, stack::Stack};

/// How many events are deleted at once: nobody waits long for them.
const BATCH: usize = 1_000;

/// Nothing was moved away.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// All of the log is to be kept.
    #[error("EVENT_RETENTION is `forever`: set it to the months to keep, such as 24")]
    Forever,
    /// Somebody still needs what would go.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It was not written.
    #[error(transparent)]
    Export(#[from] AuditExportError),
    /// What was written is not what the log holds.
    #[error("the archive does not read back as it was written: {0}")]
    Written(#[from] DocumentFinding),
    /// What was written is another archive.
    #[error("the archive does not read back as it was written: it is another one")]
    Other,
    /// It could not be read back.
    #[error("the archive cannot be read back")]
    Read(#[from] io::Error),
    /// Somebody else was first.
    #[error(
        "somebody else moved a part of the log into an archive meanwhile: this file is not the archive of anything; remove it"
    )]
    Overtaken,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeySourceError> for ArchiveError {
    fn from(error: KeySourceError) -> Self {
        Self::Export(error.into())
    }
}

impl Stack {
    /// What may be moved away now; `None` where nothing is old enough.
    pub async fn plan_archive(&self, config: &Config) -> Result<Option<ArchivePlan>, ArchiveError> {
        let months = config.event_retention.ok_or(ArchiveError::Forever)?;
        // What is there is signed first: an archive ends at a checkpoint.
        self.sign_log(config).await?;
        let ports = self.identity.ports();
        let before: DateTime<Utc> = oldest_kept(ports.clock.now(), months);
        let checkpoints = self.checkpoints();
        Ok(plan_archive(checkpoints.as_ref(), ports.retention.as_ref(), self.subscriptions.as_ref(), before)
            .await?)
    }

    /// Writes an archive line by line; returns what it says of itself.
    pub async fn write_archive(
        &self,
        plan: &ArchivePlan,
        write: &mut (dyn FnMut(&str) -> io::Result<()> + Send),
    ) -> Result<Header, ArchiveError> {
        let keys = self.key_source().load().await?;
        let header = Header::sign(&keys, plan.horizon.clone(), &plan.tip, self.identity.ports().clock.now());
        self.write_log(&header, write).await?;
        Ok(header)
    }

    /// Reads an archive back and checks every event of it; `lines` are without their ends.
    pub async fn check_archive(
        &self,
        header: &Header,
        lines: impl IntoIterator<Item = io::Result<String>>,
    ) -> Result<(), ArchiveError> {
        let keys = self.key_source().load().await?;
        let keys: &dyn CheckpointVerifier = &keys;
        let mut auditor = DocumentAuditor::new(keys);
        for line in lines {
            auditor.check(&line?)?;
        }
        let (read, _) = auditor.finish()?;
        if read == *header { Ok(()) } else { Err(ArchiveError::Other) }
    }

    /// From here on the plan's events are in its archive alone; [`drop_archived`](Self::drop_archived) deletes them.
    pub async fn put_horizon(&self, plan: &ArchivePlan) -> Result<(), ArchiveError> {
        let keys = self.key_source().load().await?;
        let new = self.identity.draw_horizon(plan, &keys).await?;
        let is_put = self.identity.ports().retention.put_horizon(&new.horizon, &new.bases).await?;
        if is_put { Ok(()) } else { Err(ArchiveError::Overtaken) }
    }

    /// Deletes what is in an archive, also what an earlier one was interrupted at; tells how many events each time that some are gone.
    pub async fn drop_archived(&self, mut tell: impl FnMut(u64)) -> Result<u64, ArchiveError> {
        let mut all = 0;
        loop {
            match self.identity.ports().retention.drop_archived(BATCH).await? {
                0 => return Ok(all),
                some => {
                    all += some;
                    tell(some);
                }
            }
        }
    }
}
