//! A commit is data: everything one decision changes, applied by a store all or nothing.

use std::fmt;

use chrono::{DateTime, Utc};
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::{
    api_key::{ApiKey, Principal},
    audit::Access,
    company::{Company, Invitation, Member},
    event::{Event, NewEvent, StreamKind, Version},
    feature::{Feature, FeatureName, FeatureUsage},
    id::{ApiKeyId, EventId, FeatureId, InvitationId, SessionId, StreamId, SubjectId, UserId},
    port::StoreError,
    seal::SubjectKey,
    session::{LoginAttempt, Session},
    stream::{IdempotentRequest, RequestDigest, Snapshot, StreamState},
    user::{Credential, User},
    value::{Email, ShortText, Username},
    verification::{OneTimeCode, Purpose},
};

/// Events, unique keys and rows that become visible together or not at all. A store applies it without a business
/// decision of its own, in the order: guards, claims as listed, appends as listed, rows as listed, shred.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// Events for one or more streams; each stream at most once.
    pub appends: Vec<Append>,
    /// Streams that must still be where they were when the commit was decided, though nothing is appended to them.
    pub guards: Vec<Guard>,
    /// Unique keys taken and released.
    pub claims: Vec<Claim>,
    /// Rows written and deleted.
    pub rows: Vec<RowChange>,
    /// Subjects whose data keys are destroyed.
    pub shred: Vec<SubjectId>,
}

/// Events for one stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// What the stream is of.
    pub kind: StreamKind,
    /// What its version must be for the commit to apply.
    pub expected: Expected,
    /// The events, in order; at least one.
    pub events: Vec<NewEvent>,
}

/// A stream whose state a decision rests on: it is still at the version when the commit is applied. Two commits of which each guards what
/// the other appends to are never both applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The stream; none that the commit appends to.
    pub stream: StreamId,
    /// The version it must be at.
    pub version: Version,
}

/// What a stream's version must be before an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Any,
    /// No event yet.
    New,
    /// Exactly this.
    Exactly(Version),
}

/// A change of who holds a unique key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Takes a key; fails when another owner holds it, and changes nothing when this one does.
    Take {
        /// The key.
        key: ClaimKey,
        /// Who takes it.
        owner: Uuid,
    },
    /// Gives a key back; changes nothing when this owner does not hold it.
    Release {
        /// The key.
        key: ClaimKey,
        /// Who gives it back.
        owner: Uuid,
    },
}

/// A key that at most one owner holds, such as `email:jane@example.com`. It is folded when made, so stores compare bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClaimKey {
    space: ClaimSpace,
    key: String,
}

/// What kind of key is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimSpace {
    /// An e-mail address.
    Email,
    /// A username.
    Username,
    /// A company's registration number.
    BusinessNumber,
    /// A request that a client may send again.
    IdempotencyKey,
    /// A feature's name.
    Feature,
}

