//! What replicas of Portcullis share in Redis 6 or later, so that they act as one: a second-level cache of sessions, limits of
//! rate, counters of failed attempts, and news of revoked sessions.
//!
//! None of it is the truth, and nothing here must stop the service:
//!
//! * **A deadline for each call**: an answer that comes too late is a failure.
//! * **An outage fails fast**: after a failure calls fail at once, until a probe, one a second, finds the server back.
//!   Revocations and what an account's change makes outdated are tried all the same.
//! * **One clock**: limits go by the server's, whatever the replicas' say.
//! * **Bounded**: every key expires by itself. Keys hold digests in place of addresses and accounts.
//!
//! The server is one that stands alone; not a cluster. Give it a password, and TLS (`rediss://`) where others can listen: who
//! writes to it can bring a revoked session back for as long as caches are believed.

mod attempt_counter;
mod connection;
mod error;
mod rate_limiter;
mod revocation;
mod script;
mod session_cache;
#[cfg(test)]
mod tests;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use connection::{Connections, Server};
pub use error::{MINIMUM_SERVER_VERSION, OpenError};
pub use revocation::{Revocation, Revocations};

/// How a server is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What all keys and channels begin with, so that several services can share a server.
    pub key_prefix: String,
    /// How long a call may take.
    pub deadline: Duration,
    /// How often a server that is away is asked whether it is back, and a subscription whether it still stands.
    pub probe_interval: Duration,
    /// How long the server may take to answer when a program starts.
    pub start_timeout: Duration,
    /// Connections at most; one more listens. Any number of calls share one.
    pub connections: NonZeroU32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key_prefix: "portcullis:".to_owned(),
            deadline: Duration::from_millis(250),
            probe_interval: Duration::from_secs(1),
            start_timeout: Duration::from_secs(5),
            connections: NonZeroU32::MIN.saturating_add(3),
        }
    }
}

/// A Redis server. It implements `SessionCache`, `RateLimiter` and `AttemptCounters`; clone an `Arc` of it into each. Needs a
/// tokio runtime.
pub struct Redis {
    connections: Arc<Connections>,
    options: Options,
}

impl Redis {
    /// Takes a server's URL (`redis://`, `rediss://` for TLS, `unix://`) without asking the server anything.
    pub fn new(url: &str, options: Options) -> Result<Self, OpenError> {
        let connections = Connections::new(Server::parse(url)?, &options);
        Ok(Self { connections, options })
    }

    /// Takes a server's URL, and [checks](Self::check) the server.
    pub async fn connect(url: &str, options: Options) -> Result<Self, OpenError> {
        let redis = Self::new(url, options)?;
        redis.check().await?;
        Ok(redis)
    }

    /// Whether the server will do, found out by doing once everything that calls will do. For the start of a program, which may
    /// want to go on where the server is merely [away](OpenError::Unreachable).
    pub async fn check(&self) -> Result<(), OpenError> {
        self.connections.server().check(&self.options).await
    }

    /// Whether the server answered last. It is probed while it does not, so this becomes true again by itself.
    pub fn is_up(&self) -> bool {
        self.connections.is_up()
    }

    fn key(&self, kind: &str, name: &str) -> String {
        format!("{}{kind}:{name}", self.options.key_prefix)
    }

    /// A key of bounded length in which nobody reads an address or an account.
    fn digest_key(&self, kind: &str, name: &str) -> String {
        let digest = blake3::hash(name.as_bytes());
        self.key(kind, &data_encoding::BASE64URL_NOPAD.encode(digest.as_bytes()))
    }
}

/// Without the password.
impl std::fmt::Debug for Redis {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redis({})", self.connections.server())
    }
}

/// Longer than anything is kept, and short enough for the server to add to its clock: a century.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// Whole milliseconds, the server's unit, of which nothing lasts longer than it may.
fn milliseconds_at_most(time: Duration) -> u128 {
    time.min(LONGEST).as_millis()
}

/// Whole milliseconds, of which nothing ends before its time.
fn milliseconds_at_least(time: Duration) -> u128 {
    time.min(LONGEST).as_nanos().div_ceil(1_000_000)
}
