//! Read ports on the rows that commits write, and the few changes that are no events.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::{
    caller::Origin,
    id::{OneTimeCodeId, SessionId, SubjectId, UserId},
    key_ring::SealedSigningKey,
    seal::SubjectKey,
    session::Session,
    user::{Credential, User},
    value::{Email, Username},
    verification::{OneTimeCode, Purpose},
};

/// Users as the commits left them.
///
/// # Contract
///
/// * A put user is found by id, by address in any letter case, and by username.
/// * After a change of username the old one finds nobody.
#[async_trait]
pub trait Users: Send + Sync {
    /// By id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// By address, case-folded.
    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;
    /// By username.
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError>;
}

/// What people sign in with; apart from the users, so that no list of users ever carries a hash.
///
/// # Contract
///
/// * A put credential is found; a second put replaces it.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// By user.
    async fn find(&self, user: UserId) -> Result<Option<Credential>, StoreError>;
}

/// Signed-in sessions.
///
/// # Contract
///
/// * A put session is found; a deleted one is not; deleting all of one user's leaves everybody else's.
/// * `rotate` is one atomic compare-and-set on the generation: of any number that race from one generation exactly one is `Rotated`.
/// * `rotate` from another generation changes nothing and returns the session as it is.
/// * `rotate` of a session that is gone, or whose `expires_at` has passed at the rotation's time, is `Gone`.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// By id, expired or not.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// Of a user, newest first.
    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError>;
    /// Moves a session to its next generation.
    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError>;
}

/// A session's step to its next generation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The session.
    pub session: SessionId,
    /// The generation it must be at; it becomes the next.
    pub from_generation: u64,
    /// When: becomes `rotated_at` and `last_seen_at`.
    pub at: DateTime<Utc>,
    /// The session's new end.
    pub expires_at: DateTime<Utc>,
    /// Where it was asked for: becomes the session's origin.
    pub origin: Origin,
}

/// What came of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RotateOutcome {
    /// This call moved it; the session after it.
    Rotated(Session),
    /// It was at another generation; the session as it is.
    Stale(Session),
    /// There is no such live session.
    Gone,
}

/// Codes sent by mail.
///
/// # Contract
///
/// * A put code is found by user and purpose; deleting a user's codes of one purpose leaves the other purposes'.
/// * `take_attempt` counts atomically: of any number that race, exactly `limit` succeed over the code's life.
#[async_trait]
pub trait OneTimeCodes: Send + Sync {
    /// The newest code of a user for a purpose.
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError>;
    /// Counts an attempt; false when `limit` attempts were made before, or the code is gone.
    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError>;
}

/// Wrapped data keys, one a person.
///
/// # Contract
///
/// * A put key is found; a shredded one never again.
#[async_trait]
pub trait SubjectKeys: Send + Sync {
    /// By subject.
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError>;
}

/// The service's signing keys, sealed by the master key, one an epoch.
///
/// # Contract
///
/// * `list` returns them by epoch, as they were inserted.
/// * Of any number of keys that race for one epoch exactly one is inserted.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All of them, oldest epoch first.
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError>;
    /// Adds a key; false when its epoch has one already.
    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError>;
}
