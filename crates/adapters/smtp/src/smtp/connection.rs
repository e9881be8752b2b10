use std::{error::Error as _, fs, io, time::Duration};

use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{DEFAULT_MECHANISMS, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Data, Mail, Noop, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use portcullis_domain::port::Source;
use thiserror::Error as ThisError;

use super::address::{Security, ServerAddress};

/// How to come to a connection that mail can be sent on.
pub(crate) struct Connector {
    address: ServerAddress,
    tls: Option<TlsParameters>,
    hello: ClientId,
}

/// Why a mail server cannot be used. Each message says what to do; none holds a password.
#[derive(Debug, ThisError)]
pub enum CheckError {
    /// Nobody answers there now.
    #[error("no mail server answers at {server}: start it, or correct host and port")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the network or the server says.
        #[source]
        source: Source,
    },
    /// It does not offer TLS, and without it nothing may be sent.
    #[error(
        "{server} offers no STARTTLS: write smtps:// where it speaks TLS at once, or ?tls=none to send in the clear"
    )]
    NoTls {
        /// Host and port.
        server: String,
        /// What the client says.
        #[source]
        source: Source,
    },
    /// TLS with it fails: its certificate is none that is trusted, say.
    #[error(
        "TLS with {server} fails: its certificate must be for this host and of a trusted authority (?cafile=PATH names one)"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// What TLS says.
        #[source]
        source: Source,
    },
    /// It does not let this user in.
    #[error("{server} refuses the user or the password: correct them in the URL")]
    Credentials {
        /// Host and port.
        server: String,
        /// What the server says.
        #[source]
        source: Source,
    },
    /// The certificates that are to be trusted do not read.
    #[error("the trusted certificates in {file} cannot be read")]
    Authorities {
        /// Which file.
        file: String,
        /// Why.
        #[source]
        source: Source,
    },
}

impl CheckError {
    /// Whether waiting may help; the rest is for an operator to mend.
    pub const fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// How far a mail came that was not taken over.
#[derive(Debug, ThisError)]
pub(crate) enum SendError {
    /// The server refuses this recipient or this mail, for good.
    #[error("the server refuses it")]
    Refused(#[source] Source),
    /// The server has no time, or is away.
    #[error("the server does not take it now")]
    Unavailable(#[source] Source),
}

impl Connector {
    pub(crate) fn new(address: ServerAddress) -> Result<Self, CheckError> {
        let tls = match address.security {
            Security::None => None,
            Security::Wrapped | Security::Required | Security::Opportunistic => {
                Some(tls_parameters(&address)?)
            }
        };
        Ok(Self { address, tls, hello: ClientId::default() })
    }

    pub(crate) const fn address(&self) -> &ServerAddress {
        &self.address
    }

    /// Connects, encrypts and signs in.
    pub(crate) async fn connect(&self, timeout: Duration) -> Result<AsyncSmtpConnection, CheckError> {
        let server = || self.address.to_string();
        let ServerAddress { host, port, security, credentials, .. } = &self.address;
        let wrapped = self.tls.clone().filter(|_| *security == Security::Wrapped);
        let reached = AsyncSmtpConnection::connect_tokio1(
            (host.as_str(), *port),
            Some(timeout),
            &self.hello,
            wrapped,
            None,
        );
        let mut connection = reached.await.map_err(|error| self.unreached(error))?;
        if let (Security::Required | Security::Opportunistic, Some(tls)) = (security, &self.tls)
            && (*security == Security::Required || connection.can_starttls())
        {
            connection.starttls(tls.clone(), &self.hello).await.map_err(|error| {
                if error.is_client() {
                    CheckError::NoTls { server: server(), source: error.into() }
                } else {
                    self.unreached(error)
                }
            })?;
        }
        if let Some(credentials) = credentials {
            let mechanisms: &[Mechanism] = DEFAULT_MECHANISMS;
            connection.auth(mechanisms, credentials).await.map_err(|error| {
                if error.is_permanent() || error.is_client() {
                    CheckError::Credentials { server: server(), source: error.into() }
                } else {
                    self.unreached(error)
                }
            })?;
        }
        Ok(connection)
    }

    fn unreached(&self, error: Error) -> CheckError {
        let server = self.address.to_string();
        if is_of_tls(&error) {
            CheckError::Tls { server, source: error.into() }
        } else {
            CheckError::Unreachable { server, source: error.into() }
        }
    }
}

/// The TLS library reports a handshake that fails as data that are not what they should be.
fn is_of_tls(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::InvalidData) {
            return true;
        }
        cause = error.source();
    }
    error.is_tls()
}

fn tls_parameters(address: &ServerAddress) -> Result<TlsParameters, CheckError> {
    let mut builder = TlsParameters::builder(address.host.clone());
    if let Some(file) = &address.authorities {
        let refused = |source: Source| CheckError::Authorities { file: file.display().to_string(), source };
        let pem = fs::read(file).map_err(|error| refused(error.into()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| refused(error.into()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder
        .build_rustls()
        .map_err(|error| CheckError::Tls { server: address.to_string(), source: error.into() })
}

/// Whether the server at the other end is still there.
pub(crate) async fn is_alive(connection: &mut AsyncSmtpConnection) -> bool {
    connection.command(Noop).await.is_ok()
}

/// Hands one mail over. What the server refuses of the sender is no fault of this mail: the next would fare no better.
pub(crate) async fn deliver(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: &Address,
    mail: &[u8],
) -> Result<(), SendError> {
    let mut parameters = Vec::new();
    // A local part that is not ASCII (RFC 6531); everything else was encoded.
    if !mail.is_ascii() {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            return Err(SendError::Refused("the server takes only addresses in ASCII".into()));
        }
        parameters.push(MailParameter::SmtpUtfEight);
        parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    connection.command(Mail::new(Some(from.clone()), parameters)).await.map_err(unavailable)?;
    connection.command(Rcpt::new(to.clone(), Vec::new())).await.map_err(judged)?;
    connection.command(Data).await.map_err(judged)?;
    connection.message(mail).await.map_err(judged)?;
    Ok(())
}

fn judged(error: Error) -> SendError {
    if error.is_permanent() { SendError::Refused(error.into()) } else { unavailable(error) }
}

fn unavailable(error: Error) -> SendError {
    SendError::Unavailable(error.into())
}
