//! Engine errors in the domain's words, and why Redis cannot be used, in the operator's.

use std::time::Duration;

use portcullis_domain::port::{Source, StoreError};
use redis::{ErrorKind, RedisError, ServerErrorKind};
use thiserror::Error;

/// The oldest server this adapter runs on: it has access control lists and tells its version to anyone it lets in
/// (<https://redis.io/docs/latest/commands/hello/>).
pub const MINIMUM_SERVER_VERSION: u32 = 6;

/// Why Redis cannot be used. Each message says what to do; none holds a password.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The URL does not read.
    #[error("the Redis URL does not read: write redis://user:password@host:6379/0, or rediss:// for TLS")]
    Url {
        /// What is wrong with it.
        #[source]
        source: Source,
    },
    /// Nobody answers there.
    #[error("no Redis answers at {server}: start it, or correct host and port")]
    Unreachable {
        /// Host and port.
        server: String,
        /// What the network says.
        #[source]
        source: Source,
    },
    /// Something else answers there.
    #[error(
        "what answers at {server} does not speak Redis, or only over TLS: correct the port, or write rediss://"
    )]
    NotRedis {
        /// Host and port.
        server: String,
        /// What the engine says.
        #[source]
        source: Source,
    },
    /// The server does not let this user in.
    #[error("{server} refuses the user or the password: correct them in the URL")]
    Credentials {
        /// Host and port.
        server: String,
        /// What the server says.
        #[source]
        source: Source,
    },
    /// The server lets this user in, and not do what is needed.
    #[error(
        "{server} does not let this user do what is needed: ACL SETUSER name ~{prefix}* &{prefix}* +@connection +@read +@write +@scripting +@pubsub +time"
    )]
    Permission {
        /// Host and port.
        server: String,
        /// What keys and channels begin with.
        prefix: String,
        /// What the server says.
        #[source]
        source: Source,
    },
    /// The server is too old.
    #[error(
        "{server} runs Redis {version}, and {MINIMUM_SERVER_VERSION} is the oldest that will do: upgrade it"
    )]
    TooOld {
        /// Host and port.
        server: String,
        /// Its version, as far as it tells.
        version: String,
    },
    /// The server takes no writes, since it copies another.
    #[error("{server} is a replica, which takes no writes: name its primary")]
    Replica {
        /// Host and port.
        server: String,
    },
    /// The server holds a part of the keys only.
    #[error("{server} is part of a cluster: name a server that stands alone")]
    Cluster {
        /// Host and port.
        server: String,
    },
    /// TLS was asked for, and the server does not offer it.
    #[error("{server} does not offer TLS: switch TLS on there, or write redis:// on a network you trust")]
    NoTls {
        /// Host and port.
        server: String,
        /// What the engine says.
        #[source]
        source: Source,
    },
    /// The server's certificate is not to be believed.
    #[error(
        "no TLS connection to {server}: see that its certificate is for this host and signed by an authority this machine knows"
    )]
    Tls {
        /// Host and port.
        server: String,
        /// What the engine says.
        #[source]
        source: Source,
    },
    /// Anything else.
    #[error("Redis at {server} cannot be used")]
    Engine {
        /// Host and port.
        server: String,
        /// What the engine says.
        #[source]
        source: Source,
    },
}

/// Why a call was not answered.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    #[error("Redis did not answer within {0:?}")]
    Late(Duration),
    #[error("Redis is away, and was not asked")]
    Away,
    #[error(transparent)]
    Engine(#[from] RedisError),
}

impl CallError {
    /// Whether the next call would fare no better. What is wrong with one key alone is not.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            Self::Late(_) => true,
            Self::Away => false,
            Self::Engine(error) => match error.kind() {
                ErrorKind::UnexpectedReturnType | ErrorKind::Server(ServerErrorKind::ResponseError) => false,
                _ => !is_wrong_type(error),
            },
        }
    }
}

impl From<CallError> for StoreError {
    fn from(error: CallError) -> Self {
        match &error {
            CallError::Engine(engine)
                if engine.kind() == ErrorKind::UnexpectedReturnType || is_wrong_type(engine) =>
            {
                Self::corrupt(error)
            }
            _ => Self::unavailable(error),
        }
    }
}

/// Whether a key holds what some other program put there; from within a script, older servers say so in the text alone.
fn is_wrong_type(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || error.detail().is_some_and(|detail| detail.contains("WRONGTYPE"))
}
