//! Faults of publishers, and the cases that catch them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use portcullis_contract::{Outage, PublisherHarness};
use portcullis_domain::{
    id::EventId,
    port::{Message, PublishError, Publisher},
};
use portcullis_memory::Broker;

/// What a fault makes of a call.
#[async_trait]
trait Fault: Default + Send + Sync + 'static {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        broker.publish(messages).await
    }
}

#[derive(Default)]
struct Sound;
impl Fault for Sound {}

/// Does not ask for messages back that no queue takes.
#[derive(Default)]
struct NotMandatory;

#[async_trait]
impl Fault for NotMandatory {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        for message in messages {
            match broker.publish(std::slice::from_ref(message)).await {
                Ok(()) | Err(PublishError::Unroutable(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Does not wait for confirms: what it says while the broker is away is lost.
#[derive(Default)]
struct Unconfirmed;

#[async_trait]
impl Fault for Unconfirmed {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        match broker.publish(messages).await {
            Err(PublishError::Unavailable(_)) => Ok(()),
            outcome => outcome,
        }
    }
}

/// Confirms before the broker has the messages, which come a little later.
#[derive(Default)]
struct Early(Arc<Mutex<Vec<Message>>>);

#[async_trait]
impl Fault for Early {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        let late = std::mem::replace(&mut *self.0.lock().expect("free"), messages.to_vec());
        broker.publish(&late).await
    }
}

/// Sends the messages of a call on several channels.
#[derive(Default)]
struct Unordered;

#[async_trait]
impl Fault for Unordered {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        let channels = (0..2).flat_map(|channel| messages.iter().skip(channel).step_by(2));
        broker.publish(&channels.cloned().collect::<Vec<_>>()).await
    }
}

/// Never connects again.
#[derive(Default)]
struct Unhealed(AtomicBool);

#[async_trait]
impl Fault for Unhealed {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        if self.0.load(Ordering::SeqCst) {
            return Err(PublishError::Unavailable("not connected".into()));
        }
        let outcome = broker.publish(messages).await;
        self.0.fetch_or(matches!(outcome, Err(PublishError::Unavailable(_))), Ordering::SeqCst);
        outcome
    }
}

/// Waits until the broker is back, without a deadline.
#[derive(Default)]
struct Patient;

#[async_trait]
impl Fault for Patient {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        loop {
            match broker.publish(messages).await {
                Err(PublishError::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                outcome => return outcome,
            }
        }
    }
}

/// Goes on behind the message that failed, as if it had been sent.
#[derive(Default)]
struct Skipping(Mutex<Option<EventId>>);

#[async_trait]
impl Fault for Skipping {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        let failed = self.0.lock().expect("free").take();
        let place = messages.iter().position(|message| Some(message.id) == failed);
        let outcome = broker.publish(&messages[place.map_or(0, |place| place + 1)..]).await;
        if let Err(PublishError::Unroutable(named)) = &outcome {
            *self.0.lock().expect("free") = named.first().map(|message| message.id);
        }
        outcome
    }
}

/// Stops at the first message that no queue takes.
#[derive(Default)]
struct Stopping;

#[async_trait]
impl Fault for Stopping {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        for message in messages {
            broker.publish(std::slice::from_ref(message)).await?;
        }
        Ok(())
    }
}

/// Sends them all, and names the first that came back alone.
#[derive(Default)]
struct NamingOne;

#[async_trait]
impl Fault for NamingOne {
    async fn publish(&self, broker: &Broker, messages: &[Message]) -> Result<(), PublishError> {
        broker.publish(messages).await.map_err(|error| match error {
            PublishError::Unroutable(named) => PublishError::Unroutable(named[..1].to_vec()),
            error @ PublishError::Unavailable(_) => error,
        })
    }
}

struct FaultyPublisher<F> {
    broker: Arc<Broker>,
    fault: F,
}

#[async_trait]
impl<F: Fault> Publisher for FaultyPublisher<F> {
    async fn publish(&self, messages: &[Message]) -> Result<(), PublishError> {
        self.fault.publish(&self.broker, messages).await
    }
}

struct With<F> {
    broker: Arc<Broker>,
    publisher: Arc<FaultyPublisher<F>>,
}

#[async_trait]
impl<F: Fault> PublisherHarness for With<F> {
    async fn start() -> Self {
        let broker = Arc::new(Broker::new());
        let publisher = Arc::new(FaultyPublisher { broker: broker.clone(), fault: F::default() });
        Self { broker, publisher }
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.publisher.clone()
    }

    fn deadline(&self) -> Duration {
        Duration::ZERO
    }

    async fn bind(&self, queue: &str, pattern: &str) {
        self.broker.bind(queue, pattern);
    }

    async fn remove(&self, queue: &str) {
        self.broker.remove(queue);
    }

    async fn take(&self, queue: &str) -> Vec<Message> {
        self.broker.take(queue)
    }

    async fn stop_broker(&self, _how: Outage) {
        self.broker.stop();
    }

    async fn start_broker(&self) {
        self.broker.start();
    }
}

crate::caught! {
    a_publisher_that_does_not_ask_for_messages_back_is_caught: With<NotMandatory>, With<Sound> => [
        publisher::a_message_that_no_queue_takes_fails_the_call,
        publisher::of_many_messages_each_that_no_queue_takes_is_named_and_the_others_arrive,
        publisher::messages_fail_from_when_their_queue_is_taken_away_until_one_is_back,
    ]
    a_publisher_that_stops_at_a_message_that_no_queue_takes_is_caught: With<Stopping>, With<Sound> => [
        publisher::of_many_messages_each_that_no_queue_takes_is_named_and_the_others_arrive,
    ]
    a_publisher_that_names_one_message_of_several_is_caught: With<NamingOne>, With<Sound> => [
        publisher::of_many_messages_each_that_no_queue_takes_is_named_and_the_others_arrive,
        publisher::messages_fail_from_when_their_queue_is_taken_away_until_one_is_back,
    ]
    a_publisher_that_does_not_wait_for_confirms_is_caught: With<Unconfirmed>, With<Sound> => [
        publisher::while_the_broker_is_away_calls_fail_in_time,
        publisher::calls_succeed_again_once_the_broker_is_back,
    ]
    a_publisher_that_confirms_early_is_caught: With<Early>, With<Sound> => [
        publisher::every_message_has_arrived_once_when_the_call_returns,
        publisher::what_was_taken_over_outlives_an_outage,
    ]
    a_publisher_that_mixes_up_the_order_is_caught: With<Unordered>, With<Sound> => [
        publisher::messages_of_one_call_arrive_in_their_order,
        publisher::messages_of_calls_that_follow_each_other_arrive_in_order,
        publisher::messages_of_calls_made_at_once_keep_the_order_of_their_call,
    ]
    a_publisher_that_goes_on_behind_a_failure_is_caught: With<Skipping>, With<Sound> => [
        publisher::messages_published_again_after_a_failure_all_arrive,
    ]
    a_publisher_without_a_deadline_is_caught: With<Patient>, With<Sound> => [
        publisher::while_the_broker_is_away_calls_fail_in_time,
        publisher::calls_made_at_once_while_the_broker_is_away_fail_in_time_too,
    ]
    a_publisher_that_never_connects_again_is_caught: With<Unhealed>, With<Sound> => [
        publisher::calls_succeed_again_once_the_broker_is_back,
    ]
}
