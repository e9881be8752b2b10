//! Portcullis's events to RabbitMQ 3.8 or later, or to whatever else speaks AMQP 0-9-1 with publisher confirms.
//!
//! * **Nothing is lost in silence**: messages are persistent, each is confirmed by the broker, and one that no queue takes comes
//!   back (`mandatory`) and fails its call.
//! * **Fast**: the messages of a call are sent one after the other without waiting, in their order; then their confirms are read.
//! * **An outage heals by itself**: a connection that fails is given up whole, and a later call makes another, at growing
//!   intervals, so that calls in between fail at once.
//! * **Standard**: a message is a CloudEvents 1.0 event in JSON, its routing key is its type, its message id the event's.
//!
//! Nothing of what a message says is logged, here or by the library underneath.

mod connection;
mod error;
mod message;
mod publisher;
mod url;
mod version;

use std::time::Duration;

pub use ::url::Url;
pub use error::ConnectError;
pub use message::envelope_schema;
pub use publisher::RabbitMq;

/// How messages are published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The topic exchange, which is made, durable, where there is none.
    pub exchange: String,
    /// The URL that the service is known by: who the events come from (`source`), and where their schemas are.
    pub source: Url,
    /// For connecting, all its steps together.
    pub connect_deadline: Duration,
    /// For each step of a call: until a message is sent, and until its confirm is there. As long as confirms come in, a call of
    /// many messages may take longer than this.
    pub confirm_deadline: Duration,
    /// The longest time after a connection that failed before another is tried; the first is tried after a 64th of it.
    pub longest_backoff: Duration,
}

impl Options {
    /// The exchange `portcullis.events`, and deadlines for a broker nearby.
    pub fn new(source: Url) -> Self {
        Self {
            exchange: "portcullis.events".to_owned(),
            source,
            connect_deadline: Duration::from_secs(5),
            confirm_deadline: Duration::from_secs(10),
            longest_backoff: Duration::from_secs(5),
        }
    }
}
