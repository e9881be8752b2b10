use std::convert::Infallible;

use portcullis_domain::port::{Clock, Sessions, StoreError, Users};
use prometheus::IntGaugeVec;
use tokio::time::{self, Duration, Instant};

use super::book::Book;

/// How often the store is asked, at most.
const PERIOD: Duration = Duration::from_secs(5);
/// Counting reads an index from end to end. It may take the store one part in so many of its time: where there are millions, it is done
/// less often.
const SHARE: u32 = 20;

/// How many people there are, and how many of them are signed in.
pub(crate) struct PopulationMetrics {
    users: IntGaugeVec,
    active_users: IntGaugeVec,
    active_sessions: IntGaugeVec,
}

impl PopulationMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        let mut gauge = |name, about| book.gauges(name, &[], about);
        Self {
            users: gauge(
                "users_total",
                "Accounts that there are. Every replica says the same: it is the store's, asked every five seconds, or as often as counting takes a twentieth of the time.",
            ),
            active_users: gauge(
                "active_users_total",
                "Those among them that are not deactivated. Counted with them.",
            ),
            active_sessions: gauge("user_active_sessions", "Sessions that live. Counted with them."),
        }
    }

    async fn measure(
        &self,
        users: &dyn Users,
        sessions: &dyn Sessions,
        clock: &dyn Clock,
    ) -> Result<(), StoreError> {
        let count = users.count().await?;
        let live = sessions.count_live(clock.now()).await?;
        for (gauge, count) in
            [(&self.users, count.all), (&self.active_users, count.active), (&self.active_sessions, live)]
        {
            gauge.with_label_values::<&str>(&[]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
        Ok(())
    }
}

/// Has the store count again and again, so that no scrape does. While the store is away the numbers stay as they were.
pub(crate) async fn watch_population(
    metrics: &PopulationMetrics,
    users: &dyn Users,
    sessions: &dyn Sessions,
    clock: &dyn Clock,
) -> Infallible {
    loop {
        let started = Instant::now();
        if let Err(error) = metrics.measure(users, sessions, clock).await {
            tracing::debug!("how many users there are is not known: {error}");
        }
        time::sleep(pause(started.elapsed())).await;
    }
}

/// How long the store is left alone after it has counted for so long.
fn pause(counting: Duration) -> Duration {
    PERIOD.max(counting * SHARE)
}

#[cfg(test)]
mod tests {
    use portcullis_memory::{Memory, SystemClock};

    use super::*;

    #[tokio::test]
    async fn nothing_is_said_before_the_store_has_counted() {
        let mut book = Book::default();
        let metrics = PopulationMetrics::new(&mut book);
        assert_eq!(book.text(), "");
        let memory = Memory::new();
        metrics.measure(&memory, &memory, &SystemClock).await.expect("counts");
        for name in ["users_total", "active_users_total", "user_active_sessions"] {
            assert!(book.text().contains(&format!("\n{name} 0\n")), "{}", book.text());
        }
    }

    #[test]
    fn counting_takes_a_twentieth_of_the_time_at_most() {
        assert_eq!(pause(Duration::from_millis(3)), Duration::from_secs(5));
        assert_eq!(pause(Duration::from_millis(250)), Duration::from_secs(5));
        assert_eq!(pause(Duration::from_millis(700)), Duration::from_secs(14));
    }
}
