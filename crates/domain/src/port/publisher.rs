use async_trait::async_trait;
use chrono::{DateTime, Utc};
use thiserror::Error;

use super::Source;
use crate::{
    event::{EventData, EventType, Version},
    id::{EventId, StreamId},
};

/// Hands messages to a broker.
///
/// # Contract
///
/// * `Ok` means that the broker keeps every message durably in at least one queue.
/// * Messages of one call arrive in their order, and so do the messages of calls that follow each other.
/// * A message that no queue takes is not lost in silence: the call fails and names each such message, and all others have been taken over.
/// * After any other failure any of the messages may have arrived: the caller publishes them all again, and consumers tell them by their id.
/// * A broker that is away fails the call within a deadline, and calls succeed again by themselves once it is back.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Publishes messages in order.
    async fn publish(&self, messages: &[Message]) -> Result<(), PublishError>;
}

/// What leaves through the broker of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The event's id: what consumers deduplicate by.
    pub id: EventId,
    /// The event's type, which is the routing key too.
    pub event_type: EventType,
    /// The event's stream.
    pub stream: StreamId,
    /// The event's place in its stream.
    pub version: Version,
    /// When it happened.
    pub time: DateTime<Utc>,
    /// The message's data, as the published schema of its type has it.
    pub data: EventData,
}

/// Messages were not taken over, or not all of them.
#[derive(Debug, Error)]
pub enum PublishError {
    /// No queue takes these messages, which are in the order of the call and at least one. Every other one was taken over.
    #[error("no queue takes some of the messages")]
    Unroutable(Vec<Unroutable>),
    /// The broker cannot be reached, refuses, or did not confirm in time.
    #[error("the broker is unavailable")]
    Unavailable(#[source] Source),
}

/// A message that no queue takes.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("no queue takes the message {id} of type {event_type}")]
pub struct Unroutable {
    /// Which.
    pub id: EventId,
    /// Of which type.
    pub event_type: EventType,
}

impl From<&Message> for Unroutable {
    fn from(message: &Message) -> Self {
        Self { id: message.id, event_type: message.event_type.clone() }
    }
}
