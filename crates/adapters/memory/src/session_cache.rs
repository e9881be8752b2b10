use std::time::{Duration, Instant};

use async_trait::async_trait;
use portcullis_domain::{
    id::SessionId,
    port::{CachedSession, LiveSession, SessionCache, StoreError},
};

use crate::timed::{CAPACITY, Change, Entry, Timed};

/// A cache of sessions for one process. Fit for production: bounded, and what it drops is asked of the store.
pub struct LocalSessionCache(Timed<SessionId, CachedSession>);

impl LocalSessionCache {
    /// For a hundred thousand sessions.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// For so many sessions; beyond that, those not asked for go first.
    pub fn with_capacity(sessions: u64) -> Self {
        Self(Timed::new(sessions))
    }

    /// Forgets everything: news of some revocations may have been missed.
    pub fn clear(&self) {
        self.0.clear();
    }

    fn change(
        &self,
        session: SessionId,
        decide: impl FnOnce(Option<Entry<CachedSession>>) -> Change<CachedSession>,
    ) {
        self.0.change(session, |before| (decide(before), ()));
    }
}

impl Default for LocalSessionCache {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SessionCache for LocalSessionCache {
    async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
        Ok(self.0.find(&session).map(|entry| entry.value))
    }

    async fn put(
        &self,
        session: SessionId,
        live: LiveSession,
        time_to_live: Duration,
    ) -> Result<(), StoreError> {
        self.change(session, |before| match before {
            Some(entry) if entry.value == CachedSession::Revoked => Change::Keep,
            _ => Change::Put(Entry::lasting(CachedSession::Live(live), Instant::now(), time_to_live)),
        });
        Ok(())
    }

    async fn revoke(&self, sessions: &[SessionId], time_to_live: Duration) -> Result<(), StoreError> {
        let revoked = Entry::lasting(CachedSession::Revoked, Instant::now(), time_to_live);
        for session in sessions {
            self.change(*session, |before| match before {
                Some(entry) if entry.value == CachedSession::Revoked && entry.outlasts(&revoked) => {
                    Change::Keep
                }
                _ => Change::Put(revoked.clone()),
            });
        }
        Ok(())
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        for session in sessions {
            self.change(*session, |before| match before {
                Some(entry) if entry.value != CachedSession::Revoked => Change::Remove,
                _ => Change::Keep,
            });
        }
        Ok(())
    }
}

/// Without what it holds: who is signed in.
impl std::fmt::Debug for LocalSessionCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalSessionCache(***)")
    }
}
