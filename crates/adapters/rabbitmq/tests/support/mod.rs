//! A broker for tests: the one that `AMQP_URL` names, through a line that can be cut; an exchange of its own for each test.

mod proxy;

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use lapin::{
    Channel, Connection, ConnectionProperties,
    message::BasicGetMessage,
    options::{
        BasicAckOptions, BasicGetOptions, ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions,
        QueueDeleteOptions,
    },
    types::{FieldTable, ShortString},
};
use portcullis_domain::{
    event::{EventData, EventType},
    port::Message,
};
use portcullis_rabbitmq::{Options, RabbitMq, Url};
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use uuid::Uuid;

pub(crate) use proxy::Proxy;

const SOURCE: &str = "https://id.example.com";

/// The broker's URL.
pub(crate) fn broker_url() -> Url {
    #[expect(clippy::disallowed_methods, reason = "that is where ./scripts/test puts it")]
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| {
        panic!(
            "no RabbitMQ: run ./scripts/test, or set AMQP_URL (./scripts/services start rabbitmq starts one)"
        )
    });
    url.parse().expect("AMQP_URL is a URL")
}

/// A name that no other test has, in this process or another.
fn unique(name: &str) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "the broker is shared by processes that know nothing of each other"
    )]
    let id = Uuid::new_v4();
    format!("test.{id}.{name}")
}

/// How tests publish: deadlines as short as a machine that is busy with other tests allows.
pub(crate) fn options(exchange: &str) -> Options {
    Options {
        exchange: exchange.to_owned(),
        connect_deadline: Duration::from_secs(2),
        confirm_deadline: Duration::from_secs(2),
        longest_backoff: Duration::from_millis(640),
        ..Options::new(SOURCE.parse().expect("a URL"))
    }
}

/// A publisher, the line between it and the broker, and a way to the broker past that line.
pub(crate) struct Broker {
    pub(crate) publisher: Arc<RabbitMq>,
    pub(crate) proxy: Proxy,
    pub(crate) exchange: String,
    pub(crate) channel: Channel,
    _connection: Connection,
    prefix: String,
    queues: std::sync::Mutex<Vec<String>>,
}

impl Broker {
    pub(crate) async fn start() -> Self {
        let exchange = unique("events");
        let url = broker_url();
        let proxy = Proxy::start(&url).await;
        let publisher =
            RabbitMq::connect(proxy.url(&url).as_str(), options(&exchange)).await.expect("it connects");
        let connection = Connection::connect(url.as_str(), ConnectionProperties::default()).await;
        let connection = connection.expect("the broker that AMQP_URL names is there");
        let channel = connection.create_channel().await.expect("a channel");
        let (publisher, prefix) = (Arc::new(publisher), unique(""));
        Self {
            publisher,
            proxy,
            exchange,
            channel,
            _connection: connection,
            prefix,
            queues: std::sync::Mutex::default(),
        }
    }

    fn queue(&self, name: &str) -> ShortString {
        format!("{}{name}", self.prefix).into()
    }

    pub(crate) async fn bind(&self, name: &str, pattern: &str) {
        let queue = self.queue(name);
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        self.channel.queue_declare(queue.clone(), durable, FieldTable::default()).await.expect("a queue");
        let exchange = self.exchange.as_str().into();
        let bound = self.channel.queue_bind(
            queue,
            exchange,
            pattern.into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.expect("the exchange is there");
        self.queues.lock().expect("free").push(name.to_owned());
    }

    pub(crate) async fn remove(&self, name: &str) {
        self.channel.queue_delete(self.queue(name), QueueDeleteOptions::default()).await.expect("deleted");
    }

    /// What arrived, as it was sent.
    pub(crate) async fn take_raw(&self, name: &str) -> Vec<BasicGetMessage> {
        let mut taken = Vec::new();
        let get = || self.channel.basic_get(self.queue(name), BasicGetOptions::default());
        while let Some(message) = get().await.expect("a queue") {
            message.acker.ack(BasicAckOptions::default()).await.expect("acknowledged");
            taken.push(message);
        }
        taken
    }

    /// What arrived, as a consumer reads it.
    pub(crate) async fn take(&self, name: &str) -> Vec<Message> {
        self.take_raw(name).await.iter().map(read).collect()
    }

    async fn clean_up(&self) {
        let names = std::mem::take(&mut *self.queues.lock().expect("free"));
        let deleted = names
            .iter()
            .map(|name| self.channel.queue_delete(self.queue(name), QueueDeleteOptions::default()));
        // A test that failed may have lost the channel too; what says so is the test.
        let _ = futures::future::join_all(deleted).await;
        let _ = self
            .channel
            .exchange_delete(self.exchange.as_str().into(), ExchangeDeleteOptions::default())
            .await;
    }
}

/// Leaves nothing behind on a broker that others use too.
impl Drop for Broker {
    fn drop(&mut self) {
        tokio::task::block_in_place(|| {
            let limit = Duration::from_secs(5);
            let _ = Handle::current().block_on(async { tokio::time::timeout(limit, self.clean_up()).await });
        });
    }
}

#[derive(serde::Deserialize)]
struct CloudEvent<'a> {
    specversion: &'a str,
    id: Uuid,
    source: &'a str,
    r#type: &'a str,
    subject: Uuid,
    time: &'a str,
    datacontenttype: &'a str,
    dataschema: &'a str,
    streamversion: u64,
    partitionkey: Uuid,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// Reads a message, and checks that what it says on the outside is what it says within.
pub(crate) fn read(message: &BasicGetMessage) -> Message {
    let event: CloudEvent<'_> = serde_json::from_slice(&message.data).expect("a CloudEvent in JSON");
    let properties = &message.properties;
    let text = |text: &Option<ShortString>| text.as_ref().map(ToString::to_string).unwrap_or_default();
    assert_eq!(*properties.delivery_mode(), Some(2), "kept on the disk");
    assert_eq!(text(properties.content_type()), "application/cloudevents+json");
    assert_eq!(text(properties.message_id()), event.id.to_string());
    assert_eq!(message.routing_key.as_str(), event.r#type);
    assert_eq!((event.specversion, event.source), ("1.0", SOURCE));
    assert_eq!(event.datacontenttype, "application/json");
    assert_eq!(event.dataschema, format!("{SOURCE}/api/v1/stream/schemas/{}/1.0.0", event.r#type));
    assert_eq!(event.partitionkey, event.subject);
    Message {
        id: event.id.into(),
        event_type: EventType::new(event.r#type),
        stream: event.subject.into(),
        version: event.streamversion,
        time: DateTime::parse_from_rfc3339(event.time).expect("a time").to_utc(),
        data: EventData::from_stored(event.data.get()),
    }
}

/// A message of this type.
pub(crate) fn message(event_type: &str, number: u64) -> Message {
    Message {
        id: Uuid::from_u128(u128::from(number)).into(),
        event_type: EventType::new(event_type),
        stream: Uuid::from_u128(7).into(),
        version: number,
        time: DateTime::UNIX_EPOCH,
        data: EventData::from_stored(format!(r#"{{"number":{number}}}"#)),
    }
}
