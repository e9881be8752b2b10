use std::sync::{Arc, OnceLock};

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
    core::{Collector, Desc},
    proto::MetricFamily,
};

/// A label, and in words which values it takes.
pub(super) type Label = (&'static str, &'static str);

/// Upper bounds of the histograms' buckets, in seconds: from a look into the cache to the longest that a request may take.
const BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Makes metrics, and keeps for the reference page what it made: what is not on the page is not there.
#[derive(Default)]
pub(super) struct Book {
    registry: Registry,
    entries: Vec<Entry>,
}

/// What is said of a metric.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) labels: &'static [Label],
    pub(super) about: &'static str,
}

/// A gauge that is read when it is asked for. It says nothing until it is told what to read.
#[derive(Clone)]
pub(crate) struct Sampled {
    gauge: IntGauge,
    sample: Arc<OnceLock<Sample>>,
}

type Sample = Box<dyn Fn() -> usize + Send + Sync>;

impl Book {
    pub(super) fn counters(
        &mut self,
        name: &'static str,
        labels: &'static [Label],
        about: &'static str,
    ) -> IntCounterVec {
        let counters = IntCounterVec::new(Opts::new(name, about), &names(labels));
        self.register("counter", name, labels, about, counters.expect("a metric's name is fit to be one"))
    }

    pub(super) fn gauges(
        &mut self,
        name: &'static str,
        labels: &'static [Label],
        about: &'static str,
    ) -> IntGaugeVec {
        let gauges = IntGaugeVec::new(Opts::new(name, about), &names(labels));
        self.register("gauge", name, labels, about, gauges.expect("a metric's name is fit to be one"))
    }

    pub(super) fn sampled(&mut self, name: &'static str, about: &'static str) -> Sampled {
        let gauge = IntGauge::new(name, about).expect("a metric's name is fit to be one");
        self.register("gauge", name, &[], about, Sampled { gauge, sample: Arc::default() })
    }

    /// A histogram of seconds.
    pub(super) fn durations(&mut self, name: &'static str, about: &'static str) -> Histogram {
        let options = HistogramOpts::new(name, about).buckets(BUCKETS.to_vec());
        let durations = Histogram::with_opts(options).expect("a metric's name is fit to be one");
        self.register("histogram", name, &[], about, durations)
    }

    /// Histograms of seconds, by label.
    pub(super) fn durations_by(
        &mut self,
        name: &'static str,
        labels: &'static [Label],
        about: &'static str,
    ) -> HistogramVec {
        let options = HistogramOpts::new(name, about).buckets(BUCKETS.to_vec());
        let durations = HistogramVec::new(options, &names(labels));
        self.register("histogram", name, labels, about, durations.expect("a metric's name is fit to be one"))
    }

    /// Everything that was made.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Everything that has a value, in Prometheus' text format.
    pub(super) fn text(&self) -> String {
        TextEncoder::new().encode_to_string(&self.registry.gather()).expect("a string takes any text")
    }

    fn register<C: Collector + Clone + 'static>(
        &mut self,
        kind: &'static str,
        name: &'static str,
        labels: &'static [Label],
        about: &'static str,
        metric: C,
    ) -> C {
        self.registry.register(Box::new(metric.clone())).expect("each metric is made once");
        self.entries.push(Entry { name, kind, labels, about });
        metric
    }
}

fn names(labels: &[Label]) -> Vec<&'static str> {
    labels.iter().map(|(name, _)| *name).collect()
}

impl Sampled {
    /// Tells it what to read, once.
    pub(crate) fn read_from(&self, sample: impl Fn() -> usize + Send + Sync + 'static) {
        // Who comes second reads the same: there is one stack to a process.
        let _ = self.sample.set(Box::new(sample));
    }
}

impl Collector for Sampled {
    fn desc(&self) -> Vec<&Desc> {
        self.gauge.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(sample) = self.sample.get() else { return Vec::new() };
        self.gauge.set(whole(sample()));
        self.gauge.collect()
    }
}

/// A count as a gauge takes it.
pub(super) fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_sampled_gauge_is_silent_at_first_and_then_says_what_is_now() {
        let mut book = Book::default();
        let length = book.sampled("queue_length", "How long the queue is.");
        assert_eq!(book.text(), "");
        let now = Arc::new(AtomicUsize::new(3));
        let read = Arc::clone(&now);
        length.read_from(move || read.load(Ordering::Relaxed));
        assert!(book.text().ends_with("\nqueue_length 3\n"), "{}", book.text());
        now.store(5, Ordering::Relaxed);
        assert!(book.text().ends_with("\nqueue_length 5\n"), "{}", book.text());
    }

    #[test]
    fn what_is_made_is_in_the_book() {
        let mut book = Book::default();
        book.counters("seen_total", &[("kind", "`a` or `b`")], "What was seen.")
            .with_label_values(&["a"])
            .inc();
        let [entry] = book.entries() else { panic!("one") };
        assert_eq!((entry.name, entry.kind, entry.about), ("seen_total", "counter", "What was seen."));
        assert_eq!(
            book.text(),
            "# HELP seen_total What was seen.\n# TYPE seen_total counter\nseen_total{kind=\"a\"} 1\n"
        );
    }
}
