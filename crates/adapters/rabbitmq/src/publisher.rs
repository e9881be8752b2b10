use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use lapin::{Channel, Confirmation, options::BasicPublishOptions, types::ShortString, uri::AMQPUri};
use portcullis_domain::port::{Message, PublishError, Publisher, Source, Unroutable};
use thiserror::Error;
use tokio::{
    sync::Mutex,
    time::{Instant, timeout},
};
use tracing::{info, instrument::WithSubscriber, subscriber::NoSubscriber, warn};

use crate::{
    Options,
    connection::Link,
    error::ConnectError,
    message::{Encoded, Origin},
    url,
};

/// Messages of one call that are under way at a time, and how long their data are together; one message always is.
const WINDOW: usize = 512;
const WINDOW_BYTES: usize = 8 << 20;
/// How often the time between two attempts to connect doubles.
const DOUBLINGS: u32 = 6;

/// Publishes to RabbitMQ. Made once and shared; calls may run at once.
pub struct RabbitMq {
    uri: AMQPUri,
    exchange: ShortString,
    options: Options,
    origin: Origin,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    /// There was one before: the broker's version is known to do.
    was_connected: bool,
    /// Attempts to connect that failed since the last that did not.
    failures: u32,
    /// When the next may be made, and why the last failed.
    pause: Option<Pause>,
}

/// The time after a failed attempt to connect in which none is made.
struct Pause {
    until: Instant,
    reason: String,
}

#[derive(Debug, Error)]
enum SendError {
    #[error("the broker did not confirm within {0:?}")]
    Unconfirmed(Duration),
    #[error("the broker could not keep the message {0}")]
    Refused(String),
    #[error(transparent)]
    Broker(#[from] lapin::Error),
}

impl RabbitMq {
    /// Reads the URL. Connects to nothing yet; the first use does.
    pub fn new(url: &str, options: Options) -> Result<Self, ConnectError> {
        let uri = url::parse(url)?;
        let origin = Origin::new(options.source.clone()).ok_or(ConnectError::Origin)?;
        let exchange = exchange(&options.exchange)?;
        Ok(Self { uri, exchange, options, origin, state: Mutex::default() })
    }

    /// Connects and declares the exchange, for the start of a program that should not start without its broker. One that should
    /// takes [`new`](Self::new) and asks [`check`](Self::check) for the mistakes that waiting does not mend.
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let broker = Self::new(url, options)?;
        broker.check().await?;
        Ok(broker)
    }

    /// Connects where there is no connection, and says why that fails.
    pub async fn check(&self) -> Result<(), ConnectError> {
        self.link().await.map(drop)
    }

    /// Whether the broker is there, for readiness. Connects where there is no connection and it is time to try again, so that
    /// a broker that is back is seen without anything to publish.
    pub async fn is_up(&self) -> bool {
        self.check().await.is_ok()
    }

    /// Ends the connection in good order. A later call connects again.
    pub async fn close(&self) {
        let link = self.state.lock().await.link.take();
        if let Some(link) = link {
            link.close(self.options.connect_deadline).await;
        }
    }

    /// The connection. While one is made, others wait for it rather than make their own.
    async fn link(&self) -> Result<Arc<Link>, ConnectError> {
        let mut state = self.state.lock().await;
        if let Some(link) = state.link.as_ref().filter(|link| link.is_open()) {
            return Ok(link.clone());
        }
        state.link = None;
        let address = url::address(&self.uri);
        if let Some(Pause { reason, .. }) = state.pause.as_ref().filter(|pause| Instant::now() < pause.until)
        {
            return Err(ConnectError::Away { address, reason: reason.clone() });
        }
        let Options { connect_deadline, longest_backoff, .. } = self.options;
        match Link::open(&self.uri, &self.exchange, connect_deadline, !state.was_connected).await {
            Ok(link) => {
                info!(address, exchange = self.options.exchange, "connected to the broker");
                let link = Arc::new(link);
                *state = State { link: Some(link.clone()), was_connected: true, ..State::default() };
                Ok(link)
            }
            Err(error) => {
                let wait = longest_backoff / 2_u32.pow(DOUBLINGS.saturating_sub(state.failures));
                let reason = Chain(&error).to_string();
                warn!(address, error = reason, "no connection to the broker, next attempt in {wait:?}");
                state.failures = state.failures.saturating_add(1);
                state.pause = Some(Pause { until: Instant::now() + wait, reason });
                Err(error)
            }
        }
    }

