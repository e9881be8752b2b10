//! A consumer as the README tells people to write one: a durable queue bound to `#`, acknowledged after it is noted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use futures::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use serde_json::Value;
use tokio::task::JoinHandle;

const EXCHANGE: &str = "portcullis.events";
const QUEUE: &str = "chaos";

/// What has arrived.
#[derive(Default)]
pub(super) struct Seen {
    /// Every delivery, the same message again included.
    pub(super) deliveries: usize,
    pub(super) ids: BTreeSet<String>,
    /// The versions of each stream, in the order in which they first arrived.
    pub(super) streams: BTreeMap<String, Vec<u64>>,
    /// How often it had to connect.
    pub(super) connections: usize,
}

pub(super) struct Consumer {
    seen: Arc<Mutex<Seen>>,
    task: JoinHandle<()>,
}

impl Consumer {
    /// Declares exchange and queue, so that no message finds none, and reads from then on, however often the broker goes.
    pub(super) async fn start(url: &str) -> Self {
        let (url, seen) = (url.to_owned(), Arc::new(Mutex::new(Seen::default())));
        drop(connect(&url).await.expect("the broker has just been started"));
        let noted = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                // What ends it is the broker's end, which is why we are here.
                let _ = read(&url, &noted).await;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        });
        Self { seen, task }
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it is held")
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn connect(url: &str) -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel.exchange_declare(EXCHANGE.into(), ExchangeKind::Topic, durable, FieldTable::default()).await?;
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    channel.queue_declare(QUEUE.into(), durable, FieldTable::default()).await?;
    let bind = QueueBindOptions::default();
    channel.queue_bind(QUEUE.into(), EXCHANGE.into(), "#".into(), bind, FieldTable::default()).await?;
    Ok((connection, channel))
}

async fn read(url: &str, seen: &Mutex<Seen>) -> lapin::Result<()> {
    let (_connection, channel) = connect(url).await?;
    channel.basic_qos(100, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    let mut deliveries =
        channel.basic_consume(QUEUE.into(), "".into(), options, FieldTable::default()).await?;
    seen.lock().expect("nothing panics while it is held").connections += 1;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        seen.lock().expect("nothing panics while it is held").note(&delivery);
        delivery.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}

impl Seen {
    fn note(&mut self, delivery: &Delivery) {
        let event: Value = serde_json::from_slice(&delivery.data).unwrap_or_default();
        self.deliveries += 1;
        // One that is no CloudEvent is an id that no event has, which the test then finds.
        let id = event["id"].as_str().unwrap_or("a message without an id").to_owned();
        if self.ids.insert(id) {
            let stream = event["subject"].as_str().unwrap_or_default().to_owned();
            let version = event["streamversion"].as_u64().unwrap_or_default();
            self.streams.entry(stream).or_default().push(version);
        }
    }
}
