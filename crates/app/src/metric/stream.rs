use portcullis_domain::stream::{RejectedSnapshot, SnapshotFault};
use prometheus::IntCounterVec;

use super::book::Book;

/// What was found amiss on streams.
pub(crate) struct StreamMetrics {
    rejected: IntCounterVec,
}

impl StreamMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        let rejected = book.counters(
            "stream_snapshots_rejected_total",
            &[("fault", "`does_not_open`, `not_in_log`, `false_state` or `unreadable`")],
            "Snapshots that were not believed when they were met: the state was read from an older one, or from the events. Somebody changed the database, or restored a part of it. Each is counted as often as it is met.",
        );
        for fault in SnapshotFault::ALL {
            rejected.with_label_values(&[fault.as_str()]);
        }
        Self { rejected }
    }

    /// Reports snapshots that were not believed.
    pub(crate) fn rejected(&self, rejected: &[RejectedSnapshot]) {
        for one in rejected {
            tracing::warn!(stream = %one.stream, version = one.version, "{one}");
            self.rejected.with_label_values(&[one.fault.as_str()]).inc();
        }
    }
}
