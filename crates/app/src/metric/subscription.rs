use std::convert::Infallible;

use portcullis_domain::port::{EventStore, FeedCursor, StoreError, Subscriptions};
use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};
use tokio::time::{self, Duration};

use super::book::{Book, Label, whole};

/// How often the store is asked where subscriptions stand.
const PERIOD: Duration = Duration::from_secs(5);
/// How far a lag is counted: beyond that it is a matter of hours, and counting costs the store.
const LONGEST_LAG: usize = 10_000;
/// How many events are read at once.
const PAGE: usize = 1_000;

const NAME: Label = ("name", "the subscription: `mailer`, `broker`, `notary` or `snapshots`");

/// What happens after commits.
pub(crate) struct SubscriptionMetrics {
    delivered: IntCounterVec,
    lag: IntGaugeVec,
    dead_letters: IntGaugeVec,
}

impl SubscriptionMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            delivered: book.counters(
                "subscription_delivered_total",
                &[NAME],
                "Events that this replica handled and moved the cursor beyond; those put aside are not among them.",
            ),
            lag: book.gauges(
                "subscription_lag_events",
                &[NAME],
                "Events beyond the subscription's cursor, counted to 10,000. Every replica says the same: it is the store's, asked every five seconds.",
            ),
            dead_letters: book.gauges(
                "subscription_dead_letters",
                &[NAME],
                "Events put aside after too many tries and not replayed since. Every replica says the same.",
            ),
        }
    }

    /// Counts what a subscription of this name has handled.
    pub(crate) fn delivered(&self, name: &str) -> Delivered {
        Delivered(self.delivered.with_label_values(&[name]))
    }

    async fn measure(
        &self,
        names: &[&str],
        subscriptions: &dyn Subscriptions,
        events: &dyn EventStore,
    ) -> Result<(), StoreError> {
        for state in subscriptions.list().await? {
            let name = state.name.as_str();
            // One that ran with other settings is not this service's, and nobody moves it.
            if names.contains(&name) {
                let lag = count_events_beyond(events, state.cursor, LONGEST_LAG).await?;
                self.lag.with_label_values(&[name]).set(whole(lag));
                let dead_letters = i64::try_from(state.dead_letters).unwrap_or(i64::MAX);
                self.dead_letters.with_label_values(&[name]).set(dead_letters);
            }
        }
        Ok(())
    }
}

/// Counts events that were handled.
pub(crate) struct Delivered(IntCounter);

impl Delivered {
    pub(crate) fn count(&self, events: usize) {
        self.0.inc_by(u64::try_from(events).unwrap_or(u64::MAX));
    }
}

/// Asks the store again and again where subscriptions of these names stand. While the store is away they stand where they stood.
pub(crate) async fn watch_subscriptions(
    metrics: &SubscriptionMetrics,
    names: &[&str],
    subscriptions: &dyn Subscriptions,
    events: &dyn EventStore,
) -> Infallible {
    loop {
        if let Err(error) = metrics.measure(names, subscriptions, events).await {
            tracing::debug!("where subscriptions stand is not known: {error}");
        }
        time::sleep(PERIOD).await;
    }
}

/// How many events lie beyond a cursor, counted so far at most.
pub async fn count_events_beyond(
    events: &dyn EventStore,
    mut cursor: FeedCursor,
    at_most: usize,
) -> Result<usize, StoreError> {
    let mut count = 0;
    while count < at_most {
        let page = events.read_feed(cursor, PAGE.min(at_most - count)).await?;
        let Some(last) = page.last() else { break };
        cursor = last.cursor;
        count += page.len();
    }
    Ok(count)
}