    /// Publishes messages on a channel of their own and returns the ids of those that came back.
    async fn send(&self, channel: &Channel, messages: &[Encoded]) -> Result<HashSet<String>, SendError> {
        let mandatory = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let mut confirms = Vec::with_capacity(messages.len());
        for Encoded { routing_key, properties, body } in messages {
            let (key, properties) = (routing_key.clone(), properties.clone());
            let publishing = channel.basic_publish(self.exchange.clone(), key, mandatory, body, properties);
            confirms.push(self.in_time(publishing).await?);
        }
        let (mut returned, mut refused) = (HashSet::new(), None);
        for (confirm, message) in confirms.into_iter().zip(messages) {
            let confirmation = self.in_time(confirm).await?;
            if !matches!(confirmation, Confirmation::Ack(_)) {
                refused.get_or_insert_with(|| message_id(message));
            }
            let message = confirmation.take_message();
            returned.extend(message.and_then(|message| {
                message.delivery.properties.message_id().as_ref().map(ToString::to_string)
            }));
        }
        refused.map_or(Ok(returned), |id| Err(SendError::Refused(id)))
    }

    async fn in_time<T>(&self, step: impl Future<Output = Result<T, lapin::Error>>) -> Result<T, SendError> {
        let deadline = self.options.confirm_deadline;
        Ok(timeout(deadline, step).await.map_err(|_| SendError::Unconfirmed(deadline))??)
    }

    /// Publishes messages and returns those that came back.
    async fn publish_window(
        &self,
        link: &Link,
        messages: &[Message],
    ) -> Result<Vec<Unroutable>, PublishError> {
        let encoded: Result<Vec<_>, _> = messages.iter().map(|message| self.origin.encode(message)).collect();
        let encoded = encoded.map_err(unavailable)?;
        let sending = async {
            let channel = self.in_time(link.channel()).await?;
            let returned = self.send(&channel, &encoded).await?;
            Ok((channel, returned))
        };
        // What is sent at the moment at which a connection is lost, lapin logs whole (at its lowest level).
        let (channel, returned) = match sending.with_subscriber(NoSubscriber::new()).await {
            Ok(sent) => sent,
            // A queue is full or a disk is; the connection is sound.
            Err(error @ SendError::Refused(_)) => return Err(unavailable(error)),
            Err(error) => {
                warn!(address = url::address(&self.uri), error = %Chain(&error), "the connection to the broker is given up");
                link.cut();
                return Err(unavailable(error));
            }
        };
        link.put_back(channel);
        let unroutable = messages.iter().filter(|message| returned.contains(&message.id.to_string()));
        Ok(unroutable.map(Unroutable::from).collect())
    }
}

#[async_trait]
impl Publisher for RabbitMq {
    async fn publish(&self, messages: &[Message]) -> Result<(), PublishError> {
        if messages.is_empty() {
            return Ok(());
        }
        let link = self.link().await.map_err(unavailable)?;
        let (mut rest, mut unroutable) = (messages, Vec::new());
        while !rest.is_empty() {
            let (window, later) = rest.split_at(window(rest));
            unroutable.extend(self.publish_window(&link, window).await?);
            rest = later;
        }
        if unroutable.is_empty() { Ok(()) } else { Err(PublishError::Unroutable(unroutable)) }
    }
}

/// How many of the first messages are sent before their confirms are waited for.
fn window(messages: &[Message]) -> usize {
    let mut bytes = 0;
    let fit = |message: &&Message| {
        bytes += message.data.as_str().len();
        bytes <= WINDOW_BYTES
    };
    messages.iter().take(WINDOW).take_while(fit).count().max(1)
}

fn exchange(name: &str) -> Result<ShortString, ConnectError> {
    let checked = ShortString::try_new(name).ok().filter(|_| !name.is_empty() && !name.starts_with("amq."));
    checked.ok_or_else(|| ConnectError::ExchangeName { exchange: name.to_owned() })
}

fn message_id(message: &Encoded) -> String {
    message.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default()
}

fn unavailable(error: impl Into<Source>) -> PublishError {
    PublishError::Unavailable(error.into())
}

/// An error with what caused it, in one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut error = self.0;
        while let Some(source) = error.source() {
            write!(f, ": {source}")?;
            error = source;
        }
        Ok(())
    }
}

/// Without the URL, which holds a password.
impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq")
            .field("address", &url::address(&self.uri))
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use portcullis_domain::event::{EventData, EventType};

    use super::*;

    fn messages(lengths: &[usize]) -> Vec<Message> {
        let message = |length: &usize| Message {
            id: uuid::Uuid::nil().into(),
            event_type: EventType::new("x"),
            stream: uuid::Uuid::nil().into(),
            version: 1,
            time: DateTime::UNIX_EPOCH,
            data: EventData::from_stored("x".repeat(*length)),
        };
        lengths.iter().map(message).collect()
    }

    #[test]
    fn what_is_under_way_at_a_time_is_bounded() {
        assert_eq!(window(&messages(&[10; 600])), 512);
        assert_eq!(window(&messages(&[1 << 20; 20])), 8);
        assert_eq!(window(&messages(&[9 << 20, 1])), 1);
        assert_eq!(window(&messages(&[0])), 1);
    }
}
