use super::IDEMPOTENCY_KEPT;
use crate::{
    commit::{Claim, ClaimKey, Commit, CommitError, RowChange},
    identity::Identity,
    port::StoreError,
};

/// How many requests are forgotten at once, lest commits of others wait for all of them.
const PORTION: usize = 200;

impl Identity {
    /// Forgets requests whose keys may be used anew; returns how many. Any number may do it at once.
    pub async fn forget_requests(&self) -> Result<usize, StoreError> {
        let mut forgotten = 0;
        loop {
            let before = self.now() - IDEMPOTENCY_KEPT;
            let old = self.ports().idempotency_keys.list_older(before, PORTION).await?;
            if old.is_empty() {
                return Ok(forgotten);
            }
            // One that is used anew at this moment stays: both name who claimed it before.
            let claims = old.iter().map(|request| Claim::Release {
                key: ClaimKey::idempotency_key(request.key),
                owner: request.claimed_by.into(),
            });
            let commit = Commit {
                claims: claims.collect(),
                rows: old
                    .iter()
                    .map(|request| RowChange::DeleteIdempotentRequest(request.key, request.claimed_by))
                    .collect(),
                ..Commit::default()
            };
            match self.ports().events.commit(commit).await {
                Ok(_) => forgotten += old.len(),
                Err(CommitError::Store(error)) => return Err(error),
                // Nothing is expected of a stream, and nothing is taken.
                Err(error) => return Err(StoreError::corrupt(error)),
            }
        }
    }
}
