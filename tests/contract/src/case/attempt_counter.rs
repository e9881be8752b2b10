use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use portcullis_domain::port::{AttemptCounters, Attempts};

use crate::{AttemptCountersHarness, race::race, sample, span::Span};

const KEY: &str = "password:jane@example.com|203.0.113.7";
/// A window that outlasts any case.
const LONG: Duration = Duration::from_secs(600);
const RACERS: usize = 64;

/// Counters under test, with fewer words.
#[derive(Clone)]
struct Counters(Arc<dyn AttemptCounters>);

impl Counters {
    async fn of<H: AttemptCountersHarness>() -> (H, [Self; 2]) {
        let harness = H::start().await;
        let instances = harness.instances().map(Self);
        (harness, instances)
    }

    async fn add(&self, key: &str, window: Duration) -> u64 {
        self.add_whole(key, window).await.count
    }

    async fn count(&self, key: &str) -> u64 {
        self.count_whole(key).await.count
    }

    async fn add_whole(&self, key: &str, window: Duration) -> Attempts {
        self.0.add(key, window).await.expect("counts")
    }

    async fn count_whole(&self, key: &str) -> Attempts {
        self.0.count(key).await.expect("reads")
    }

    async fn clear(&self, key: &str) {
        self.0.clear(key).await.expect("writes");
    }
}

/// And reading counts nothing.
pub async fn failures_are_counted_one_by_one<H: AttemptCountersHarness>() {
    let (_harness, [counters, _]) = Counters::of::<H>().await;
    assert_eq!(counters.count(KEY).await, 0);
    for number in 1..=100 {
        assert_eq!(counters.add(KEY, LONG).await, number);
        assert_eq!(counters.count(KEY).await, number);
    }
}

/// So that of many guesses made at once none goes uncounted.
pub async fn of_racing_failures_each_gets_a_count_of_its_own<H: AttemptCountersHarness>() {
    let (_harness, [counters, _]) = Counters::of::<H>().await;
    check_race(&[counters]).await;
}

async fn check_race(instances: &[Counters]) {
    for round in 0..5 {
        let key = format!("{KEY}|{round}");
        let mut counts = race(RACERS, |number| {
            let (counters, key) = (instances[number % instances.len()].clone(), key.clone());
            async move { counters.add(&key, LONG).await }
        })
        .await;
        counts.sort_unstable();
        let expected: Vec<_> = (1..=u64::try_from(RACERS).expect("few")).collect();
        assert_eq!(counts, expected, "in round {round}");
    }
}

/// Whoever fails all the time is not locked out for ever.
pub async fn a_count_ends_a_window_after_its_first_failure<H: AttemptCountersHarness>() {
    let (harness, [counters, _]) = Counters::of::<H>().await;
    let window = harness.unit() * 2;
    let (span, first) = Span::begun_by(window, counters.add(KEY, window)).await;
    assert_eq!(first, 1);
    span.watch(|| counters.count(KEY), |count| *count == 1, |count| *count == 0).await;
    assert_eq!(counters.add(KEY, window).await, 1, "a count that ended begins anew");
}

/// Not even when they say longer windows.
pub async fn failures_that_follow_do_not_make_the_window_longer<H: AttemptCountersHarness>() {
    let (harness, [counters, _]) = Counters::of::<H>().await;
    let window = harness.unit() * 2;
    let (span, first) = Span::begun_by(window, counters.add(KEY, window)).await;
    let (mut expected, mut is_first) = (first + 1, true);
    while !span.is_surely_over() {
        let count = counters.add(KEY, if is_first { window } else { LONG }).await;
        if !span.surely_runs() {
            break;
        }
        assert_eq!(count, expected);
        (expected, is_first) = (count + 1, false);
        tokio::time::sleep(window / 20).await;
    }
    span.wait().await;
    // Whether the last of them still counted into the window, or began another, no clock here can say.
    assert!(
        counters.count(KEY).await <= 1,
        "of {expected} failures only one that came after the window can count"
    );
}

