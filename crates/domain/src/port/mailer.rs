use async_trait::async_trait;
use thiserror::Error;

use super::Source;
use crate::value::Email;

/// Sends mail.
///
/// # Contract
///
/// * `Ok` means that the mail was taken over durably by whoever delivers it.
/// * Subject, text and HTML arrive as given, in any script.
/// * A mail without HTML arrives as its text alone.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Hands a mail over for delivery.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;
}

/// A mail to one person.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: Email,
    /// Its subject.
    pub subject: String,
    /// Its plain text: all of it, for readers who see no HTML.
    pub text: String,
    /// The same as HTML, where there is such a form.
    pub html: Option<String>,
}

/// Without text and HTML, which may hold a code.
impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("to", &self.to).field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// A mail was not taken over.
#[derive(Debug, Error)]
pub enum MailError {
    /// It can never be: the address is refused, say.
    #[error("the mail is refused")]
    Refused(#[source] Source),
    /// Not now.
    #[error("mail cannot be sent now")]
    Unavailable(#[source] Source),
}
