use std::time::{Duration, Instant};

/// What separates surely from perhaps: clocks run unevenly, and engines count in milliseconds.
const SLACK: u32 = 10;

/// A time that an engine began to count somewhere within a call. Both its ends are known only by their bounds, so a case asks
/// whether it surely runs or is surely over, and holds on a machine of any speed.
pub(crate) struct Span {
    length: Duration,
    earliest: Instant,
    latest: Instant,
}

impl Span {
    /// Makes the call that begins it.
    pub(crate) async fn begun_by<T>(length: Duration, call: impl Future<Output = T>) -> (Self, T) {
        let earliest = Instant::now();
        let outcome = call.await;
        (Self { length, earliest, latest: Instant::now() }, outcome)
    }

    /// Asked after a call: it was made within the span.
    pub(crate) fn surely_runs(&self) -> bool {
        self.earliest.elapsed() + self.length / SLACK < self.length
    }

    /// Asked before a call: it will be made after the span.
    pub(crate) fn is_surely_over(&self) -> bool {
        self.latest.elapsed() > self.length + self.length / SLACK
    }

    /// Waits until it is surely over.
    pub(crate) async fn wait(&self) {
        while !self.is_surely_over() {
            tokio::time::sleep(self.length / SLACK).await;
        }
    }

    /// Asks again and again until it is surely over and `is_over` of the last answer; `is_running` of each answer within it.
    pub(crate) async fn watch<T: std::fmt::Debug, F: Future<Output = T>>(
        &self,
        ask: impl Fn() -> F,
        is_running: impl Fn(&T) -> bool,
        is_over: impl Fn(&T) -> bool,
    ) {
        loop {
            let is_last = self.is_surely_over();
            let answer = ask().await;
            if self.surely_runs() {
                assert!(
                    is_running(&answer),
                    "{answer:?} after {:?} of {:?}",
                    self.earliest.elapsed(),
                    self.length
                );
            }
            if is_last {
                assert!(
                    is_over(&answer),
                    "{answer:?} after {:?} of {:?}",
                    self.latest.elapsed(),
                    self.length
                );
                return;
            }
            tokio::time::sleep(self.length / SLACK).await;
        }
    }
}
