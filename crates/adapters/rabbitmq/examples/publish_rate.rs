//! How many messages a second the broker keeps, each on its disk before the call returns:
//!
//! ```text
//! eval "$(./scripts/services start rabbitmq)"
//! cargo run --release -p portcullis-rabbitmq --example publish_rate
//! ```
//!
//! The messages go to an exchange and a queue made for it, which are deleted at the end.

use std::{
    error::Error,
    time::{Duration, Instant},
};

use chrono::DateTime;
use lapin::{
    Connection, ConnectionProperties,
    options::{ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions},
    types::FieldTable,
};
use portcullis_domain::{
    event::{EventData, EventType},
    port::{Message, Publisher},
};
use portcullis_rabbitmq::{Options, RabbitMq};
use uuid::Uuid;

const PERIOD: Duration = Duration::from_secs(3);
const NAME: &str = "portcullis.publish_rate";

#[tokio::main]
#[expect(clippy::print_stdout, reason = "figures are what it is for")]
#[expect(clippy::disallowed_methods, reason = "it has no configuration but the broker's address")]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL")
        .map_err(|_| "set AMQP_URL; ./scripts/services start rabbitmq prints one")?;
    let mut options = Options::new("https://id.example.com".parse()?);
    NAME.clone_into(&mut options.exchange);
    let publisher = RabbitMq::connect(&url, options).await?;
    let connection = Connection::connect(&url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(NAME.into(), durable, FieldTable::default()).await?;
    channel
        .queue_bind(NAME.into(), NAME.into(), "#".into(), QueueBindOptions::default(), FieldTable::default())
        .await?;

    println!("messages/call  messages/s");
    for count in [1_u32, 16, 128, 1024] {
        let messages: Vec<_> = (0..count).map(message).collect();
        let (start, mut calls) = (Instant::now(), 0);
        while start.elapsed() < PERIOD {
            publisher.publish(&messages).await?;
            calls += 1;
        }
        println!("{count:>13}  {:>10.0}", f64::from(calls * count) / start.elapsed().as_secs_f64());
    }

    channel.queue_delete(NAME.into(), QueueDeleteOptions::default()).await?;
    channel.exchange_delete(NAME.into(), ExchangeDeleteOptions::default()).await?;
    publisher.close().await;
    Ok(())
}

fn message(number: u32) -> Message {
    let id = Uuid::from_u128(number.into());
    Message {
        id: id.into(),
        event_type: EventType::new("user.logged_in"),
        stream: id.into(),
        version: 1,
        time: DateTime::UNIX_EPOCH,
        data: EventData::from_stored(format!(
            r#"{{"user_id":"{id}","session_id":"{id}","timestamp":"2026-01-31T08:00:00Z"}}"#
        )),
    }
}
