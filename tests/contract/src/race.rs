use std::sync::Arc;

use tokio::sync::Barrier;

/// Starts `count` futures at one moment, each with its number, and returns what came of them in the order of the numbers.
pub(crate) async fn race<T, F>(count: usize, start: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let barrier = Arc::new(Barrier::new(count));
    let racers: Vec<_> = (0..count)
        .map(|number| {
            let (racer, barrier) = (start(number), barrier.clone());
            tokio::spawn(async move {
                barrier.wait().await;
                racer.await
            })
        })
        .collect();
    let mut outcomes = Vec::with_capacity(count);
    for racer in racers {
        outcomes.push(racer.await.expect("no racer panics"));
    }
    outcomes
}
