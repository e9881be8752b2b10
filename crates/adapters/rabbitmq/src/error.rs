//! Why there is no connection, in the operator's words.

use std::io;

use lapin::{
    ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
    uri::AMQPUri,
};
use portcullis_domain::port::Source;
use thiserror::Error;

use crate::{url::address, version::Minimum};

/// Why a broker was not connected to. Each message says what to do, and none holds a password.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error(
        "the broker's URL is none: {problem}; set it to amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps:// for TLS"
    )]
    Url {
        /// What is wrong with it.
        problem: String,
    },
    /// The service's own URL, which events name as their source, has no paths.
    #[error("the source of events is no http or https URL")]
    Origin,
    /// No exchange can have this name.
    #[error("{exchange:?} is no name for an exchange: use 1 to 255 bytes that do not begin with `amq.`")]
    ExchangeName {
        /// Which.
        exchange: String,
    },
    /// Nothing answers there, or not in time.
    #[error("no broker answers at {address}: start it, or correct the host and the port")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system says.
        #[source]
        source: Source,
    },
    /// It was away a moment ago, and is not tried again yet.
    #[error("the broker at {address} was away a moment ago: {reason}")]
    Away {
        /// Where.
        address: String,
        /// Why the last attempt failed.
        reason: String,
    },
    /// What answers does not speak TLS, or not with this program.
    #[error(
        "no TLS with what answers at {address}: use the broker's TLS port, or amqp:// on a network that can be trusted"
    )]
    NoTls {
        /// Where.
        address: String,
        /// What the TLS library says.
        #[source]
        source: Source,
    },
    /// The broker's certificate is not one that this machine trusts for this host.
    #[error(
        "the certificate of the broker at {address} is not trusted: use the name it is for, and add its authority to this machine's"
    )]
    Certificate {
        /// Where.
        address: String,
        /// What the TLS library says.
        #[source]
        source: Source,
    },
    /// What answers speaks something else.
    #[error(
        "what answers at {address} does not speak AMQP 0-9-1: correct the port, or use amqps:// for a TLS port"
    )]
    NotAmqp {
        /// Where.
        address: String,
    },
    /// It is RabbitMQ, and too old.
    #[error("the broker at {address} is RabbitMQ {version}: upgrade it to {} or later", Minimum)]
    TooOld {
        /// Where.
        address: String,
        /// Which version it says it is.
        version: String,
    },
    /// User name or password is wrong.
    #[error("the broker at {address} refuses the user {user:?}: correct the user name and the password")]
    Credentials {
        /// Where.
        address: String,
        /// Whom.
        user: String,
    },
    /// The virtual host is not there, or not for this user.
    #[error(
        "the broker at {address} has no virtual host {vhost:?} for the user {user:?}: create it, allow the user to use it, or correct the name"
    )]
    VirtualHost {
        /// Where.
        address: String,
        /// Which.
        vhost: String,
        /// For whom.
        user: String,
    },
    /// The exchange exists and is another kind of exchange.
    #[error(
        "the exchange {exchange:?} is there and is no durable topic exchange: delete it, or choose another name"
    )]
    ExchangeKind {
        /// Which.
        exchange: String,
    },
    /// The user may not do what is needed.
    #[error(
        "the user {user:?} may not declare the exchange {exchange:?}: allow it to configure and to write it, or choose another"
    )]
    Permission {
        /// Who.
        user: String,
        /// Which.
        exchange: String,
    },
    /// Anything else.
    #[error("the broker at {address} cannot be used")]
    Broker {
        /// Where.
        address: String,
        /// What the library or the broker says.
        #[source]
        source: Source,
    },
}

impl ConnectError {
    /// Whether waiting may help: the broker is away. All else is for the operator to mend.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Away { .. } | Self::Broker { .. })
    }

    /// What the handshake ended with.
    pub(crate) fn from_handshake(uri: &AMQPUri, error: lapin::Error) -> Self {
        let (address, user) = (address(uri), uri.authority.userinfo.username.clone());
        match error.kind() {
            ErrorKind::IOError(error) => Self::from_io(address, error),
            ErrorKind::ParsingError(_) | ErrorKind::InvalidProtocolVersion(_) => Self::NotAmqp { address },
            ErrorKind::ProtocolError(problem) => match problem.kind() {
                AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
                    Self::VirtualHost { address, vhost: uri.vhost.clone(), user }
                }
                // A broker that is told nothing of itself by a refused user says only that access is refused.
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Self::Credentials { address, user },
                AMQPErrorKind::Hard(AMQPHardError::FRAMEERROR) => Self::NotAmqp { address },
                _ => Self::Broker { address, source: error.into() },
            },
            _ => Self::Broker { address, source: error.into() },
        }
    }

    fn from_io(address: String, error: &io::Error) -> Self {
        let source = io::Error::new(error.kind(), error.to_string()).into();
        match error.get_ref().and_then(|error| error.downcast_ref::<TlsFailure>()) {
            Some(TlsFailure(problem)) if is_about_the_certificate(problem) => {
                Self::Certificate { address, source }
            }
            Some(_) => Self::NoTls { address, source },
            None => Self::Unreachable { address, source },
        }
    }

    /// What declaring the exchange ended with.
    pub(crate) fn from_declaration(uri: &AMQPUri, exchange: &str, error: lapin::Error) -> Self {
        let exchange = exchange.to_owned();
        match error.kind() {
            ErrorKind::ProtocolError(problem) => match problem.kind() {
                AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Self::ExchangeKind { exchange },
                AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
                    Self::Permission { user: uri.authority.userinfo.username.clone(), exchange }
                }
                _ => Self::Broker { address: address(uri), source: error.into() },
            },
            _ => Self::Broker { address: address(uri), source: error.into() },
        }
    }

    /// Nothing came of it in time.
    pub(crate) fn timed_out(uri: &AMQPUri) -> Self {
        let source = io::Error::from(io::ErrorKind::TimedOut).into();
        Self::Unreachable { address: address(uri), source }
    }
}

/// Marks an error of the TLS handshake on its way through lapin, which knows errors of input and output alone.
#[derive(Debug, Error)]
#[error("the TLS handshake failed: {0}")]
pub(crate) struct TlsFailure(pub(crate) io::Error);

/// By what rustls says; the kind of its errors is not handed out.
fn is_about_the_certificate(error: &io::Error) -> bool {
    error.to_string().contains("certificate")
}
