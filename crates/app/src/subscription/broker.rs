use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    Identity,
    event::StreamKind,
    id::UserId,
    message,
    port::{FeedItem, Message, PublishError, Publisher},
};

use super::{Failure, Handler, Progress};

/// Publishes what other systems are told of events, in the order of the feed.
pub(crate) struct BrokerSubscription {
    pub(crate) identity: Identity,
    pub(crate) publisher: Arc<dyn Publisher>,
}

#[async_trait]
impl Handler for BrokerSubscription {
    fn name(&self) -> &'static str {
        "broker"
    }

    async fn handle(&self, items: &[FeedItem]) -> Progress {
        let mut messages = Vec::with_capacity(items.len());
        let mut places = Vec::with_capacity(items.len());
        let mut unread = None;
        for (place, item) in items.iter().enumerate() {
            match self.message(item).await {
                Ok(message) => {
                    places.extend(message.iter().map(|_| place));
                    messages.extend(message);
                }
                Err(failure) => {
                    unread = Some((place, failure));
                    break;
                }
            }
        }
        match self.publisher.publish(&messages).await {
            Ok(()) => match unread {
                None => Progress { handled: items.len(), failure: None },
                Some((handled, failure)) => Progress { handled, failure: Some(failure) },
            },
            Err(error @ PublishError::Unavailable(_)) => {
                Progress { handled: 0, failure: Some(Failure::Outage(error.into())) }
            }
            Err(error @ PublishError::Unroutable { .. }) => up_to_the_unroutable(&messages, &places, error),
        }
    }
}

impl BrokerSubscription {
    async fn message(&self, item: &FeedItem) -> Result<Option<Message>, Failure> {
        let event = &item.event;
        match event.stream_kind {
            // Companies are not told of before there are any.
            StreamKind::Company => Ok(None),
            StreamKind::User => {
                let user = UserId::new(event.stream.into());
                let key = self.identity.data_key(user.into()).await?;
                let now = self.identity.ports().users.find(user).await?;
                let message = message::of_user_event(event, key.as_ref(), now.as_ref());
                message.map_err(|error| Failure::Event(error.into()))
            }
        }
    }
}

/// What was published before a message that no queue takes was taken over: the call's messages arrive in order.
fn up_to_the_unroutable(messages: &[Message], places: &[usize], error: PublishError) -> Progress {
    let PublishError::Unroutable { id, .. } = &error else {
        return Progress { handled: 0, failure: Some(Failure::Outage(error.into())) };
    };
    let place =
        messages.iter().zip(places).find(|(message, _)| message.id == *id).map_or(0, |(_, place)| *place);
    Progress { handled: place, failure: Some(Failure::Event(error.into())) }
}
