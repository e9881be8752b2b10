use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    port::{HashError, PasswordHasher, UnreadableHash, Verdict},
    value::{Password, PasswordHash},
};
use prometheus::Histogram;
use tokio::time::Instant;

use super::book::{Book, Sampled};

/// How long password hashing takes, and how many wait for it.
pub(crate) struct HashingMetrics {
    pub(crate) queue_length: Sampled,
    durations: Histogram,
}

impl HashingMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            queue_length: book.sampled("password_hash_queue_length", "Passwords that wait for a thread."),
            durations: book.durations(
                "password_hash_duration_seconds",
                "How long it took to hash or check a password, with the wait for a thread. What the queue had no place for is not in it.",
            ),
        }
    }

    /// The hasher, its work timed.
    pub(crate) fn timed(&self, inner: Arc<dyn PasswordHasher>) -> TimedHasher {
        TimedHasher { inner, durations: self.durations.clone() }
    }
}

/// A hasher whose work is timed.
pub(crate) struct TimedHasher {
    inner: Arc<dyn PasswordHasher>,
    durations: Histogram,
}

impl TimedHasher {
    fn note<T>(&self, started: Instant, outcome: Result<T, HashError>) -> Result<T, HashError> {
        if !matches!(outcome, Err(HashError::Busy { .. })) {
            self.durations.observe(started.elapsed().as_secs_f64());
        }
        outcome
    }
}

#[async_trait]
impl PasswordHasher for TimedHasher {
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let started = Instant::now();
        self.note(started, self.inner.hash(password).await)
    }

    async fn verify<'a>(
        &'a self,
        password: &'a Password,
        hash: Option<&'a PasswordHash>,
    ) -> Result<Verdict, HashError> {
        let started = Instant::now();
        self.note(started, self.inner.verify(password, hash).await)
    }

    fn reads(&self, hash: &PasswordHash) -> Result<(), UnreadableHash> {
        self.inner.reads(hash)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Takes a moment over everything, or has no place for it.
    struct Slow {
        is_full: bool,
    }

    #[async_trait]
    impl PasswordHasher for Slow {
        async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
            Err(HashError::Busy { retry_after: Duration::from_secs(1) })
        }

        async fn verify<'a>(
            &'a self,
            _: &'a Password,
            _: Option<&'a PasswordHash>,
        ) -> Result<Verdict, HashError> {
            if self.is_full {
                return Err(HashError::Busy { retry_after: Duration::from_secs(1) });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Verdict::Match)
        }

        fn reads(&self, _: &PasswordHash) -> Result<(), UnreadableHash> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_hashed_is_timed_and_what_is_turned_away_is_not() {
        let mut book = Book::default();
        let metrics = HashingMetrics::new(&mut book);
        let password = Password::new("Tr4vel-light");
        for is_full in [false, true] {
            let _ = metrics.timed(Arc::new(Slow { is_full })).verify(&password, None).await;
        }
        assert_eq!(metrics.durations.get_sample_count(), 1);
        let seconds = metrics.durations.get_sample_sum();
        assert!(seconds >= 0.02, "{seconds}");
    }
}
