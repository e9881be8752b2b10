//! The servers of the scale stack that the tests were given, and a place of its own on them for each test.

use std::{
    fmt::Write as _,
    future::Future,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    sync::atomic::{AtomicU32, Ordering},
};

use lapin::{
    Channel, Connection, ConnectionProperties, ExchangeKind,
    options::{
        BasicAckOptions, BasicGetOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
        QueueDeclareOptions, QueueDeleteOptions,
    },
    types::{AMQPValue, FieldTable},
};
use serde_json::Value;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, error::SqlState};

/// How long a queue outlives a test that was killed before it tidied up, in milliseconds.
const QUEUE_LIFE: u32 = 600_000;

/// Whether every service is to run on the scale stack: `E2E_STACK=scale`.
#[expect(clippy::disallowed_methods, reason = "tests are told which stack to use by the environment")]
pub(crate) fn is_asked_for() -> bool {
    match std::env::var("E2E_STACK").as_deref() {
        Ok("scale") => true,
        Ok("embedded" | "") | Err(_) => false,
        Ok(other) => panic!("E2E_STACK is {other:?}; there are: embedded, scale"),
    }
}

/// The address of a server that the tests were given.
///
/// # Panics
///
/// When they were given none: nothing is skipped.
#[expect(clippy::disallowed_methods, reason = "tests are told where the servers are by the environment")]
fn address(variable: &str, scheme: &str, name: &str, service: &str) -> String {
    let url = std::env::var(variable).unwrap_or_default();
    assert!(
        url.starts_with(scheme),
        "no {name}: run ./scripts/test, or set {variable} (./scripts/services start {service} starts one)"
    );
    url
}

/// Where PostgreSQL is.
pub(crate) fn postgres() -> String {
    address("DATABASE_URL", "postgres", "PostgreSQL", "postgres")
}

/// Where Redis is.
pub(crate) fn redis() -> String {
    address("REDIS_URL", "redis", "Redis", "redis")
}

/// Sends Redis a command whose answer is one line.
pub(crate) fn ask_redis(connection: &mut BufReader<TcpStream>, words: &[&str]) -> String {
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        write!(command, "${}\r\n{word}\r\n", word.len()).expect("a text takes it");
    }
    connection.get_mut().write_all(command.as_bytes()).expect("Redis reads");
    let mut line = String::new();
    connection.read_line(&mut line).expect("Redis answers");
    assert!(!line.starts_with('-'), "{line}");
    line.trim_end().to_owned()
}

/// A connection to Redis, to look beside the service.
pub(crate) fn redis_connection() -> BufReader<TcpStream> {
    let url: reqwest::Url = redis().parse().expect("a URL");
    let address = (url.host_str().expect("a host"), url.port().unwrap_or(6379));
    let mut connection = BufReader::new(TcpStream::connect(address).expect("Redis answers"));
    if let Some(password) = url.password() {
        ask_redis(&mut connection, &["AUTH", password]);
    }
    connection
}

/// Where RabbitMQ is.
pub(crate) fn rabbitmq() -> String {
    address("AMQP_URL", "amqp", "RabbitMQ", "rabbitmq")
}

/// A schema, an exchange, and a queue that takes every message there. On Redis all keys are of random ids, which nobody shares.
pub(crate) struct Place {
    name: String,
}

/// A message as a consumer got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    pub(crate) id: String,
    pub(crate) event_type: String,
    pub(crate) stream: String,
    pub(crate) version: u64,
}

/// A message as it came.
pub(crate) struct Taken {
    pub(crate) routing_key: String,
    pub(crate) content_type: String,
    pub(crate) event: Value,
}

