use prometheus::IntCounterVec;

use super::book::{Book, Label};

const CACHE_TYPE: Label =
    ("cache_type", "`l1` (this process's own) or `redis` (asked when the first did not know)");

/// How often caches knew what they were asked for.
#[derive(Clone)]
pub(crate) struct CacheMetrics {
    hits: IntCounterVec,
    misses: IntCounterVec,
}

/// Which cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CacheLevel {
    First,
    Redis,
}

impl CacheMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            hits: book.counters("cache_hits_total", &[CACHE_TYPE], "Sessions that a cache knew."),
            misses: book.counters(
                "cache_misses_total",
                &[CACHE_TYPE],
                "Sessions that a cache did not know, or did not answer for because it is away.",
            ),
        }
    }

    /// Notes whether a cache knew what it was asked for.
    pub(crate) fn looked(&self, level: CacheLevel, is_hit: bool) {
        let counts = if is_hit { &self.hits } else { &self.misses };
        counts.with_label_values(&[level.label()]).inc();
    }
}

impl CacheLevel {
    const fn label(self) -> &'static str {
        match self {
            Self::First => "l1",
            Self::Redis => "redis",
        }
    }
}
