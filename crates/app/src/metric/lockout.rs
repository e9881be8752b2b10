use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::{
    port::{AttemptCounters, Attempts, StoreError},
    session::is_lock,
};
use prometheus::IntCounter;

use super::book::Book;

/// How often accounts are locked.
pub(crate) struct LockoutMetrics {
    locks: IntCounter,
}

impl LockoutMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        let locks = book.counters(
            "user_account_lockouts_total",
            &[],
            "Locks that this replica set, each of a name for a network. Names that nobody has are locked, and counted, like any other: a scrape tells nobody who has an account.",
        );
        Self { locks: locks.with_label_values::<&str>(&[]) }
    }

    /// The counters, with the locks among them counted.
    pub(crate) fn counted(&self, inner: Arc<dyn AttemptCounters>) -> CountedLocks {
        CountedLocks { inner, locks: self.locks.clone() }
    }
}

/// Counters, with the locks among them counted.
pub(crate) struct CountedLocks {
    inner: Arc<dyn AttemptCounters>,
    locks: IntCounter,
}

#[async_trait]
impl AttemptCounters for CountedLocks {
    async fn add(&self, key: &str, window: Duration) -> Result<Attempts, StoreError> {
        let attempts = self.inner.add(key, window).await?;
        // The first sets it; those that come too late only find it.
        if attempts.count == 1 && is_lock(key) {
            self.locks.inc();
        }
        Ok(attempts)
    }

    async fn count(&self, key: &str) -> Result<Attempts, StoreError> {
        self.inner.count(key).await
    }

    async fn clear(&self, key: &str) -> Result<(), StoreError> {
        self.inner.clear(key).await
    }
}

#[cfg(test)]
mod tests {
    use portcullis_memory::LocalAttemptCounters;

    use super::*;

    #[tokio::test]
    async fn a_lock_is_counted_once_and_nothing_else_is() {
        let mut book = Book::default();
        let metrics = LockoutMetrics::new(&mut book);
        assert!(book.text().ends_with("\nuser_account_lockouts_total 0\n"), "{}", book.text());
        let counters = metrics.counted(Arc::new(LocalAttemptCounters::new()));
        let keys = ["password:lock:1", "password:lock:1", "password:failures:1", "password:lock:2"];
        for key in keys {
            counters.add(key, Duration::from_secs(60)).await.expect("counts");
        }
        assert!(book.text().ends_with("\nuser_account_lockouts_total 2\n"), "{}", book.text());
    }
}
