//! The two-level session cache: this process's own for a few seconds, and behind it the one that replicas share.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    id::SessionId,
    port::{CachedSession, LiveSession, SessionCache, StoreError},
};
use portcullis_memory::LocalSessionCache;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use crate::metric::{CacheLevel, CacheMetrics};

/// How long the first level remembers. A revocation reaches it at once by news from the second; should the news be lost, it is
/// noticed this much later.
const FIRST_LEVEL: Duration = Duration::from_secs(1);

/// How long news that the second level did not take is tried again: no cache remembers a live session for longer, so after that the
/// store is asked in any case.
const WORTH_REPEATING: Duration = Duration::from_secs(30);
/// How long apart.
const RETRY: Duration = Duration::from_millis(250);
/// How many pieces of news may wait; more are told to nobody, and noticed when what is remembered is over.
const WAITING: usize = 10_000;

/// A first level in front of a shared second one. News of a session that the second one does not take, because it is away, is repeated
/// until it does.
pub(crate) struct TwoLevels {
    first: Arc<LocalSessionCache>,
    second: Arc<dyn SessionCache>,
    metrics: CacheMetrics,
    late: mpsc::Sender<News>,
}

/// What happened to sessions.
struct News {
    sessions: Vec<SessionId>,
    what: Happened,
    /// When it was to be told first.
    since: Instant,
}

#[derive(Clone, Copy)]
enum Happened {
    /// They ended, which is to be remembered for so long.
    Revoked(Duration),
    /// Their account changed.
    Changed,
}

impl TwoLevels {
    /// The two, with a task that repeats news and ends when this is dropped.
    pub(crate) fn start(
        first: Arc<LocalSessionCache>,
        second: Arc<dyn SessionCache>,
        metrics: CacheMetrics,
    ) -> Self {
        let (late, waiting) = mpsc::channel(WAITING);
        tokio::spawn(repeat(Arc::clone(&second), waiting, RETRY));
        Self { first, second, metrics, late }
    }

    /// Tells the second level, now or as soon as it listens.
    async fn tell(&self, sessions: &[SessionId], what: Happened) -> Result<(), StoreError> {
        let news = News { sessions: sessions.to_vec(), what, since: Instant::now() };
        let told = news.tell(self.second.as_ref()).await;
        if told.is_err() && self.late.try_send(news).is_err() {
            tracing::warn!("the end of a session is not told to other replicas: too many wait to be told");
        }
        told
    }
}

impl News {
    async fn tell(&self, cache: &dyn SessionCache) -> Result<(), StoreError> {
        match self.what {
            Happened::Revoked(time_to_live) => {
                cache.revoke(&self.sessions, time_to_live.saturating_sub(self.since.elapsed())).await
            }
            Happened::Changed => cache.forget(&self.sessions).await,
        }
    }
}

async fn repeat(cache: Arc<dyn SessionCache>, mut waiting: mpsc::Receiver<News>, pause: Duration) {
    while let Some(news) = waiting.recv().await {
        while news.since.elapsed() < WORTH_REPEATING && news.tell(cache.as_ref()).await.is_err() {
            sleep(pause).await;
        }
    }
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
        self.tell(sessions, Happened::Revoked(time_to_live)).await
    }

    async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
        // The second level first, or a request in between would bring what it says back to the first.
        let forgotten = self.tell(sessions, Happened::Changed).await;
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use portcullis_domain::{caller::Role, id::UserId};
    use uuid::Uuid;

    use super::*;
    use crate::metric::Metrics;

    const LONG: Duration = Duration::from_secs(60);

    /// A cache that is away, or not.
    struct Switched {
        inner: LocalSessionCache,
        is_away: AtomicBool,
    }

    impl Switched {
        fn answer(&self) -> Result<&LocalSessionCache, StoreError> {
            if self.is_away.load(Ordering::SeqCst) {
                return Err(StoreError::unavailable("it is away"));
            }
            Ok(&self.inner)
        }
    }

    #[async_trait]
    impl SessionCache for Switched {
        async fn get(&self, session: SessionId) -> Result<Option<CachedSession>, StoreError> {
            self.answer()?.get(session).await
        }

        async fn put(&self, session: SessionId, live: LiveSession, time: Duration) -> Result<(), StoreError> {
            self.answer()?.put(session, live, time).await
        }

        async fn revoke(&self, sessions: &[SessionId], time: Duration) -> Result<(), StoreError> {
            self.answer()?.revoke(sessions, time).await
        }

        async fn forget(&self, sessions: &[SessionId]) -> Result<(), StoreError> {
            self.answer()?.forget(sessions).await
        }
    }

    fn session(number: u128) -> SessionId {
        SessionId::new(Uuid::from_u128(number))
    }

    fn live() -> LiveSession {
        let end = chrono::DateTime::<chrono::Utc>::MAX_UTC;
        LiveSession {
            user: UserId::new(Uuid::from_u128(1)),
            role: Role::User,
            expires_at: end,
            seen_at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn news_that_the_second_level_does_not_take_is_repeated_until_it_does() {
        let second = Arc::new(Switched { inner: LocalSessionCache::new(), is_away: AtomicBool::new(false) });
        let first = Arc::new(LocalSessionCache::new());
        let cache = TwoLevels::start(first, second.clone(), Metrics::new().cache.clone());
        for number in 1..=3 {
            cache.put(session(number), live(), LONG).await.expect("puts");
        }
        second.is_away.store(true, Ordering::SeqCst);
        cache.revoke(&[session(1)], LONG).await.expect_err("it is away");
        cache.forget(&[session(2)]).await.expect_err("it is away");
        assert_eq!(cache.get(session(1)).await.expect("the first level knows"), Some(CachedSession::Revoked));
        assert!(
            second
                .inner
                .get(session(1))
                .await
                .expect("answers")
                .is_some_and(|known| known != CachedSession::Revoked)
        );

        second.is_away.store(false, Ordering::SeqCst);
        let told = async {
            loop {
                let known = [1, 2].map(|number| second.inner.get(session(number)));
                let [one, two] = known;
                if one.await.expect("answers") == Some(CachedSession::Revoked)
                    && two.await.expect("answers").is_none()
                {
                    return;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), told).await.expect("it is told");
        let kept = second.inner.get(session(3)).await.expect("answers");
        assert_eq!(kept, Some(CachedSession::Live(live())));
    }
}
