use std::{sync::Arc, time::Duration};

use portcullis_domain::{
    event::EventType,
    id::EventId,
    port::{DeadLetter, FeedCursor, SubscriptionState, Subscriptions},
};
use uuid::Uuid;

use crate::{StoreHarness, race::race};

const RACERS: usize = 16;
/// A lease that outlasts any case.
const LONG: Duration = Duration::from_secs(600);
/// A lease that is over soon, and not before the next call even on a busy machine.
const SHORT: Duration = Duration::from_secs(1);

const fn at(transaction: u64, position: u64) -> FeedCursor {
    FeedCursor { transaction, position }
}

fn holder(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn letter(number: u64) -> DeadLetter {
    DeadLetter {
        event: EventId::new(Uuid::from_u128(u128::from(number))),
        cursor: at(0, number),
        event_type: EventType::new("user.created"),
        error: "the mail is refused: 메일".to_owned(),
    }
}

/// Subscriptions under test, with fewer words.
struct Table(Arc<dyn Subscriptions>);

impl Table {
    fn of<H: StoreHarness>(harness: &H) -> Self {
        Self(harness.ports().subscriptions)
    }

    async fn lease(&self, name: &str, number: u128, time_to_live: Duration) -> Option<FeedCursor> {
        self.0.lease(name, holder(number), time_to_live).await.expect("leases")
    }

    async fn advance(&self, name: &str, number: u128, cursor: FeedCursor) -> bool {
        self.0.advance(name, holder(number), cursor).await.expect("writes")
    }

    async fn list(&self) -> Vec<SubscriptionState> {
        self.0.list().await.expect("reads")
    }

    async fn state(&self, name: &str) -> SubscriptionState {
        let all = self.list().await;
        all.into_iter().find(|state| state.name == name).expect("it is listed")
    }

    async fn bury(&self, name: &str, letter: DeadLetter) {
        self.0.bury(name, letter).await.expect("writes");
    }

    async fn dead_letters(&self, name: &str) -> Vec<DeadLetter> {
        self.0.list_dead_letters(name, 100).await.expect("reads")
    }
}

/// Asking does not move it, and does not make it known.
pub async fn a_subscription_never_leased_stands_at_the_start<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    assert_eq!(table.dead_letters("mail").await, []);
    table.0.release("mail", holder(1)).await.expect("writes");
    assert!(!table.advance("mail", 1, at(0, 5)).await);
    assert_eq!(table.list().await, []);
    assert_eq!(table.lease("mail", 1, LONG).await, Some(FeedCursor::START));
    let state = table.state("mail").await;
    assert_eq!((state.cursor, state.is_paused, state.holder), (FeedCursor::START, false, Some(holder(1))));
    assert_eq!((state.last_error, state.dead_letters), (None, 0));
}

/// Each name for itself, in any script.
pub async fn each_subscription_stands_for_itself<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    let names = ["mail", "Mail", "mail ", "메일", "", "ma%l", "'; --"];
    for (number, name) in (1..).zip(names) {
        assert_eq!(table.lease(name, 1, LONG).await, Some(FeedCursor::START), "{name:?}");
        assert!(table.advance(name, 1, at(number, 10 * number)).await);
    }
    for (number, name) in (1..).zip(names) {
        assert_eq!(table.state(name).await.cursor, at(number, 10 * number), "{name:?}");
    }
    let listed: Vec<_> = table.list().await.into_iter().map(|state| state.name).collect();
    let mut sorted = names.map(str::to_owned).to_vec();
    sorted.sort();
    assert_eq!(listed, sorted);
}

/// Whoever comes first.
pub async fn of_racing_replicas_one_gets_the_lease<H: StoreHarness>() {
    let harness = H::start().await;
    for round in 0..8 {
        let name = format!("mail {round}");
        let leased = race(RACERS, |number| {
            let (table, name) = (Table::of(&harness), name.clone());
            async move { table.lease(&name, 1 + number as u128, LONG).await.is_some() }
        })
        .await;
        assert_eq!(leased.into_iter().filter(|leased| *leased).count(), 1);
    }
}

/// And by nobody else while it lasts.
pub async fn a_lease_is_renewed_by_its_holder<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    assert_eq!(table.lease("mail", 2, LONG).await, None);
    assert_eq!(table.lease("mail", 1, LONG).await, Some(FeedCursor::START));
    assert_eq!(table.lease("mail", 2, LONG).await, None);
}

/// Whoever stops makes room at once; whoever does not hold it cannot.
pub async fn a_released_lease_is_free<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    table.0.release("mail", holder(2)).await.expect("writes");
    assert_eq!(table.lease("mail", 2, LONG).await, None);
    table.0.release("mail", holder(1)).await.expect("writes");
    assert_eq!(table.state("mail").await.holder, None);
    assert!(table.lease("mail", 2, LONG).await.is_some());
}

