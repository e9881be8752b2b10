use std::convert::Infallible;

use futures::future::join_all;
use prometheus::IntGaugeVec;
use tokio::time::{self, Duration};

use super::book::Book;
use crate::dependency::{Dependency, answers};

/// How often each is asked: an outage shows within this and the patience of one question.
const PERIOD: Duration = Duration::from_secs(2);

/// How the servers are that the service uses.
pub(crate) struct DependencyMetrics {
    states: IntGaugeVec,
}

impl DependencyMetrics {
    pub(super) fn new(book: &mut Book) -> Self {
        Self {
            states: book.gauges(
                "circuit_breaker_state",
                &[("dependency", "`store`, `cache`, `broker` or `mail`, as readiness names them")],
                "0 while the dependency answers (closed), 1 while it does not (open). Asked every two seconds, not by a scrape.",
            ),
        }
    }

    /// Asks all of them at once.
    async fn ask(&self, dependencies: &[Box<dyn Dependency>]) {
        let asked = dependencies.iter().map(|dependency| async {
            let state = i64::from(!answers(dependency.as_ref()).await);
            self.states.with_label_values(&[dependency.name()]).set(state);
        });
        join_all(asked).await;
    }
}

/// Asks all dependencies again and again, so that a scrape need not wait for a server that is away.
pub(crate) async fn watch_dependencies(
    metrics: &DependencyMetrics,
    dependencies: &[Box<dyn Dependency>],
) -> Infallible {
    loop {
        metrics.ask(dependencies).await;
        time::sleep(PERIOD).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use async_trait::async_trait;

    use super::*;

    /// Is up or not, as told.
    struct Switched(Arc<AtomicBool>);

    #[async_trait]
    impl Dependency for Switched {
        fn name(&self) -> &'static str {
            "cache"
        }

        fn is_needed(&self) -> bool {
            false
        }

        async fn is_up(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_dependency_is_open_while_it_does_not_answer_and_closed_again_after() {
        let mut book = Book::default();
        let metrics = DependencyMetrics::new(&mut book);
        let is_up = Arc::new(AtomicBool::new(true));
        let dependencies: [Box<dyn Dependency>; 1] = [Box::new(Switched(Arc::clone(&is_up)))];
        for (is, state) in [(true, 0), (false, 1), (true, 0)] {
            is_up.store(is, Ordering::Relaxed);
            metrics.ask(&dependencies).await;
            let line = format!("\ncircuit_breaker_state{{dependency=\"cache\"}} {state}\n");
            assert!(book.text().ends_with(&line), "{}", book.text());
        }
    }
}
