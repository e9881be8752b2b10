//! What the use cases do with the session cache. It is never the truth: its failures are passed over, and what it may still say
//! of a session that ended is bounded by how long it remembers.

use std::time::Duration;

use crate::{
    id::SessionId,
    identity::Identity,
    port::{CachedSession, LiveSession, StoreError},
};

/// How long a live session is remembered: for so long a revocation that the cache did not hear of may go unnoticed.
const REMEMBERED: Duration = Duration::from_secs(10);

impl Identity {
    /// What the cache says of a session, if there is a cache and it answers.
    pub(super) async fn cached_session(&self, session: SessionId) -> Option<CachedSession> {
        self.ports().session_cache.as_ref()?.get(session).await.ok().flatten()
    }

    /// Remembers what the store said of a session, and asks it again for the role: one that was changed meanwhile was forgotten before
    /// there was anything to forget. An ended session needs no second look: the cache keeps that it was revoked.
    pub(super) async fn remember_session(
        &self,
        session: SessionId,
        live: LiveSession,
    ) -> Result<(), StoreError> {
        let Some(cache) = &self.ports().session_cache else { return Ok(()) };
        // Not remembered: the store is asked again.
        let _ = cache.put(session, live, REMEMBERED).await;
        let user = self.ports().users.find(live.user).await?;
        if user.is_none_or(|user| user.role != live.role) {
            self.forget_changed(&[session]).await;
        }
        Ok(())
    }

    /// Tells every replica that sessions have ended; called after the commit that ended them.
    pub(crate) async fn forget_ended(&self, sessions: &[SessionId]) {
        if let Some(cache) = &self.ports().session_cache {
            // Not heard: what they remember is over soon.
            let _ = cache.revoke(sessions, self.policy().access_token_lifetime).await;
        }
    }

    /// Tells every replica that what an account may do has changed; called with its sessions, after the commit that changed it.
    pub(crate) async fn forget_changed(&self, sessions: &[SessionId]) {
        if let Some(cache) = &self.ports().session_cache {
            // Not heard: what they remember is over soon.
            let _ = cache.forget(sessions).await;
        }
    }
}
