use std::time::Duration;

use lapin::{
    options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions},
    types::{AMQPValue, FieldTable},
};
use portcullis_domain::{
    event::EventData,
    port::{Message, PublishError, Publisher},
};

use crate::support::{Broker, message};

/// The connection on which the broker was asked for its version.
const ASKING: usize = 1;
const QUEUE: &str = "consumer";

fn messages(numbers: std::ops::Range<u64>) -> Vec<Message> {
    numbers.map(|number| message("user.updated", number)).collect()
}

/// lapin pairs returned messages with whichever confirm comes next on their channel.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_comes_back_fails_its_own_call_and_no_other() {
    let broker = Broker::start().await;
    broker.bind(QUEUE, "user.*").await;
    for round in 0..5_u64 {
        let calls = (0..32_u64).map(|call| {
            let publisher = broker.publisher.clone();
            let first = 100_000 * round + 1_000 * call;
            tokio::spawn(async move {
                let mut batch = messages(first..first + 100);
                let place = usize::try_from(call * 3).expect("a small number");
                if call % 2 == 0 {
                    batch[place] = message("company.created", first + call * 3);
                }
                (call, batch[place].id, publisher.publish(&batch).await)
            })
        });
        for call in calls.collect::<Vec<_>>() {
            let (call, id, outcome) = call.await.expect("a call does not panic");
            match outcome {
                Ok(()) => assert_eq!(call % 2, 1, "a message that came back was not told"),
                Err(PublishError::Unroutable(named)) if call % 2 == 0 => {
                    assert_eq!(named.iter().map(|message| message.id).collect::<Vec<_>>(), [id]);
                }
                Err(error) => panic!("call {call}: {error:?}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_a_full_queue_refuses_fail_the_call_and_not_the_connection() {
    let broker = Broker::start().await;
    let mut full = FieldTable::default();
    full.insert("x-max-length".into(), AMQPValue::LongInt(3));
    full.insert("x-overflow".into(), AMQPValue::LongString("reject-publish".into()));
    let exclusive = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
    let queue = broker.channel.queue_declare("".into(), exclusive, full).await.expect("a queue");
    let (name, exchange) = (queue.name().clone(), broker.exchange.as_str().into());
    let bound = broker.channel.queue_bind(
        name.clone(),
        exchange,
        "#".into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    bound.await.expect("bound");

    let batch = messages(0..50);
    let error = broker.publisher.publish(&batch).await.expect_err("there is room for a few");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(cause.starts_with("the broker could not keep the message 00000000-"), "{cause}");
    broker.channel.queue_purge(name, QueuePurgeOptions::default()).await.expect("purged");
    broker.publisher.publish(&batch[..3]).await.expect("there is room again");
    assert_eq!(broker.proxy.connected(), 1 + ASKING, "one connection served both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_json_fails_its_call_and_not_the_connection() {
    let broker = Broker::start().await;
    broker.bind(QUEUE, "#").await;
    let mut batch = messages(0..3);
    batch[1].data = EventData::from_stored("{\"secret\":");
    let error = broker.publisher.publish(&batch).await.expect_err("it cannot be written");
    let cause = std::error::Error::source(&error).expect("a cause").to_string();
    assert_eq!(cause, format!("the data of the message {} are no JSON", batch[1].id));
    assert_eq!(broker.take(QUEUE).await, [], "nothing of the call was sent");
    broker.publisher.publish(&messages(0..3)).await.expect("others are published");
    assert_eq!(broker.proxy.connected(), 1 + ASKING);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_was_deleted_is_made_again() {
    let broker = Broker::start().await;
    let exchange = broker.exchange.as_str().into();
    broker.channel.exchange_delete(exchange, ExchangeDeleteOptions::default()).await.expect("deleted");
    let outcome = broker.publisher.publish(&messages(0..1)).await;
    assert!(matches!(outcome, Err(PublishError::Unavailable(_))), "{outcome:?}");
    let outcome = broker.publisher.publish(&messages(0..1)).await;
    assert!(matches!(outcome, Err(PublishError::Unroutable(_))), "there is one, without queues: {outcome:?}");
    broker.bind(QUEUE, "#").await;
    broker.publisher.publish(&messages(0..1)).await.expect("published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_harms_no_other() {
    let broker = Broker::start().await;
    broker.bind(QUEUE, "user.*").await;
    for round in 0..20_u64 {
        let publisher = broker.publisher.clone();
        let given_up = tokio::spawn(async move {
            let mut batch = messages(0..200);
            batch[100] = message("company.created", 100);
            publisher.publish(&batch).await
        });
        tokio::time::sleep(Duration::from_micros(500 * round)).await;
        given_up.abort();
        let numbers = 1_000 * round + 1_000..1_000 * round + 1_010;
        broker.publisher.publish(&messages(numbers)).await.expect("its own messages are routable");
    }
    assert_eq!(broker.proxy.connected(), 1 + ASKING);
}
