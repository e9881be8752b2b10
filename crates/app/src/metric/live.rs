use std::time::Duration;

use prometheus::{Histogram, IntCounterVec};

use super::book::{Book, Sampled};

/// Live feeds.
#[derive(Clone)]
pub(crate) struct LiveMetrics {
    /// How many are open.
    pub(crate) open: Sampled,
    ended: IntCounterVec,
    delivery: Histogram,
}

/// How a feed ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedEnd {
    /// Its reader went.
    Left,
    /// Its reader was too slow.
    Slow,
    /// Its reader may not read any more: signed out, deactivated, out of reach.
    Refused,
    /// The service stops.
    Stopped,
}

impl LiveMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            open: book.sampled("live_feeds_open", "Live feeds that are open on this replica."),
            ended: book.counters(
                "live_feeds_ended_total",
                &[("reason", "`left` by its reader, `slow` a reader, `refused` since its session or its sight of the stream ended, `stopped` with the service")],
                "Live feeds that ended.",
            ),
            delivery: book.durations(
                "live_delivery_seconds",
                "From the time of an event until it is handed to the open feeds of its stream.",
            ),
        }
    }

    pub(crate) fn ended(&self, end: FeedEnd) {
        let reason = match end {
            FeedEnd::Left => "left",
            FeedEnd::Slow => "slow",
            FeedEnd::Refused => "refused",
            FeedEnd::Stopped => "stopped",
        };
        self.ended.with_label_values(&[reason]).inc();
    }

    pub(crate) fn handed_over(&self, after: Duration) {
        self.delivery.observe(after.as_secs_f64());
    }
}
