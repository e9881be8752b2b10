use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::{
    caller::Role,
    id::{SessionId, UserId},
};

/// Remembers what the store said of a session, so that a request need not ask it. Never the truth: whatever is missing
/// here is asked of the store.
///
/// # Contract
///
/// * What was put is found until its time is over, and not after.
/// * A revoked session is found as `Revoked`, and a put that comes later (of what a slow reader saw before) does not bring it back.
/// * A forgotten session is not found, and can be put again; one that is revoked stays revoked.
/// * Every instance that shares the cache sees a revocation as soon as `revoke` has returned.
#[async_trait]
pub trait SessionCache: Send + Sync {
    /// What is remembered of a session.
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError>;
    /// Remembers a live session for a while.
    async fn put(
        &self,
        session: SessionId,
        live: LiveSession,
        time_to_live: Duration,
    ) -> Result<(), StoreError>;
    /// Remembers that sessions have ended, for as long as a token of theirs may come.
    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) -> Result<(), StoreError>;
    /// Forgets sessions whose account has changed.
    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError>;
}

/// What a cache says of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachedSession {
    /// It lives.
    Live(LiveSession),
    /// It has ended.
    Revoked,
}

/// What a request needs to know of a live session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveSession {
    /// Whose it is.
    pub user: UserId,
    /// What they are to the service.
    pub role: Role,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When the store last noted that it was used.
    pub seen_at: DateTime<Utc>,
}
