use async_trait::async_trait;
use portcullis_domain::port::{Mail, MailError, Mailer};
use tokio::sync::watch;

/// Keeps the mails it is given, for tests to read.
#[derive(Debug)]
pub struct Outbox(watch::Sender<Vec<Mail>>);

impl Outbox {
    /// An empty outbox.
    pub fn new() -> Self {
        Self(watch::Sender::new(Vec::new()))
    }

    /// All mails so far, oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.0.borrow().clone()
    }

    /// The first mail that is the one asked for, once it is there; waits as long as that takes.
    #[expect(clippy::missing_panics_doc, reason = "neither expectation can fail")]
    pub async fn wait_for(&self, is_it: impl Fn(&Mail) -> bool) -> Mail {
        let mut mails = self.0.subscribe();
        let found = mails.wait_for(|mails| mails.iter().any(&is_it)).await;
        let mails = found.expect("the sender lives as long as this outbox");
        mails.iter().find(|mail| is_it(mail)).expect("it was there, and mails are never removed").clone()
    }
}

impl Default for Outbox {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Mailer for Outbox {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.0.send_modify(|mails| mails.push(mail.clone()));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portcullis_domain::value::Email;

    use super::*;

    #[tokio::test]
    async fn whoever_waits_for_a_mail_gets_it_when_it_is_sent() {
        let outbox = Arc::new(Outbox::new());
        let waiting = tokio::spawn({
            let outbox = outbox.clone();
            async move { outbox.wait_for(|mail| mail.subject == "second").await }
        });
        for subject in ["first", "second"] {
            let to = Email::new("jane@example.com");
            let mail = Mail { to, subject: subject.to_owned(), text: "text".to_owned(), html: None };
            outbox.send(&mail).await.expect("kept");
            tokio::task::yield_now().await;
        }
        assert_eq!(waiting.await.expect("found").subject, "second");
        assert_eq!(outbox.mails().len(), 2);
    }
}
