use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use portcullis_domain::{
    event::{EventData, EventType},
    port::{Message, PublishError, Unroutable},
};

use crate::{Outage, PublisherHarness, race::race, sample};

/// The queue that most cases read.
const QUEUE: &str = "consumer";
/// For what a machine that is busy with other cases adds to a deadline.
const SLACK: Duration = Duration::from_secs(5);
/// A broker that is back is found again within this time; more than any back-off that a reader would wait for.
const RECOVERY: Duration = Duration::from_secs(15);

fn message(event_type: &str) -> Message {
    Message {
        id: sample::id(),
        event_type: EventType::new(event_type),
        stream: sample::id(),
        version: sample::number(),
        time: sample::now(),
        data: EventData::from_stored(format!(r#"{{"number": {}}}"#, sample::number())),
    }
}

fn messages(count: usize) -> Vec<Message> {
    (0..count).map(|_| message("user.updated")).collect()
}

/// A started harness with a queue that takes everything.
async fn with_queue<H: PublisherHarness>() -> H {
    let harness = H::start().await;
    harness.bind(QUEUE, "#").await;
    harness
}

async fn publish<H: PublisherHarness>(harness: &H, messages: &[Message]) {
    harness.publisher().publish(messages).await.expect("the broker takes the messages");
}

/// Publishes until it succeeds, as a subscription does, and returns how often that failed.
async fn publish_until_taken<H: PublisherHarness>(harness: &H, messages: &[Message]) -> usize {
    let start = Instant::now();
    let mut failures = 0;
    while let Err(error) = harness.publisher().publish(messages).await {
        failures += 1;
        let waited = start.elapsed();
        assert!(waited < harness.deadline() + RECOVERY, "not found again after {waited:?}: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    failures
}

async fn check_fails_in_time<H: PublisherHarness>(harness: &H, messages: &[Message]) {
    let start = Instant::now();
    let outcome =
        tokio::time::timeout(harness.deadline() + SLACK, harness.publisher().publish(messages)).await;
    let Ok(outcome) = outcome else { panic!("no answer after {:?}", start.elapsed()) };
    assert!(matches!(outcome, Err(PublishError::Unavailable(_))), "{outcome:?}");
}

/// Names these messages, in their order, and no others.
#[track_caller]
fn check_unroutable(outcome: &Result<(), PublishError>, messages: &[&Message]) {
    let Err(PublishError::Unroutable(named)) = outcome else { panic!("{outcome:?}") };
    let expected: Vec<_> = messages.iter().map(|message| Unroutable::from(*message)).collect();
    assert_eq!(*named, expected);
}

/// What a consumer makes of what arrives: the first of each id.
fn without_duplicates(messages: Vec<Message>) -> Vec<Message> {
    let mut seen = HashSet::new();
    messages.into_iter().filter(|message| seen.insert(message.id)).collect()
}

/// At once: whoever reads the queue when the call has returned finds them all.
pub async fn every_message_has_arrived_once_when_the_call_returns<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    for count in [1, 2, 500] {
        let messages = messages(count);
        publish(&harness, &messages).await;
        assert_eq!(harness.take(QUEUE).await, messages);
    }
}

/// Every field, to the microsecond and to the byte.
pub async fn a_message_arrives_as_it_was_given<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let data = [
        "{}",
        r#"{"b":1,"a":{"nested":[null,true,-1.5e3,"x"]}, "white" : "space"}"#,
        r#"{"name":"홍길동 \"Jane\" 'Doe' \\ \u0000 \u2028 😀 עברית"}"#,
        r#"{"number":9007199254740993}"#,
    ];
    let mut messages: Vec<_> = data
        .iter()
        .map(|data| Message { data: EventData::from_stored(*data), ..message("user.created") })
        .collect();
    messages.push(Message { version: 9_007_199_254_740_993, ..message("acme.order.paid_v2") });
    messages.push(Message { time: sample::now() + chrono::TimeDelta::days(365 * 200), ..message("x") });
    publish(&harness, &messages).await;
    assert_eq!(harness.take(QUEUE).await, messages);
}

/// As long as the largest event.
pub async fn a_message_of_one_mebibyte_arrives<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let data = EventData::from_stored(format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20)));
    let messages = [Message { data, ..message("user.updated") }, message("user.updated")];
    publish(&harness, &messages).await;
    assert!(harness.take(QUEUE).await == messages, "it arrives as it was given");
}