/// A replica that died makes room too, and reports nothing any more.
pub async fn a_lease_ends_with_its_time<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, SHORT).await.expect("it is free");
    assert_eq!(table.lease("mail", 2, LONG).await, None);
    tokio::time::sleep(SHORT + SHORT / 4).await;
    assert_eq!(table.state("mail").await.holder, None);
    assert!(table.lease("mail", 2, LONG).await.is_some());
    assert!(!table.advance("mail", 1, at(0, 5)).await, "it is somebody else's by now");
    assert!(table.advance("mail", 2, at(0, 3)).await);
}

/// A replica that was slow to report does not make the others handle everything again.
pub async fn a_cursor_never_moves_backwards<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
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
        assert!(table.advance("mail", 1, to).await);
        assert_eq!(table.lease("mail", 1, LONG).await, Some(expected), "after {to:?}");
    }
}

/// Not even forwards.
pub async fn nobody_but_the_holder_moves_the_cursor<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    assert!(!table.advance("mail", 2, at(0, 5)).await);
    assert_eq!(table.state("mail").await.cursor, FeedCursor::START);
}

/// On every replica, from now on.
pub async fn a_paused_subscription_is_leased_to_nobody<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    assert!(table.advance("mail", 1, at(0, 5)).await);
    table.0.pause("mail").await.expect("writes");
    assert!(!table.advance("mail", 1, at(0, 9)).await);
    for number in [1, 2] {
        assert_eq!(table.lease("mail", number, LONG).await, None);
    }
    let state = table.state("mail").await;
    assert_eq!((state.is_paused, state.holder), (true, None));
    table.0.resume("mail").await.expect("writes");
    assert_eq!(table.lease("mail", 2, LONG).await, Some(at(0, 5)));
}

/// Before it ever ran, too.
pub async fn a_subscription_can_be_paused_before_it_runs<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.0.pause("mail").await.expect("writes");
    assert_eq!(table.lease("mail", 1, LONG).await, None);
    assert!(table.state("mail").await.is_paused);
}

/// And what was about to be reported does not undo it.
pub async fn a_rewound_subscription_goes_on_from_there<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    assert!(table.advance("mail", 1, at(3, 50)).await);
    table.0.rewind("mail", at(1, 7)).await.expect("writes");
    assert!(!table.advance("mail", 1, at(3, 60)).await);
    assert_eq!(table.lease("mail", 2, LONG).await, Some(at(1, 7)));
    table.0.rewind("mail", at(9, 9)).await.expect("writes");
    assert_eq!(table.lease("mail", 1, LONG).await, Some(at(9, 9)));
}

/// However often its event comes again.
pub async fn a_dead_letter_is_kept_once<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    for number in [30, 10, 20, 10] {
        table.bury("mail", letter(number)).await;
    }
    let again = DeadLetter { error: "refused again".to_owned(), ..letter(20) };
    table.bury("mail", again.clone()).await;
    assert_eq!(table.dead_letters("mail").await, [letter(10), again, letter(30)]);
    let first = table.0.list_dead_letters("mail", 1).await.expect("reads");
    assert_eq!(first, [letter(10)]);
    assert_eq!(table.state("mail").await.dead_letters, 3);
}

/// Once.
pub async fn a_removed_dead_letter_is_gone<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.bury("mail", letter(1)).await;
    table.bury("mail", letter(2)).await;
    table.bury("broker", letter(1)).await;
    let remove =
        async |name, number| table.0.remove_dead_letter(name, letter(number).event).await.expect("writes");
    assert!(remove("mail", 1).await);
    assert!(!remove("mail", 1).await);
    assert!(!remove("other", 2).await);
    assert_eq!(table.dead_letters("mail").await, [letter(2)]);
    assert_eq!(table.dead_letters("broker").await, [letter(1)]);
}

/// So that a list shows what is wrong now.
pub async fn a_failure_is_listed_until_the_subscription_goes_on<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    for error in ["the server is away", "서버가 없다"] {
        table.0.note_failure("mail", error).await.expect("writes");
        assert_eq!(table.state("mail").await.last_error.as_deref(), Some(error));
    }
    assert!(!table.advance("mail", 2, at(0, 1)).await);
    assert!(table.state("mail").await.last_error.is_some(), "somebody else's report is none");
    assert!(table.advance("mail", 1, at(0, 1)).await);
    assert_eq!(table.state("mail").await.last_error, None);
}

/// What was handled is not handled again, and what was put aside is not lost.
pub async fn a_subscription_outlives_a_restart<H: StoreHarness>() {
    let harness = H::start().await;
    let table = Table::of(&harness);
    table.lease("mail", 1, LONG).await.expect("it is free");
    assert!(table.advance("mail", 1, at(3, 1_000)).await);
    table.bury("mail", letter(7)).await;
    table.0.pause("broker").await.expect("writes");
    drop(table);
    let harness = harness.restart().await;
    let table = Table::of(&harness);
    assert_eq!(table.state("mail").await.cursor, at(3, 1_000));
    assert_eq!(table.dead_letters("mail").await, [letter(7)]);
    assert!(table.state("broker").await.is_paused);
}
