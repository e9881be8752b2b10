use std::sync::Arc;

use async_trait::async_trait;
use portcullis_domain::{
    Identity,
    event::NewEvent,
    id::UserId,
    port::{FeedItem, Mail, MailError, Mailer},
    user::UserEvent,
    value::Language,
    verification::code_digits,
};

use super::{Failure, Handler, Progress};
use crate::mail::{Composer, Letter};

/// Mails what events ask for. A mail leaves after the commit that asked for it, never with the request: it is not lost with one.
pub(crate) struct MailerSubscription {
    pub(crate) identity: Identity,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) composer: Composer,
}

#[async_trait]
impl Handler for MailerSubscription {
    fn name(&self) -> &'static str {
        "mailer"
    }

    async fn handle(&self, items: &[FeedItem]) -> Progress {
        for (handled, item) in items.iter().enumerate() {
            if let Err(failure) = self.handle_one(item).await {
                return Progress { handled, failure: Some(failure) };
            }
        }
        Progress { handled: items.len(), failure: None }
    }
}

impl MailerSubscription {
    async fn handle_one(&self, item: &FeedItem) -> Result<(), Failure> {
        let event = &item.event.event;
        if event.event_type.as_str() != UserEvent::VERIFICATION_REQUESTED {
            return Ok(());
        }
        let user = UserId::new(item.event.stream.into());
        let Some(mail) = self.verification_mail(user, event).await? else { return Ok(()) };
        self.mailer.send(&mail).await.map_err(|error| match error {
            MailError::Refused(_) => Failure::Event(error.into()),
            MailError::Unavailable(_) => Failure::Outage(error.into()),
        })
    }

    /// The mail, unless its person was erased or its code has run out.
    async fn verification_mail(&self, user: UserId, event: &NewEvent) -> Result<Option<Mail>, Failure> {
        let Some(key) = self.identity.data_key(user.into()).await? else { return Ok(None) };
        let requested = UserEvent::read(event, Some(&key)).map_err(|error| Failure::Event(error.into()))?;
        let UserEvent::VerificationRequested { code_id, expires_at, email: Some(email), .. } = requested
        else {
            return Ok(None);
        };
        if expires_at <= self.identity.ports().clock.now() {
            return Ok(None);
        }
        let code = code_digits(&key, code_id);
        let letter = Letter::Verification { code: &code, until: expires_at };
        Ok(Some(self.composer.compose(email, Language::En, &letter)))
    }
}