/// And a message that one queue takes is not unroutable because another does not.
pub async fn a_message_reaches_every_queue_that_takes_its_type<H: PublisherHarness>() {
    let harness = H::start().await;
    for (queue, pattern) in [("users", "user.*"), ("creations", "*.created"), ("all", "#")] {
        harness.bind(queue, pattern).await;
    }
    let [user, company, other] = ["user.created", "company.created", "user.updated"].map(message);
    publish(&harness, &[user.clone(), company.clone(), other.clone()]).await;
    assert_eq!(harness.take("users").await, [user.clone(), other.clone()]);
    assert_eq!(harness.take("creations").await, [user.clone(), company.clone()]);
    assert_eq!(harness.take("all").await, [user, company, other]);
}

/// Whatever becomes of the connection afterwards.
pub async fn what_was_taken_over_outlives_an_outage<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let messages = messages(20);
    publish(&harness, &messages).await;
    harness.stop_broker(Outage::Gone).await;
    harness.start_broker().await;
    assert_eq!(harness.take(QUEUE).await, messages);
}

/// Succeeds, for a subscription whose batch held nothing to publish.
pub async fn no_messages_are_published_by_a_call_without_any<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    publish(&harness, &[]).await;
    assert_eq!(harness.take(QUEUE).await, []);
}

/// However many.
pub async fn messages_of_one_call_arrive_in_their_order<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let messages = messages(2_000);
    publish(&harness, &messages).await;
    assert!(harness.take(QUEUE).await == messages, "they arrive in their order");
}

/// Whichever sizes they have.
pub async fn messages_of_calls_that_follow_each_other_arrive_in_order<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let messages = messages(60);
    for call in [&messages[..1], &messages[1..31], &messages[31..33], &messages[33..]] {
        publish(&harness, call).await;
    }
    assert_eq!(harness.take(QUEUE).await, messages);
}

/// Between each other's, but each call's in order.
pub async fn messages_of_calls_made_at_once_keep_the_order_of_their_call<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let calls = race(8, |_| {
        let (publisher, messages) = (harness.publisher(), messages(40));
        async move {
            publisher.publish(&messages).await.expect("the broker takes the messages");
            messages
        }
    })
    .await;
    let arrived = harness.take(QUEUE).await;
    assert_eq!(arrived.len(), 8 * 40);
    for call in calls {
        let of_call: Vec<_> = arrived.iter().filter(|message| call.contains(message)).cloned().collect();
        assert_eq!(of_call, call);
    }
}

/// And says which one.
pub async fn a_message_that_no_queue_takes_fails_the_call<H: PublisherHarness>() {
    let harness = H::start().await;
    let message = message("user.updated");
    let outcome = harness.publisher().publish(std::slice::from_ref(&message)).await;
    check_unroutable(&outcome, &[&message]);
    harness.bind(QUEUE, "user.created").await;
    let outcome = harness.publisher().publish(std::slice::from_ref(&message)).await;
    check_unroutable(&outcome, &[&message]);
    assert_eq!(harness.take(QUEUE).await, []);
}

/// Wherever they stand and however many they are, over more messages than any adapter has under way at a time.
pub async fn of_many_messages_each_that_no_queue_takes_is_named_and_the_others_arrive<H: PublisherHarness>() {
    let harness = H::start().await;
    harness.bind(QUEUE, "user.*").await;
    for places in [&[0][..], &[50, 70], &[1_999], &[0, 600, 601, 1_200, 1_999]] {
        let mut messages = messages(2_000);
        for place in places {
            messages[*place] = message("company.created");
        }
        let outcome = harness.publisher().publish(&messages).await;
        let (others, unroutable): (Vec<_>, Vec<_>) =
            messages.iter().partition(|message| message.event_type.as_str() == "user.updated");
        check_unroutable(&outcome, &unroutable);
        let arrived = harness.take(QUEUE).await;
        assert!(arrived.iter().eq(others), "the others arrive, in their order; unroutable: {places:?}");
    }
}

