use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    Identity,
    api_key::{ApiKeyEvent, Principal},
    event::StreamKind,
    id::{CompanyId, UserId},
    message,
    port::{FeedItem, Message, PublishError, Publisher, Unroutable},
    stream::is_reserved,
};

use super::{Failure, Handler, Progress, Refused};

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
        let mut refused = match self.publisher.publish(&messages).await {
            Ok(()) => Vec::new(),
            Err(PublishError::Unroutable(named)) => refused(awaited(named, &messages), &messages, &places),
            Err(error @ PublishError::Unavailable(_)) => {
                return Progress { handled: 0, failure: Some(Failure::Outage(error.into())) };
            }
        };
        let end = match unread {
            None => items.len(),
            Some((place, Failure::Event(cause))) => {
                refused.push(Refused { place, cause });
                place + 1
            }
            Some((handled, failure)) if refused.is_empty() => {
                return Progress { handled, failure: Some(failure) };
            }
            // What failed there fails there again, where it is the first.
            Some((place, _)) => place,
        };
        match refused.first() {
            None => Progress { handled: end, failure: None },
            Some(first) => Progress { handled: first.place, failure: Some(Failure::Events { refused, end }) },
        }
    }
}

impl BrokerSubscription {
    async fn message(&self, item: &FeedItem) -> Result<Option<Message>, Failure> {
        let event = &item.event;
        let stream = event.stream;
        let owner = match event.stream_kind {
            StreamKind::User => Some(Principal::User(UserId::new(stream.into()))),
            StreamKind::Company => Some(Principal::Company(CompanyId::new(stream.into()))),
            StreamKind::Feature => None,
        };
        if let Some(owner) = owner
            && event.event.event_type.as_str().starts_with(ApiKeyEvent::PREFIX)
        {
            let key = self.identity.data_key(owner.id().into()).await?;
            let message = message::of_api_key_event(event, owner, key.as_ref());
            return message.map(Some).map_err(|error| Failure::Event(error.into()));
        }
        match event.stream_kind {
            StreamKind::Feature => {
                message::of_feature_event(event).map(Some).map_err(|error| Failure::Event(error.into()))
            }
            StreamKind::Company => {
                let company =
                    self.identity.ports().companies.find(CompanyId::new(event.stream.into())).await?;
                let message = message::of_company_event(event, company.as_ref());
                message.map(Some).map_err(|error| Failure::Event(error.into()))
            }
            StreamKind::User => {
                let user = UserId::new(event.stream.into());
                let key = self.identity.data_key(user.into()).await?;
                let now = self.identity.find_account(user).await?;
                let message = message::of_user_event(event, key.as_ref(), now.as_ref());
                message.map_err(|error| Failure::Event(error.into()))
            }
        }
    }
}

/// Those of the service's own types. A type of a client's own that no queue asks for is nobody's failure, and no client can hold up the others with it.
fn awaited(named: Vec<Unroutable>, messages: &[Message]) -> Vec<Unroutable> {
    let is_own = |unroutable: &Unroutable| {
        let message = messages.iter().find(|message| message.id == unroutable.id);
        message.is_none_or(|message| is_reserved(message.event_type.as_str()))
    };
    named.into_iter().filter(is_own).collect()
}

/// The events whose messages no queue takes.
fn refused(named: Vec<Unroutable>, messages: &[Message], places: &[usize]) -> Vec<Refused> {
    let place =
        |id| messages.iter().zip(places).find(|(message, _)| message.id == id).map(|(_, place)| *place);
    let refused = named.into_iter().filter_map(|unroutable| {
        place(unroutable.id).map(|place| Refused { place, cause: unroutable.into() })
    });
    refused.collect()
}
