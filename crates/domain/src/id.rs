//! Identifiers: newtypes over `UUIDv7` (RFC 9562 §5.7), so that an id of one thing cannot be passed for another's and rows
//! written together lie together.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps an id that was made before.
            pub const fn new(id: Uuid) -> Self {
                Self(id)
            }

            /// The bare UUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

ids! {
    /// A person's account.
    UserId
    /// A company.
    CompanyId
    /// A signed-in session: one family of refresh tokens.
    SessionId
    /// One event, unique over all streams; what consumers deduplicate by.
    EventId
    /// The event history of one user, company or feature; the same UUID as its id.
    StreamId
    /// A one-time code sent by mail.
    OneTimeCodeId
    /// A person or company whose data is sealed under a key of its own; the same UUID as the user's or company's id.
    SubjectId
    /// One issued access token (`jti`).
    TokenId
    /// An invitation to a company.
    InvitationId
    /// An attempt to sign in.
    LoginAttemptId
    /// A look at somebody's personal data.
    AccessId
    /// A stream's state at a version, kept.
    SnapshotId
    /// An API key.
    ApiKeyId
    /// A feature.
    FeatureId
}

impl From<UserId> for StreamId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl From<CompanyId> for StreamId {
    fn from(id: CompanyId) -> Self {
        Self(id.0)
    }
}

impl From<FeatureId> for StreamId {
    fn from(id: FeatureId) -> Self {
        Self(id.0)
    }
}

impl From<FeatureId> for SubjectId {
    fn from(id: FeatureId) -> Self {
        Self(id.0)
    }
}

impl From<CompanyId> for SubjectId {
    fn from(id: CompanyId) -> Self {
        Self(id.0)
    }
}

impl From<UserId> for SubjectId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

/// Makes a `UUIDv7` of a time and ten random bytes: the domain reads neither a clock nor a source of randomness by itself.
pub(crate) fn uuid_v7(now: DateTime<Utc>, random: [u8; 10]) -> Uuid {
    let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}
