use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use portcullis_domain::port::{Message, PublishError, Publisher};
use tokio::time::timeout;

use crate::support::{Broker, message};

const QUEUE: &str = "consumer";

fn messages(count: u64) -> Vec<Message> {
    (1..=count).map(|number| message("user.updated", number)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_cut_off_in_the_middle_and_published_again_arrives_whole_and_in_order() {
    for round in 1..=5 {
        let broker = Broker::start().await;
        broker.bind(QUEUE, "#").await;
        let batch = messages(400);
        broker.proxy.cut_after(40_000 * round);
        let outcome = broker.publisher.publish(&batch).await;
        assert!(matches!(outcome, Err(PublishError::Unavailable(_))), "{outcome:?}");
        broker.proxy.mend();
        while broker.publisher.publish(&batch).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let arrived = broker.take(QUEUE).await;
        let cut_off = arrived.len() - batch.len();
        assert!((1..400).contains(&cut_off), "{cut_off} messages had arrived when the line was cut");
        let mut seen = HashSet::new();
        let first_arrivals: Vec<_> = arrived.into_iter().filter(|message| seen.insert(message.id)).collect();
        assert!(first_arrivals == batch, "all of them, in order");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_attempts_to_connect_calls_fail_at_once() {
    let broker = Broker::start().await;
    broker.bind(QUEUE, "#").await;
    broker.proxy.cut();
    let (start, mut calls) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(640) {
        broker.publisher.publish(&messages(1)).await.expect_err("the broker is away");
        calls += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(calls > 50, "{calls} calls failed");
    // After 10, 20, 40, 80, 160 and 320 ms, and the one before.
    let attempts = broker.proxy.connected() - 1;
    assert!((3..=8).contains(&attempts), "{attempts} attempts to connect");
    let away = broker.publisher.check().await.expect_err("the broker is away");
    assert!(away.is_outage(), "{away}");
    broker.proxy.mend();
    // The longest time between two attempts is 640 ms.
    timeout(Duration::from_secs(3), async {
        while broker.publisher.publish(&messages(1)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the next attempt finds it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_goes_and_comes_is_seen_without_anything_to_publish() {
    let broker = Broker::start().await;
    assert!(broker.publisher.is_up().await);
    let becomes = async |is_up: bool| {
        let changed = timeout(Duration::from_secs(5), async {
            while broker.publisher.is_up().await != is_up {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        changed.await.unwrap_or_else(|_| panic!("it never became {is_up}"));
    };
    broker.proxy.cut();
    becomes(false).await;
    broker.proxy.mend();
    becomes(true).await;
    broker.publisher.close().await;
    assert!(broker.publisher.is_up().await, "a closed one connects again when it is asked");
}
