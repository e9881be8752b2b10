use portcullis_domain::port::{FeedCursor, Subscriptions};

use crate::{StoreHarness, race::race, sample};

const RACERS: usize = 16;

const fn at(transaction: u64, position: u64) -> FeedCursor {
    FeedCursor { transaction, position }
}

async fn cursor(subscriptions: &dyn Subscriptions, name: &str) -> FeedCursor {
    subscriptions.cursor(name).await.expect("reads")
}

/// Asking does not move it.
pub async fn a_subscription_never_advanced_stands_at_the_start<H: StoreHarness>() {
    let harness = H::start().await;
    let subscriptions = harness.ports().subscriptions;
    for _ in 0..2 {
        assert_eq!(cursor(subscriptions.as_ref(), "mail").await, FeedCursor::START);
    }
}

/// Each name for itself, in any script.
pub async fn each_subscription_has_a_cursor_of_its_own<H: StoreHarness>() {
    let harness = H::start().await;
    let subscriptions = harness.ports().subscriptions;
    let names = ["mail", "Mail", "mail ", "메일", "", "ma%l", "'; --"];
    for (number, name) in (1..).zip(names) {
        subscriptions.advance(name, at(number, 10 * number)).await.expect("writes");
    }
    for (number, name) in (1..).zip(names) {
        assert_eq!(cursor(subscriptions.as_ref(), name).await, at(number, 10 * number), "{name:?}");
    }
    assert_eq!(cursor(subscriptions.as_ref(), "other").await, FeedCursor::START);
}

/// A replica that was slow to report does not make the others handle everything again.
pub async fn a_cursor_never_moves_backwards<H: StoreHarness>() {
    let harness = H::start().await;
    let subscriptions = harness.ports().subscriptions;
    let steps = [
        (at(0, 5), at(0, 5)),
        (at(0, 3), at(0, 5)),
        (at(0, 5), at(0, 5)),
        (at(2, 1), at(2, 1)),
        (at(1, 9), at(2, 1)),
        (at(2, 0), at(2, 1)),
        (FeedCursor::START, at(2, 1)),
        (at(1 << 62, 1 << 62), at(1 << 62, 1 << 62)),
    ];
    for (to, expected) in steps {
        subscriptions.advance("mail", to).await.expect("writes");
        assert_eq!(cursor(subscriptions.as_ref(), "mail").await, expected, "after {to:?}");
    }
}

/// Whoever reports last.
pub async fn of_racing_advances_the_furthest_counts<H: StoreHarness>() {
    let harness = H::start().await;
    let subscriptions = harness.ports().subscriptions;
    for round in 0..8 {
        race(RACERS, |number| {
            let (subscriptions, base) = (subscriptions.clone(), round * 100);
            let position = base + 1 + u64::try_from(number).expect("few");
            async move { subscriptions.advance("mail", at(0, position)).await.expect("writes") }
        })
        .await;
        let furthest = at(0, round * 100 + RACERS as u64);
        assert_eq!(cursor(subscriptions.as_ref(), "mail").await, furthest);
    }
}

/// What was handled is not handled again.
pub async fn an_advanced_cursor_outlives_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let position = 1_000 + sample::number();
    harness.ports().subscriptions.advance("mail", at(3, position)).await.expect("writes");
    let harness = harness.restart().await;
    assert_eq!(cursor(harness.ports().subscriptions.as_ref(), "mail").await, at(3, position));
}
