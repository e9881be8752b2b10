use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_domain::{
    Identity,
    event::NewEvent,
    id::UserId,
    port::{FeedItem, Mail, MailError, Mailer},
    user::UserEvent,
    value::{Email, Secret},
    verification::code_digits,
};

use super::{HandleError, Handler, chain};

/// Mails what events ask for. A mail leaves after the commit that asked for it, never with the request: it is not lost with one.
pub(crate) struct MailerSubscription {
    pub(crate) identity: Identity,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) app_name: String,
}

#[async_trait]
impl Handler for MailerSubscription {
    fn name(&self) -> &'static str {
        "mailer"
    }

    async fn handle(&self, item: &FeedItem) -> Result<(), HandleError> {
        let event = &item.event.event;
        if event.event_type.as_str() != UserEvent::VERIFICATION_REQUESTED {
            return Ok(());
        }
        let user = UserId::new(item.event.stream.into());
        let Some(mail) = self.verification_mail(user, event).await? else { return Ok(()) };
        match self.mailer.send(&mail).await {
            Ok(()) => Ok(()),
            Err(MailError::Refused(cause)) => {
                // Trying again cannot help, and the mails behind it should not wait.
                tracing::error!(event = %event.id, to = %mail.to, "mail refused: {cause}");
                Ok(())
            }
            Err(error @ MailError::Unavailable(_)) => Err(HandleError(error.into())),
        }
    }
}

impl MailerSubscription {
    /// The mail, unless its person was erased or its code has run out.
    async fn verification_mail(&self, user: UserId, event: &NewEvent) -> Result<Option<Mail>, HandleError> {
        let Some(key) = self.identity.data_key(user.into()).await? else { return Ok(None) };
        let (code_id, expires_at, email) = match UserEvent::read(event, Some(&key)) {
            Ok(UserEvent::VerificationRequested { code_id, expires_at, email: Some(email) }) => {
                (code_id, expires_at, email)
            }
            Ok(_) => return Ok(None),
            Err(error) => {
                // It will not read better tomorrow, and the mails behind it should not wait.
                tracing::error!(event = %event.id, "{}", chain(&error));
                return Ok(None);
            }
        };
        if expires_at <= self.identity.ports().clock.now() {
            return Ok(None);
        }
        let code = code_digits(&key, code_id);
        Ok(Some(compose(&self.app_name, email, &code, expires_at)))
    }
}

fn compose(app_name: &str, to: Email, code: &Secret, expires_at: DateTime<Utc>) -> Mail {
    let until = expires_at.format("%H:%M UTC");
    let text = format!(
        "Somebody, hopefully you, registered this address at {app_name}.\n\n\
         To show that it is yours, enter this code:\n\n\
         Code: {code}\n\n\
         It is good until {until}.\n\n\
         If it was not you, do nothing: without the code nobody gets in.\n",
        code = code.expose(),
    );
    Mail { to, subject: format!("Your {app_name} verification code"), text }
}