impl Place {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let moment = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
        let place = Self { name: format!("e2e_{moment}_{}_{number}", std::process::id()) };
        on_own_runtime(place.make_queue());
        place
    }

    /// What leads a service here.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("DATABASE_URL", self.database()),
            ("REDIS_URL", redis()),
            ("AMQP_URL", rabbitmq()),
            ("AMQP_EXCHANGE", self.name.clone()),
        ]
    }

    /// The schema's address. The schema itself is made by whoever opens it first.
    pub(crate) fn database(&self) -> String {
        let server = postgres();
        let separator = if server.contains('?') { '&' } else { '?' };
        format!("{server}{separator}options=-csearch_path%3D{}", self.name)
    }

    /// What a statement gives, as text; NULL is empty.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<String>> {
        self.try_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    async fn try_query(&self, sql: &str) -> Result<Vec<Vec<String>>, tokio_postgres::Error> {
        let answer = self.connect().await.simple_query(sql).await?;
        let rows = answer.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned()).collect())
            }
            _ => None,
        });
        Ok(rows.collect())
    }

    /// As [`query`](Self::query); nothing of a table that is not there.
    pub(crate) async fn query_if_there(&self, sql: &str) -> Vec<Vec<String>> {
        match self.try_query(sql).await {
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => Vec::new(),
            answer => answer.unwrap_or_else(|error| panic!("{sql}: {error:?}")),
        }
    }

    /// A connection for as long as it is kept.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) =
            tokio_postgres::connect(&self.database(), NoTls).await.expect("PostgreSQL answers");
        tokio::spawn(connection);
        client
    }

    /// Takes what has arrived in the queue since the last time.
    pub(crate) async fn deliveries(&self) -> Vec<Delivery> {
        let read = |Taken { event, .. }: Taken| {
            let text = |name: &str| event[name].as_str().expect("a text").to_owned();
            let version = event["streamversion"].as_u64().expect("a number");
            Delivery { id: text("id"), event_type: text("type"), stream: text("subject"), version }
        };
        self.take().await.into_iter().map(read).collect()
    }

    /// As [`deliveries`](Self::deliveries), the whole messages.
    pub(crate) async fn messages(&self) -> Vec<Value> {
        self.take().await.into_iter().map(|taken| taken.event).collect()
    }

    /// The same, as they came.
    pub(crate) async fn take(&self) -> Vec<Taken> {
        let (_connection, channel) = connect().await;
        let mut taken = Vec::new();
        let get = || channel.basic_get(self.name.as_str().into(), BasicGetOptions::default());
        while let Some(message) = get().await.expect("the queue is there") {
            message.acker.ack(BasicAckOptions::default()).await.expect("acknowledged");
            let content_type = message.properties.content_type().as_ref();
            taken.push(Taken {
                routing_key: message.routing_key.to_string(),
                content_type: content_type.map(ToString::to_string).unwrap_or_default(),
                event: serde_json::from_slice(&message.data).expect("JSON"),
            });
        }
        taken
    }

    /// Makes the exchange, which is as the service makes it, and the queue.
    pub(crate) async fn make_queue(&self) {
        let (_connection, channel) = connect().await;
        let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
        let name = self.name.as_str();
        channel
            .exchange_declare(name.into(), ExchangeKind::Topic, durable, FieldTable::default())
            .await
            .expect("an exchange");
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let mut life = FieldTable::default();
        life.insert("x-expires".into(), AMQPValue::LongUInt(QUEUE_LIFE));
        channel.queue_declare(name.into(), durable, life).await.expect("a queue");
        channel
            .queue_bind(
                name.into(),
                name.into(),
                "#".into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("bound");
    }

    /// Takes the queue away: what is published now is taken by none.
    pub(crate) async fn remove_queue(&self) {
        let (_connection, channel) = connect().await;
        channel
            .queue_delete(self.name.as_str().into(), QueueDeleteOptions::default())
            .await
            .expect("deleted");
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        on_own_runtime(async {
            let name = &self.name;
            self.query(&format!("DROP SCHEMA IF EXISTS {name}, {name}_replay CASCADE")).await;
            self.remove_queue().await;
            let (_connection, channel) = connect().await;
            let name = self.name.as_str().into();
            channel.exchange_delete(name, ExchangeDeleteOptions::default()).await.expect("deleted");
        });
    }
}

async fn connect() -> (Connection, Channel) {
    let connection = Connection::connect(&rabbitmq(), ConnectionProperties::default()).await;
    let connection = connection.expect("RabbitMQ answers");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

/// Waits for something where nothing can be awaited.
fn on_own_runtime(work: impl Future<Output = ()> + Send) {
    let run = || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        runtime.expect("a runtime").block_on(work);
    };
    let outcome = std::thread::scope(|scope| scope.spawn(run).join());
    // A second panic would hide what the test itself says.
    assert!(
        outcome.is_ok() || std::thread::panicking(),
        "a place on the servers could not be made or tidied up"
    );
}
