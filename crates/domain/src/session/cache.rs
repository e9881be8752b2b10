//! What the use cases do with the session cache. It is never the truth: its failures are passed over, and what it may still say
//! of a session that ended is bounded by how long it remembers.

use std::time::Duration;

use crate::{
    id::SessionId,
    identity::Identity,
    port::{CachedSession, LiveSession},
};

/// How long a live session is remembered: for so long a revocation that the cache did not hear of may go unnoticed.
const REMEMBERED: Duration = Duration::from_secs(10);

impl Identity {
    /// What the cache says of a session, if there is a cache and it answers.
    pub(super) async fn cached_session(&self, session: SessionId) -> Option<CachedSession> {
        self.ports().session_cache.as_ref()?.get(session).await.ok().flatten()
    }

    pub(super) async fn remember_session(&self, session: SessionId, live: LiveSession) {
        if let Some(cache) = &self.ports().session_cache {
            // Not remembered: the store is asked again.
            let _ = cache.put(session, live, REMEMBERED).await;
        }
    }

    /// Tells every replica that sessions have ended; called after the commit that ended them.
    pub(super) async fn forget_ended(&self, sessions: &[SessionId]) {
        if let Some(cache) = &self.ports().session_cache {
            // Not heard: what they remember is over soon.
            let _ = cache.revoke(sessions, self.policy().access_token_lifetime).await;
        }
    }
}
