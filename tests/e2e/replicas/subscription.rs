//! An operator's hands on what happens after commits, while it happens.

use std::time::{Duration, Instant};

use super::{EMAIL, Replicas, UNVERIFIED, eventually, sign_in};
use crate::{
    client::{Client, PASSWORD},
    metrics::Scrape,
};

/// What a line of the list says of a subscription's lag, holder and dead letters.
fn state(replicas: &Replicas) -> [String; 3] {
    let line = replicas.subscription("broker");
    [2, 3, 4].map(|column| line[column].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_holds_it_and_a_paused_one_waits_until_it_is_resumed() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, other) = replicas.pair();
    sign_in(&one, EMAIL).await;
    let before = replicas.delivered(replicas.events().await.len(), Vec::new()).await;
    eventually("nothing is left to do, and one of them would do it", || async {
        let [lag, holder, letters] = state(&replicas);
        (lag == "0" && holder.len() == 36 && letters == "0").then_some(())
    })
    .await;

    assert_eq!(replicas.printed(&["subscriptions", "pause", "broker"]), "paused broker\n");
    other.login(EMAIL, PASSWORD).await.expect(200);
    // Longer than any of them waits before it looks again.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(replicas.place.deliveries().await, []);
    let [lag, holder, _] = state(&replicas);
    assert_eq!((lag.as_str(), holder.as_str()), ("1", "paused"));

    assert_eq!(replicas.printed(&["subscriptions", "resume", "broker"]), "resumed broker\n");
    let all = replicas.delivered(before.len() + 1, before).await;
    assert_eq!(all.len(), replicas.events().await.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn rewound_to_a_position_it_publishes_again_from_there() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, _) = replicas.pair();
    sign_in(&one, EMAIL).await;
    one.login(EMAIL, PASSWORD).await.expect(200);
    let events = replicas.events().await;
    let first = replicas.delivered(events.len(), Vec::new()).await;
    assert_eq!(first, events);
    eventually("its cursor is at the end", || async { (state(&replicas)[0] == "0").then_some(()) }).await;

    let rewound = replicas.printed(&["subscriptions", "rewind", "broker", "--to", "2"]);
    assert_eq!(rewound, "broker goes on from position 2\n");
    assert_eq!(replicas.delivered(events.len() - 1, Vec::new()).await, events[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_queue_took_is_put_aside_and_published_when_it_is_replayed() {
    let replicas = Replicas::start(2, &[UNVERIFIED]);
    let (one, _) = replicas.pair();
    one.register(EMAIL).await.expect(201);
    let before = replicas.delivered(replicas.events().await.len(), Vec::new()).await;
    replicas.place.remove_queue().await;
    one.login(EMAIL, PASSWORD).await.expect(200);
    eventually("it is put aside", || async { (state(&replicas)[2] == "1").then_some(()) }).await;
    assert_eq!(replicas.printed(&["subscriptions", "replay", "broker"]), "replayed 0, 1 left\n");

    replicas.place.make_queue().await;
    assert_eq!(replicas.printed(&["subscriptions", "replay", "broker"]), "replayed 1, 0 left\n");
    let events = replicas.events().await;
    assert_eq!(replicas.delivered(events.len(), before).await, events);
    assert_eq!(state(&replicas)[2], "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn however_much_no_queue_takes_it_is_put_aside_in_the_time_of_one() {
    let replicas = Replicas::start(1, &[UNVERIFIED, ("MAX_SESSIONS_PER_USER", "100")]);
    let one = Client::of(&replicas.servers[0]);
    one.register(EMAIL).await.expect(201);
    let before = replicas.delivered(replicas.events().await.len(), Vec::new()).await;
    eventually("all was delivered", || async { (state(&replicas)[0] == "0").then_some(()) }).await;
    replicas.printed(&["subscriptions", "pause", "broker"]);
    replicas.place.remove_queue().await;
    for _ in 0..30 {
        one.login(EMAIL, PASSWORD).await.expect(200);
    }
    replicas.printed(&["subscriptions", "resume", "broker"]);
    let resumed = Instant::now();
    eventually("they are put aside", || async { (state(&replicas)[2] == "30").then_some(()) }).await;
    let taken = resumed.elapsed();
    // One by one it takes a second and a half each.
    assert!(taken < Duration::from_secs(15), "{taken:?}");
    let scrape = Scrape::of(&replicas.servers[0]).await;
    let delivered = scrape.find(r#"subscription_delivered_total{name="broker"}"#);
    assert_eq!(delivered.map(|count| count.to_string()), Some(before.len().to_string()));

    replicas.place.make_queue().await;
    assert_eq!(replicas.printed(&["subscriptions", "replay", "broker"]), "replayed 30, 0 left\n");
    let events = replicas.events().await;
    assert_eq!(replicas.delivered(events.len(), before).await, events);
}