/// From then on, and no longer than that.
pub async fn messages_fail_from_when_their_queue_is_taken_away_until_one_is_back<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    publish(&harness, &messages(1)).await;
    harness.remove(QUEUE).await;
    let messages = messages(3);
    let outcome = harness.publisher().publish(&messages).await;
    check_unroutable(&outcome, &messages.iter().collect::<Vec<_>>());
    harness.bind(QUEUE, "#").await;
    publish(&harness, &messages).await;
    assert_eq!(harness.take(QUEUE).await, messages);
}

/// A consumer that removes duplicates has them all.
pub async fn messages_published_again_after_a_failure_all_arrive<H: PublisherHarness>() {
    let harness = H::start().await;
    harness.bind(QUEUE, "user.*").await;
    let mut messages = messages(20);
    messages[10] = message("company.created");
    let outcome = harness.publisher().publish(&messages).await;
    check_unroutable(&outcome, &[&messages[10]]);
    harness.bind(QUEUE, "company.*").await;
    publish(&harness, &messages).await;
    let mut arrived = without_duplicates(harness.take(QUEUE).await);
    for messages in [&mut arrived, &mut messages] {
        messages.sort_by_key(|message| message.id);
    }
    assert_eq!(arrived, messages);
}

/// First arrivals stay in order: the broker has what it has got of a call from its beginning on.
pub async fn messages_cut_off_by_an_outage_and_published_again_arrive_in_order<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let mut expected = Vec::new();
    for (round, outage) in [Outage::Gone, Outage::Silent, Outage::Gone, Outage::Gone].into_iter().enumerate()
    {
        let batch = messages(400);
        let publishing = tokio::spawn({
            let (publisher, batch) = (harness.publisher(), batch.clone());
            async move { publisher.publish(&batch).await }
        });
        tokio::time::sleep(Duration::from_millis(u64::try_from(round).unwrap_or_default() * 3)).await;
        harness.stop_broker(outage).await;
        let ended = tokio::time::timeout(harness.deadline() + SLACK, publishing).await;
        let outcome = ended.expect("a call ends in time").expect("a call does not panic");
        harness.start_broker().await;
        if outcome.is_err() {
            publish_until_taken(&harness, &batch).await;
        }
        expected.extend(batch);
    }
    assert!(without_duplicates(harness.take(QUEUE).await) == expected, "all of them, in order");
}

/// Each call, again and again, whether it is refused or just not answered.
pub async fn while_the_broker_is_away_calls_fail_in_time<H: PublisherHarness>() {
    for outage in [Outage::Gone, Outage::Silent] {
        let harness = with_queue::<H>().await;
        publish(&harness, &messages(1)).await;
        harness.stop_broker(outage).await;
        for count in [1, 50, 1] {
            check_fails_in_time(&harness, &messages(count)).await;
        }
    }
}

/// They do not wait for each other's deadlines.
pub async fn calls_made_at_once_while_the_broker_is_away_fail_in_time_too<H: PublisherHarness>() {
    let harness = std::sync::Arc::new(with_queue::<H>().await);
    publish(&*harness, &messages(1)).await;
    harness.stop_broker(Outage::Silent).await;
    race(16, |_| {
        let harness = harness.clone();
        async move { check_fails_in_time(&*harness, &messages(2)).await }
    })
    .await;
}

/// However often it goes away; and what was published meanwhile in vain has not arrived by itself in the end.
pub async fn calls_succeed_again_once_the_broker_is_back<H: PublisherHarness>() {
    let harness = with_queue::<H>().await;
    let mut expected = Vec::new();
    for outage in [Outage::Gone, Outage::Gone, Outage::Silent] {
        harness.stop_broker(outage).await;
        let batch = messages(5);
        check_fails_in_time(&harness, &batch).await;
        harness.start_broker().await;
        publish_until_taken(&harness, &batch).await;
        expected.extend(batch);
    }
    let batch = messages(5);
    assert_eq!(publish_until_taken(&harness, &batch).await, 0, "calls go on as before");
    expected.extend(batch);
    assert_eq!(without_duplicates(harness.take(QUEUE).await), expected);
}
