//! The two-level session cache: this process's own for a few seconds, and behind it the one that replicas share.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    id::SessionId,
    port::{CachedSession, LiveSession, SessionCache, StoreError},
};
use portcullis_memory::LocalSessionCache;

use crate::metric::{CacheLevel, CacheMetrics};

/// How long the first level remembers. A revocation reaches it at once by news from the second; should the news be lost, it is
/// noticed this much later.
const FIRST_LEVEL: Duration = Duration::from_secs(1);

/// A first level in front of a shared second one.
pub(crate) struct TwoLevels {
    pub(crate) first: Arc<LocalSessionCache>,
    pub(crate) second: Arc<dyn SessionCache>,
    pub(crate) metrics: CacheMetrics,
}

#[async_trait]
impl SessionCache for TwoLevels {
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
        let known = self.first.get(session).await?;
        self.metrics.looked(CacheLevel::First, known.is_some());
        if known.is_some() {
            return Ok(known);
        }
        let known = self.second.get(session).await;
        self.metrics.looked(CacheLevel::Redis, matches!(known, Ok(Some(_))));
        let known = known?;
        match known {
            Some(CachedSession::Live(live)) => self.first.put(session, live, FIRST_LEVEL).await?,
            Some(CachedSession::Revoked) => self.first.revoke(&[session], FIRST_LEVEL).await?,
            None => {}
        }
        Ok(known)
    }

    async fn put(
        &self,
        session: SessionId,
        live: LiveSession,
        time_to_live: Duration,
    ) -> Result<(), StoreError> {
        self.first.put(session, live, time_to_live.min(FIRST_LEVEL)).await?;
        self.second.put(session, live, time_to_live).await
    }

    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) -> Result<(), StoreError> {
        self.first.revoke(sessions, time_to_live).await?;
        self.second.revoke(sessions, time_to_live).await
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        // The second level first, or a request in between would bring what it says back to the first.
        let forgotten = self.second.forget(sessions).await;
        self.first.forget(sessions).await?;
        forgotten
    }
}

/// Takes news of a session whose account has changed on another replica.
pub(crate) async fn heard_changed(first: &LocalSessionCache, session: SessionId) {
    let _ = first.forget(&[session]).await;
}

/// Takes news of a revocation on another replica.
pub(crate) async fn heard(first: &LocalSessionCache, session: SessionId) {
    // Long enough to outlast whatever a slow reader may still put here.
    let _ = first.revoke(&[session], FIRST_LEVEL * 2).await;
}