/// To whoever counts and to whoever reads, and it goes by.
pub async fn a_count_says_when_its_window_ends<H: AttemptCountersHarness>() {
    let (harness, [counters, _]) = Counters::of::<H>().await;
    assert_eq!(counters.count_whole(KEY).await, Attempts::default());
    let begun = Instant::now();
    for count in 1..=3 {
        // Later ones say longer windows, which changes nothing.
        let window = LONG * u32::try_from(count).expect("few");
        for said in [counters.add_whole(KEY, window).await, counters.count_whole(KEY).await] {
            assert_eq!(said.count, count);
            check_wait(said.ends_in, begun);
        }
        tokio::time::sleep(harness.unit()).await;
    }
    counters.clear(KEY).await;
    assert_eq!(counters.count_whole(KEY).await, Attempts::default());
}

/// A wait that was [`LONG`] when the case began, give or take what engines round.
fn check_wait(said: Duration, begun: Instant) {
    let rounding = Duration::from_millis(50);
    assert!(said <= LONG + rounding, "{said:?}");
    let since = begun.elapsed();
    assert!(said + since + rounding >= LONG, "{said:?} after {since:?}");
}

/// Whoever was told a wait and waited is let in.
pub async fn a_count_has_ended_after_the_wait_it_was_told<H: AttemptCountersHarness>() {
    let (harness, [counters, _]) = Counters::of::<H>().await;
    for part in [1, 2, 3] {
        let key = format!("{KEY}|{part}");
        let window = harness.unit() + Duration::from_micros(1);
        let first = counters.add_whole(&key, window).await;
        assert!(!first.ends_in.is_zero(), "{first:?}");
        tokio::time::sleep(harness.unit() * part / 4).await;
        let later = counters.count_whole(&key).await;
        tokio::time::sleep(later.ends_in).await;
        assert_eq!(counters.count_whole(&key).await, Attempts::default(), "after {:?}", later.ends_in);
    }
}

/// After a success, say.
pub async fn a_cleared_counter_starts_anew<H: AttemptCountersHarness>() {
    let (_harness, [counters, _]) = Counters::of::<H>().await;
    counters.clear(KEY).await;
    for _ in 0..3 {
        for number in 1..=3 {
            assert_eq!(counters.add(KEY, LONG).await, number);
        }
        counters.clear(KEY).await;
        assert_eq!(counters.count(KEY).await, 0);
    }
}

/// The window too.
pub async fn a_cleared_counter_gets_a_window_of_its_own<H: AttemptCountersHarness>() {
    let (harness, [counters, _]) = Counters::of::<H>().await;
    let window = harness.unit();
    let (span, _) = Span::begun_by(window, counters.add(KEY, window)).await;
    counters.clear(KEY).await;
    counters.add(KEY, LONG).await;
    span.wait().await;
    assert_eq!(counters.count(KEY).await, 1, "it ended with the window of the counter before it");
}

/// However they are spelt.
pub async fn counters_do_not_influence_each_other<H: AttemptCountersHarness>() {
    let (_harness, [counters, _]) = Counters::of::<H>().await;
    let keys = sample::hostile_keys();
    for (expected, key) in (1..).zip(&keys) {
        for number in 1..=expected {
            assert_eq!(counters.add(key, LONG).await, number, "{key:.40?}");
        }
    }
    for (expected, key) in (1..).zip(&keys) {
        assert_eq!(counters.count(key).await, expected, "{key:.40?}");
    }
    counters.clear(&keys[0]).await;
    for (expected, key) in (1..).zip(&keys).skip(1) {
        assert_eq!(counters.count(key).await, expected, "{key:.40?}");
    }
}

/// Replicas share the guesses that an attacker spreads over them.
pub async fn instances_count_together<H: AttemptCountersHarness>() {
    let (_harness, instances) = Counters::of::<H>().await;
    check_race(&instances).await;
    for round in 0..10 {
        assert_eq!(instances[0].add(KEY, LONG).await, 1, "in round {round}");
        assert_eq!(instances[1].add(KEY, LONG).await, 2);
        for counters in &instances {
            assert_eq!(counters.count(KEY).await, 2);
        }
        instances[round % 2].clear(KEY).await;
        for counters in &instances {
            assert_eq!(counters.count(KEY).await, 0);
        }
    }
}
