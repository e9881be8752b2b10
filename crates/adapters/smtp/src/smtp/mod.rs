//! Mail to a server (RFC 5321).

mod address;
mod connection;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use lettre::{
    Address, address::AddressError, message::Mailbox, transport::smtp::client::AsyncSmtpConnection,
};
use portcullis_domain::port::{Clock, Entropy, Mail, MailError, Mailer};
use thiserror::Error;
use tokio::time::{Instant, timeout};
use tracing::info;

use crate::message::{Way, compose, new_id, on_the_wire};
use address::ServerAddress;
use connection::{Connector, SendError, deliver, is_alive};

pub use address::UrlError;
pub use connection::CheckError;

/// How a mail server is dealt with.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long connecting may take, and how long handing over a mail.
    pub deadline: Duration,
    /// How long a connection is kept for the next mail.
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        // Servers that look a sender up before they greet take some seconds.
        Self { deadline: Duration::from_secs(20), idle: Duration::from_secs(20) }
    }
}

/// Hands mail to a server, one mail at a time on a connection that is kept for the next one.
///
/// It is taken over once the server has answered the whole of it with a reply of success: from then on delivering it, or telling
/// the sender that it cannot be delivered, is that server's business (RFC 5321 §4.2.5).
pub struct Smtp {
    connector: Connector,
    from: Mailbox,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    options: Options,
    idle: Mutex<Option<(AsyncSmtpConnection, Instant)>>,
    last: Mutex<Option<Sign>>,
}

/// What the server was last found to be.
#[derive(Clone, Copy)]
struct Sign {
    is_up: bool,
    at: Instant,
}

/// Mail cannot be sent with these settings.
#[derive(Debug, Error)]
pub enum SetUpError {
    /// The URL does not read.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The sender is no mail address.
    #[error("the mails' sender {0:?} is not a mail address such as portcullis@example.com")]
    Sender(String, #[source] AddressError),
    /// TLS cannot be had as the URL wants it.
    #[error(transparent)]
    Tls(#[from] CheckError),
}

impl Smtp {
    /// Reads a URL; `from` is the address that mails come from, with a name or bare. Connects to nothing yet.
    pub fn new(
        url: &str,
        from: &str,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: Options,
    ) -> Result<Self, SetUpError> {
        let connector = Connector::new(ServerAddress::parse(url)?)?;
        let refused = |error| SetUpError::Sender(from.to_owned(), error);
        let mut from: Mailbox = from.parse().map_err(refused)?;
        from.email = on_the_wire(&from.email).map_err(refused)?;
        let (idle, last) = (Mutex::default(), Mutex::default());
        Ok(Self { connector, from, clock, entropy, options, idle, last })
    }

    /// Connects, encrypts and signs in, to tell early what would keep every mail from leaving.
    pub async fn check(&self) -> Result<(), CheckError> {
        let connected = self.connect().await;
        self.note(connected.is_ok());
        self.keep(connected?);
        Ok(())
    }

    /// Whether the server is there: as the last mail found it, or as it is now when that was a while ago.
    pub async fn is_up(&self) -> bool {
        let last = *lock(&self.last);
        match last {
            Some(sign) if sign.at.elapsed() < sign.is_good_for() => sign.is_up,
            _ => self.check().await.is_ok(),
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, CheckError> {
        let deadline = self.options.deadline;
        let connecting = self.connector.connect(deadline);
        timeout(deadline, connecting).await.unwrap_or_else(|late| {
            let server = self.connector.address().to_string();
            Err(CheckError::Unreachable { server, source: late.into() })
        })
    }

    /// A connection that works: the kept one, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, CheckError> {
        let kept = lock(&self.idle).take().filter(|(_, since)| since.elapsed() < self.options.idle);
        if let Some((mut connection, _)) = kept
            && timeout(self.options.deadline, is_alive(&mut connection)).await.unwrap_or(false)
        {
            return Ok(connection);
        }
        self.connect().await
    }

    /// A connection is only ever kept by whoever has read every reply on it: what is cut off in the middle is dropped, or the next
    /// mail would take a reply to this one for its own.
    fn keep(&self, connection: AsyncSmtpConnection) {
        if !connection.has_broken() {
            *lock(&self.idle) = Some((connection, Instant::now()));
        }
    }

    fn note(&self, is_up: bool) {
        *lock(&self.last) = Some(Sign { is_up, at: Instant::now() });
    }

    async fn hand_over(&self, to: &Address, mail: &[u8]) -> Result<(), SendError> {
        let connection = self.connection().await;
        self.note(connection.is_ok());
        let mut connection = connection.map_err(|error| SendError::Unavailable(error.into()))?;
        let delivering = deliver(&mut connection, &self.from.email, to, mail);
        let delivered = timeout(self.options.deadline, delivering).await;
        match delivered.unwrap_or_else(|late| Err(SendError::Unavailable(late.into()))) {
            Ok(()) => {
                self.keep(connection);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Mailer for Smtp {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let now = self.clock.now();
        let id = new_id(self.entropy.as_ref(), now);
        let message = compose(mail, &self.from, now, id, Way::Wire)?;
        let [to] = message.envelope().to() else {
            return Err(MailError::Refused("a mail without a recipient".into()));
        };
        self.hand_over(to, &message.formatted()).await.map_err(|error| match error {
            SendError::Refused(_) => MailError::Refused(error.into()),
            SendError::Unavailable(_) => MailError::Unavailable(error.into()),
        })?;
        // The address masks itself; subject and text stay out of the log, since they may hold a code.
        info!(to = %mail.to, server = %self.connector.address(), "mail sent");
        Ok(())
    }
}

impl Sign {
    /// A server is not asked for a sign of life as often as this service is; one that was away is asked sooner.
    const fn is_good_for(self) -> Duration {
        Duration::from_secs(if self.is_up { 60 } else { 5 })
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let server = self.connector.address().to_string();
        f.debug_struct("Smtp").field("server", &server).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
