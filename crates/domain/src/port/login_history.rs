use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::{
    id::{LoginAttemptId, UserId},
    session::LoginAttempt,
};

/// Attempts to sign in, successful ones written by their commit, failed ones by `record`.
///
/// # Contract
///
/// * What a commit put and what was recorded is listed together, newest first, of one instant the greatest id first; each user's apart.
/// * A page goes on after the given attempt, without a gap or a repeat.
/// * Attempts on an account that is gone are passed over; the others of the same call are recorded.
/// * `prune` deletes what is older than the time, and nothing else, and says how many.
#[async_trait]
pub trait LoginHistory: Send + Sync {
    /// Adds attempts; all or none of those whose account is there.
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError>;
    /// Of a user, newest first, those after `after` in that order, at most `limit`.
    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError>;
    /// Deletes what is older.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}