/// A row that reads are served from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowChange {
    /// Writes a user, new or not.
    PutUser(Box<User>),
    /// Deletes a user; what refers to them is deleted by changes before this one.
    DeleteUser(UserId),
    /// Writes a user's credential, new or not.
    PutCredential(Credential),
    /// Deletes a user's credential.
    DeleteCredential(UserId),
    /// Writes a subject's wrapped data key.
    PutSubjectKey(SubjectKey),
    /// Writes a session, new or not.
    PutSession(Session),
    /// Deletes one session.
    DeleteSession(SessionId),
    /// Deletes every session of a user.
    DeleteSessionsOf(UserId),
    /// Writes a one-time code, new or not.
    PutOneTimeCode(OneTimeCode),
    /// Deletes a user's codes of one purpose.
    DeleteOneTimeCodesOf(UserId, Purpose),
    /// Writes a company, new or not.
    PutCompany(Box<Company>),
    /// Writes a membership, new or not; a user has one at most.
    PutMember(Member),
    /// Deletes a user's membership.
    DeleteMember(UserId),
    /// Writes an invitation, new or not.
    PutInvitation(Invitation),
    /// Deletes an invitation.
    DeleteInvitation(InvitationId),
    /// Deletes every invitation that was mailed to an address, whatever its letter case.
    DeleteInvitationsTo(Email),
    /// Adds a line to a user's login history.
    PutLoginAttempt(LoginAttempt),
    /// Deletes a user's login history.
    DeleteLoginAttemptsOf(UserId),
    /// Notes that somebody looked at another's data.
    PutAccess(Access),
    /// Deletes the notes of who looked at a stream's data.
    DeleteAccessesTo(StreamId),
    /// Writes a stream's state, new or not.
    PutStreamState(StreamState),
    /// Deletes a stream's state.
    DeleteStreamState(StreamId),
    /// Writes a snapshot, new or not.
    PutSnapshot(Snapshot),
    /// Deletes a stream's snapshots of versions below one.
    DeleteSnapshotsBelow(StreamId, Version),
    /// Writes what was done under a client's key, new or not.
    PutIdempotentRequest(IdempotentRequest),
    /// Deletes what was done under a client's key, if it is still what this one claimed.
    DeleteIdempotentRequest(RequestDigest, EventId),
    /// Writes an API key, new or not.
    PutApiKey(Box<ApiKey>),
    /// Notes that an API key was used; changes nothing where it is gone, or was used later.
    TouchApiKey(ApiKeyId, DateTime<Utc>),
    /// Deletes an API key.
    DeleteApiKey(ApiKeyId),
    /// Deletes every API key of an owner.
    DeleteApiKeysOf(Principal),
    /// Writes a feature, new or not.
    PutFeature(Box<Feature>),
    /// Deletes a feature.
    DeleteFeature(FeatureId),
    /// Adds to what was counted of a feature and a key; nothing where the feature is gone.
    AddFeatureUsage(FeatureUsage),
    /// Deletes what was counted of a feature.
    DeleteFeatureUsagesOf(FeatureId),
}

/// What a commit became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The events as stored, in the order they were appended.
    pub events: Vec<Event>,
}

/// Why a commit was not applied; nothing of it was.
#[derive(Debug, Error)]
pub enum CommitError {
    /// A stream was not at the expected version: somebody else wrote first.
    #[error("stream {stream} is at version {actual}, not {expected}")]
    Conflict {
        /// The stream.
        stream: StreamId,
        /// What the commit expected; 0 for a new stream.
        expected: Version,
        /// What it is.
        actual: Version,
    },
    /// Another owner holds a unique key.
    #[error("{key} is taken")]
    Taken {
        /// The key.
        key: ClaimKey,
    },
    /// The store failed; whether the commit was applied may be unknown.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Expected {
    /// Checks a stream's version against the expectation.
    pub fn check(self, stream: StreamId, actual: Version) -> Result<(), CommitError> {
        let expected = match self {
            Self::Any => return Ok(()),
            Self::New => 0,
            Self::Exactly(version) => version,
        };
        if expected == actual { Ok(()) } else { Err(CommitError::Conflict { stream, expected, actual }) }
    }
}

impl ClaimKey {
    /// The key of an address.
    pub fn email(email: &Email) -> Self {
        Self { space: ClaimSpace::Email, key: email.folded() }
    }

    /// The key of a username.
    pub fn username(username: &Username) -> Self {
        Self { space: ClaimSpace::Username, key: username.as_str().to_lowercase() }
    }

    /// The key of a company's registration number: its letters and digits, in whatever way it is separated and in whatever width it is
    /// typed (Unicode's NFKC).
    pub fn business_number(number: &ShortText) -> Self {
        let key =
            number.as_str().nfkc().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
        Self { space: ClaimSpace::BusinessNumber, key }
    }

    /// The key of a request under a client's key.
    pub fn idempotency_key(key: RequestDigest) -> Self {
        Self { space: ClaimSpace::IdempotencyKey, key: key.to_string() }
    }

    /// The key of a feature's name.
    pub fn feature(name: &FeatureName) -> Self {
        Self { space: ClaimSpace::Feature, key: name.as_str().to_lowercase() }
    }

    /// What kind of key it is.
    pub const fn space(&self) -> ClaimSpace {
        self.space
    }

    /// The key as a store keeps it, its kind before it.
    pub fn to_stored(&self) -> String {
        format!("{}:{}", self.space.as_str(), self.key)
    }
}

impl ClaimSpace {
    /// The kind as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Username => "username",
            Self::BusinessNumber => "business_number",
            Self::IdempotencyKey => "idempotency_key",
            Self::Feature => "feature",
        }
    }
}

/// Without the key itself, which is personal data.
impl fmt::Display for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.space.as_str())
    }
}

impl fmt::Debug for ClaimKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimKey({}:***)", self.space.as_str())
    }
}
