//! Answers that take the same time whatever was found.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep_until};

/// Longer than finding nobody takes, and finding somebody and committing what follows.
const STEP: Duration = Duration::from_millis(300);

/// Does something, and ends a whole number of steps after its start: what takes a few milliseconds more for an address with an account than
/// for one without ends with the same step.
pub(super) async fn steadily<T>(work: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let done = work.await;
    let steps = started.elapsed().as_nanos() / STEP.as_nanos() + 1;
    sleep_until(started + STEP * u32::try_from(steps).unwrap_or(u32::MAX)).await;
    done
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn quick_work_and_no_work_end_with_the_same_step() {
        for work in [0, 120] {
            let started = Instant::now();
            steadily(sleep(Duration::from_millis(work))).await;
            let taken = started.elapsed();
            assert!(taken >= STEP && taken < STEP * 2, "{taken:?}");
        }
    }

    #[tokio::test]
    async fn work_that_takes_longer_ends_with_a_later_step() {
        let started = Instant::now();
        assert_eq!(
            steadily(async {
                sleep(STEP + Duration::from_millis(20)).await;
                7
            })
            .await,
            7
        );
        assert!(started.elapsed() >= STEP * 2);
    }
}
