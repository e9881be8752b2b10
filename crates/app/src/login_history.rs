//! Failed sign-ins, collected and written beside the requests: an answer takes no longer for an account that there is.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    id::{LoginAttemptId, UserId},
    port::{LoginHistory, StoreError},
    session::LoginAttempt,
};
use tokio::sync::{mpsc, oneshot};

use crate::causes::chain;

/// How many may wait to be written; more come only while the store is away.
const CAPACITY: usize = 10_000;
/// How many are written at a time.
const BATCH: usize = 500;
/// How often a batch is tried, and how long apart.
const TRIES: u32 = 3;
const RETRY: Duration = Duration::from_secs(1);

/// A login history whose failed attempts are written at once, in batches, and not waited for: whoever reads the history, or stops the
/// service, waits for them. A kill loses those of the last moment, commonly some milliseconds; an outage of the store beyond a few
/// seconds those that it would not take. Successful attempts are in the sign-in's own commit and go neither way.
pub(crate) struct CollectedHistory {
    store: Arc<dyn LoginHistory>,
    queue: mpsc::Sender<Order>,
}

enum Order {
    Write(LoginAttempt),
    /// Answer when everything before this is written.
    Flush(oneshot::Sender<()>),
}

impl CollectedHistory {
    /// The history, with a task that writes it and ends when the history is dropped.
    pub(crate) fn start(store: Arc<dyn LoginHistory>) -> Arc<Self> {
        Self::start_with(store, RETRY)
    }

    fn start_with(store: Arc<dyn LoginHistory>, retry: Duration) -> Arc<Self> {
        let (queue, orders) = mpsc::channel(CAPACITY);
        tokio::spawn(write_all(Arc::clone(&store), orders, retry));
        Arc::new(Self { store, queue })
    }

    /// Waits until everything collected so far is written, or given up.
    pub(crate) async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        // Without a writer there is nothing to wait for.
        if self.queue.send(Order::Flush(done)).await.is_ok() {
            let _ = wait.await;
        }
    }
}

#[async_trait]
impl LoginHistory for CollectedHistory {
    async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        for attempt in attempts {
            if self.queue.try_send(Order::Write(attempt)).is_err() {
                tracing::warn!("a failed sign-in is in no login history: more wait to be written than may");
            }
        }
        Ok(())
    }

    async fn list_by_user(
        &self,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        self.flush().await;
        self.store.list_by_user(user, after, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.store.prune(before).await
    }
}

async fn write_all(store: Arc<dyn LoginHistory>, mut orders: mpsc::Receiver<Order>, retry: Duration) {
    let mut taken = Vec::with_capacity(BATCH);
    while orders.recv_many(&mut taken, BATCH).await > 0 {
        let (mut attempts, mut waiting) = (Vec::new(), Vec::new());
        for order in taken.drain(..) {
            match order {
                Order::Write(attempt) => attempts.push(attempt),
                Order::Flush(done) => waiting.push(done),
            }
        }
        if !attempts.is_empty() {
            write(store.as_ref(), attempts, retry).await;
        }
        for done in waiting {
            // Whoever asked may have gone.
            let _ = done.send(());
        }
    }
}

async fn write(store: &dyn LoginHistory, attempts: Vec<LoginAttempt>, retry: Duration) {
    let count = attempts.len();
    for number in 1..=TRIES {
        match store.record(attempts.clone()).await {
            Ok(()) => return,
            Err(error) if number == TRIES => {
                tracing::error!(count, "failed sign-ins are in no login history: {}", chain(&error));
            }
            Err(_) => tokio::time::sleep(retry).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicU32, Ordering},
    };

    use portcullis_domain::{caller::Origin, session::LoginFailure};
    use uuid::Uuid;

    use super::*;

    /// A store that fails so often before it writes.
    #[derive(Default)]
    struct Failing {
        failures: AtomicU32,
        batches: Mutex<Vec<usize>>,
    }

    #[async_trait]
    impl LoginHistory for Failing {
        async fn record(&self, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
            let left = self.failures.load(Ordering::Relaxed);
            if left > 0 {
                self.failures.store(left - 1, Ordering::Relaxed);
                return Err(StoreError::unavailable("it is away"));
            }
            self.batches.lock().expect("whole").push(attempts.len());
            Ok(())
        }

        async fn list_by_user(
            &self,
            _: UserId,
            _: Option<LoginAttemptId>,
            _: usize,
        ) -> Result<Vec<LoginAttempt>, StoreError> {
            let written: usize = self.batches.lock().expect("whole").iter().sum();
            Ok(vec![attempt(); written])
        }

        async fn prune(&self, _: DateTime<Utc>) -> Result<u64, StoreError> {
            Ok(0)
        }
    }

    fn attempt() -> LoginAttempt {
        LoginAttempt {
            id: Uuid::from_u128(1).into(),
            user: Uuid::from_u128(2).into(),
            at: DateTime::UNIX_EPOCH,
            origin: Origin::default(),
            failure: Some(LoginFailure::InvalidPassword),
        }
    }

    async fn listed(history: &CollectedHistory) -> usize {
        history.list_by_user(attempt().user, None, 10).await.expect("reads").len()
    }

    #[tokio::test]
    async fn what_was_recorded_is_listed_and_was_written_in_batches() {
        let store = Arc::new(Failing::default());
        let history = CollectedHistory::start_with(store.clone(), Duration::ZERO);
        for _ in 0..100 {
            history.record(vec![attempt()]).await.expect("never fails");
        }
        assert_eq!(listed(&history).await, 100);
        assert!(store.batches.lock().expect("whole").len() < 100, "one by one");
    }

    #[tokio::test]
    async fn a_store_that_is_away_for_a_moment_gets_all_of_them() {
        let store = Arc::new(Failing { failures: AtomicU32::new(TRIES - 1), ..Failing::default() });
        let history = CollectedHistory::start_with(store, Duration::ZERO);
        history.record(vec![attempt(), attempt()]).await.expect("never fails");
        assert_eq!(listed(&history).await, 2);
    }

    #[tokio::test]
    async fn a_store_that_stays_away_loses_what_it_would_not_take_and_nothing_after() {
        let store = Arc::new(Failing { failures: AtomicU32::new(TRIES), ..Failing::default() });
        let history = CollectedHistory::start_with(store, Duration::ZERO);
        history.record(vec![attempt()]).await.expect("never fails");
        assert_eq!(listed(&history).await, 0);
        history.record(vec![attempt()]).await.expect("never fails");
        assert_eq!(listed(&history).await, 1);
    }

    #[tokio::test]
    async fn more_than_fit_are_dropped_and_nobody_waits() {
        let store = Arc::new(Failing::default());
        let (queue, orders) = mpsc::channel(2);
        let history = CollectedHistory { store: store.clone(), queue };
        history.record(vec![attempt(); 5]).await.expect("never fails");
        drop(history);
        write_all(store.clone(), orders, Duration::ZERO).await;
        assert_eq!(*store.batches.lock().expect("whole"), [2]);
    }
}
