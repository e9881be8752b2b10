use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::TimeDelta;
use portcullis_domain::{
    Identity,
    company::{CompanyEvent, InvitationMail},
    event::{NewEvent, StreamKind},
    id::UserId,
    port::{FeedItem, Mail, MailError, Mailer},
    user::UserEvent,
    verification::{code_digits, last_language, reset_token},
};

use super::{Failure, Handler, Progress};
use crate::mail::{Composer, Letter};

/// One notice of a lock is enough for so long.
const ONE_NOTICE: TimeDelta = TimeDelta::hours(1);

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
        let mail = match item.event.stream_kind {
            StreamKind::User => self.mail_of(UserId::new(item.event.stream.into()), item).await?,
            StreamKind::Company => self.invitation_mail(&item.event.event).await?,
            // Nobody is written to about a feature.
            StreamKind::Feature => None,
        };
        let Some(mail) = mail else { return Ok(()) };
        self.mailer.send(&mail).await.map_err(|error| match error {
            MailError::Refused(_) => Failure::Event(error.into()),
            MailError::Unavailable(_) => Failure::Outage(error.into()),
        })
    }

    /// The mail that an invitation asks for, where it names somebody and is good still.
    async fn invitation_mail(&self, event: &NewEvent) -> Result<Option<Mail>, Failure> {
        if event.event_type.as_str() != CompanyEvent::MEMBER_INVITED {
            return Ok(None);
        }
        let event = CompanyEvent::read(event).map_err(|error| Failure::Event(error.into()))?;
        let CompanyEvent::MemberInvited { invitation_id, .. } = event else { return Ok(None) };
        let Some(invitation) = self.identity.invitation_mail(invitation_id).await? else { return Ok(None) };
        let InvitationMail { to, language, company, code, expires_at: until } = invitation;
        let letter = Letter::Invitation { company: company.as_str(), code: &code, until };
        Ok(Some(self.composer.compose(to, language, &letter)))
    }

    /// The mail that an event asks for, unless its person was erased or what it would hold has run out.
    async fn mail_of(&self, user: UserId, item: &FeedItem) -> Result<Option<Mail>, Failure> {
        let event = &item.event.event;
        if !UserEvent::MAILED.contains(&event.event_type.as_str()) {
            return Ok(None);
        }
        let Some(key) = self.identity.data_key(user.into()).await? else { return Ok(None) };
        let now = self.identity.ports().clock.now();
        match UserEvent::read(event, Some(&key)).map_err(|error| Failure::Event(error.into()))? {
            UserEvent::VerificationRequested { code_id, expires_at: until, language, email: Some(email) }
                if now < until =>
            {
                let code = code_digits(&key, code_id);
                Ok(Some(self.composer.compose(email, language, &Letter::Verification { code: &code, until })))
            }
            UserEvent::PasswordResetRequested {
                code_id,
                expires_at: until,
                language,
                email: Some(email),
            } if now < until => {
                let token = reset_token(&key, user, code_id);
                Ok(Some(self.composer.compose(
                    email,
                    language,
                    &Letter::PasswordReset { token: &token, until },
                )))
            }
            UserEvent::PasswordChanged { .. } => {
                self.notice(user, item, &Letter::PasswordChanged { at: event.recorded_at }).await
            }
            UserEvent::Locked { seconds } => {
                let until = event.recorded_at + Duration::from_secs(seconds);
                self.notice(user, item, &Letter::AccountLocked { until }).await
            }
            _ => Ok(None),
        }
    }

    /// A mail that nobody asked for, to the address as it is now, in the language of the last mail that somebody did ask for.
    async fn notice(
        &self,
        user: UserId,
        item: &FeedItem,
        letter: &Letter<'_>,
    ) -> Result<Option<Mail>, Failure> {
        let Some(user) = self.identity.ports().users.find(user).await? else { return Ok(None) };
        let before = self.identity.events_before(item.event.stream, item.event.version).await?;
        // An attacker with many addresses locks an account again and again; its owner is told once.
        let is_told = before.iter().any(|earlier| {
            earlier.event_type == item.event.event.event_type
                && earlier.event_type.as_str() == UserEvent::LOCKED
                && item.event.event.recorded_at - earlier.recorded_at < ONE_NOTICE
        });
        if is_told {
            return Ok(None);
        }
        Ok(Some(self.composer.compose(user.profile.email, last_language(&before), letter)))
    }
}
