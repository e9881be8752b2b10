use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, Utc};

use super::{AuditError, Auditor, document::CheckpointCopy};
use crate::{
    checkpoint::{CheckpointFault, CheckpointFinding, CheckpointHash, SignedCheckpoint, Tip},
    port::{CheckpointVerifier, Checkpoints, Retention},
    retention::{Horizon, HorizonFault},
};

/// Each may be of some megabytes.
const PAGE: usize = 10;

/// What a log is compared with, beside itself.
#[derive(Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The notary's checkpoints.
    pub checkpoints: Option<&'a dyn Checkpoints>,
    /// The keys that may have signed them; without, their signatures are not checked.
    pub keys: Option<&'a dyn CheckpointVerifier>,
    /// What is kept in the place of events that were moved into an archive.
    pub retention: Option<&'a dyn Retention>,
    /// Copies of checkpoints that were kept elsewhere.
    pub copies: &'a [CheckpointCopy],
}

/// Checkpoints in their order, each checked when its turn comes.
pub(super) struct Walk<'a> {
    evidence: Evidence<'a>,
    copies: HashMap<u64, CheckpointHash>,
    page: VecDeque<SignedCheckpoint>,
    tip: Tip,
    /// The newest checkpoint whose events are in archives.
    archived: Option<Tip>,
    made_at: Option<DateTime<Utc>>,
    is_over: bool,
}

impl<'a> Evidence<'a> {
    pub(super) fn walk(self, horizon: Option<&Horizon>) -> Walk<'a> {
        Walk {
            evidence: self,
            copies: self.copies.iter().map(|copy| (copy.checkpoint.number, copy.hash())).collect(),
            page: VecDeque::new(),
            tip: Tip::START,
            archived: horizon.map(|horizon| horizon.tip),
            made_at: None,
            is_over: self.checkpoints.is_none(),
        }
    }
}

impl Walk<'_> {
    /// Tells the auditor what must come next, unless they wait for something still. Once there is no checkpoint any more none is looked for
    /// again: one that is made meanwhile covers events that have been passed.
    pub(super) async fn advance(&mut self, auditor: &mut Auditor) -> Result<(), AuditError> {
        let Some(checkpoints) = self.evidence.checkpoints else { return Ok(()) };
        while !self.is_over && !auditor.is_expecting() {
            if self.page.is_empty() {
                self.page = checkpoints.list(self.tip.number, PAGE).await?.into();
            }
            let Some(next) = self.page.pop_front() else {
                self.is_over = true;
                break;
            };
            self.check(&next).map_err(AuditError::Checkpoint)?;
            self.tip = next.tip();
            self.made_at = Some(next.checkpoint.made_at);
            // Those of archived events are looked at for the chain alone.
            match self.archived {
                Some(archived) if self.tip.number < archived.number => {}
                Some(archived) if self.tip.number == archived.number => {
                    if self.tip != archived {
                        return Err(HorizonFault::Checkpoint.into());
                    }
                }
                _ => auditor.expect(&next),
            }
        }
        Ok(())
    }

    fn check(&mut self, next: &SignedCheckpoint) -> Result<(), CheckpointFinding> {
        next.check_after(&self.tip)?;
        if let Some(keys) = self.evidence.keys {
            next.check_signature(keys)?;
        }
        match self.copies.remove(&next.checkpoint.number) {
            Some(hash) if hash != next.hash() => Err(next.finding(CheckpointFault::Copy)),
            _ => Ok(()),
        }
    }

    /// At the end: how many there were, and of when the newest is. Every copy must have been met.
    pub(super) fn finish(self) -> Result<(u64, Option<DateTime<Utc>>), AuditError> {
        if self.evidence.checkpoints.is_some()
            && self.archived.is_some_and(|archived| archived.number > self.tip.number)
        {
            return Err(HorizonFault::Checkpoint.into());
        }
        match self.copies.into_keys().min() {
            Some(number) => {
                Err(AuditError::Checkpoint(CheckpointFinding { number, fault: CheckpointFault::Copy }))
            }
            None => Ok((self.tip.number, self.made_at)),
        }
    }
}
