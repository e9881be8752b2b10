//! The ports: what the domain needs of the world outside. Each trait's documentation has a `# Contract`, and each line of
//! it is enforced by a case of the contract kit (`portcullis-contract`) that anybody can run on an adapter of their own.

mod attempt_counter;
mod checkpoint;
mod clock;
mod entropy;
mod event_store;
mod login_history;
mod mailer;
mod password_hasher;
mod publisher;
mod rate_limiter;
mod replay;
mod retention;
mod row;
mod session_cache;
mod stream;
mod subscription;
mod token;

use thiserror::Error;

pub use attempt_counter::{AttemptCounters, Attempts};
pub use checkpoint::{
    CheckpointSigner, CheckpointVerifier, Checkpoints, Covering, PublicKey, SignatureError,
};
pub use clock::Clock;
pub use entropy::Entropy;
pub use event_store::{EventStore, FeedCursor, FeedItem, StreamHead};
pub use login_history::LoginHistory;
pub use mailer::{Mail, MailError, Mailer};
pub use password_hasher::{HashError, PasswordHasher, UnreadableHash, Verdict};
pub use publisher::{Message, PublishError, Publisher, Unroutable};
pub use rate_limiter::{Quota, RateLimiter, RateVerdict};
pub use replay::{Replays, Shadow};
pub use retention::Retention;
pub use row::{
    Accesses, ApiKeys, Companies, Credentials, FeatureUsages, Features, Invitations, KeyReplacement, Members,
    OneTimeCodes, RotateOutcome, Rotation, Sessions, SigningKeys, SubjectKeys, UserCount, UserCursor,
    UserQuery, Users,
};
pub use session_cache::{CachedSession, LiveSession, SessionCache};
pub use stream::{
    EventListQuery, EventPage, EventScope, EventSearch, EventSearchQuery, IdempotencyKeys, StreamStatistics,
    Streams,
};
pub use subscription::{DeadLetter, SubscriptionState, Subscriptions};
pub use token::{AccessClaims, RefreshClaims, TokenError, Tokens};

#[cfg(feature = "mock")]
pub use {event_store::MockEventStore, mailer::MockMailer, publisher::MockPublisher};

/// Any error of an adapter's engine.
pub type Source = Box<dyn std::error::Error + Send + Sync>;

/// A store could not do what it was asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store cannot be reached or refuses work; trying again later may help.
    #[error("the store is unavailable")]
    Unavailable(#[source] Source),
    /// Others changed the same stream so often that the change found no turn; trying again helps.
    #[error("too many concurrent changes")]
    Contention,
    /// What is stored does not read as what it should be.
    #[error("stored data cannot be read")]
    Corrupt(#[source] Source),
}

impl StoreError {
    /// Wraps data that do not read.
    pub fn corrupt(source: impl Into<Source>) -> Self {
        Self::Corrupt(source.into())
    }

    /// Wraps an engine that does not answer.
    pub fn unavailable(source: impl Into<Source>) -> Self {
        Self::Unavailable(source.into())
    }
}
