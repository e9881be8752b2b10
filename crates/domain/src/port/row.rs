//! Read ports on the rows that commits write, and the few changes that are no events.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::StoreError;
use crate::{
    api_key::{ApiKey, ApiKeyPrefix, Principal},
    audit::Access,
    caller::{Origin, Role},
    company::{Company, Invitation, Member, Membership},
    feature::{Feature, FeatureName, FeatureUsage, UsageTotal},
    id::{
        AccessId, ApiKeyId, CompanyId, FeatureId, InvitationId, OneTimeCodeId, SessionId, StreamId,
        SubjectId, UserId,
    },
    key_ring::SealedSigningKey,
    seal::{Sealed, SubjectKey},
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
/// * A deleted user is found by nothing, and is in no list.
/// * `list` without a query gives the newest first, by id; with one, those of whom address, name or username begins with it in any letter
///   case, by their `UserQuery::term_of` and id, each once.
/// * `list` gives those who meet every filter and nobody else; a page goes on after the cursor, without a gap or a repeat.
/// * `count` tells how many users there are, and how many of them are active.
#[async_trait]
pub trait Users: Send + Sync {
    /// By id.
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError>;
    /// By address, case-folded.
    async fn find_by_email(&self, email: &Email) -> Result<Option<User>, StoreError>;
    /// By username.
    async fn find_by_username(&self, username: &Username) -> Result<Option<User>, StoreError>;
    /// Those a query finds, after the cursor, at most `limit`.
    async fn list(
        &self,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError>;
    /// How many there are. It may take as long as reading an index from end to end: not for every request.
    async fn count(&self) -> Result<UserCount, StoreError>;
}

/// How many users there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserCount {
    /// All of them.
    pub all: u64,
    /// Those who are active.
    pub active: u64,
}

/// What people sign in with; apart from the users, so that no list of users ever carries a hash.
///
/// # Contract
///
/// * A put credential is found, its history in its order; a second put replaces it; a deleted one is not found.
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
/// * `touch` moves `last_seen_at` forward only, and changes nothing else.
/// * `rotate` from another generation changes nothing and returns the session as it is.
/// * A rotation moves `expires_at`, but never beyond the session's `ends_at`.
/// * `rotate` of a session that is gone, or whose `expires_at` has passed at the rotation's time, is `Gone`.
/// * `count_live` counts the sessions whose `expires_at` has not passed at the time.
/// * `prune` deletes the sessions whose `expires_at` lies before the time, and nothing else, and says how many.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// By id, expired or not.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// Of a user, newest first.
    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError>;
    /// Moves a session to its next generation.
    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError>;
    /// Notes that a session was used; does nothing where it is gone, or was used later than `at`.
    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError>;
    /// How many live at a time. As with [`Users::count`], it may take long.
    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError>;
    /// Deletes those that have run out before.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
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
/// * `prune` deletes the codes whose `expires_at` lies before the time, and nothing else, and says how many.
#[async_trait]
pub trait OneTimeCodes: Send + Sync {
    /// The newest code of a user for a purpose.
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError>;
    /// Counts an attempt; false when `limit` attempts were made before, or the code is gone.
    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError>;
    /// Deletes those that have run out before.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}

/// Wrapped data keys, one a person or company.
///
/// # Contract
///
/// * A put key is found; a shredded one never again.
/// * `list` gives every key by subject; a page goes on after the given one, without a gap or a repeat.
/// * `replace` changes the keys that are still as they were read, and no other, and says how many; a shredded one stays gone.
#[async_trait]
pub trait SubjectKeys: Send + Sync {
    /// By subject.
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError>;
    /// All, by subject, those after the given one, at most `limit`.
    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError>;
    /// Puts other bytes in place of those that were read, for a change of the master key.
    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError>;
}

/// A subject key as it was read, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReplacement {
    /// As it was read.
    pub from: SubjectKey,
    /// The same key, wrapped anew.
    pub to: Sealed,
}

/// Companies as the commits left them.
///
/// # Contract
///
/// * A put company is found; a second put replaces it.
#[async_trait]
pub trait Companies: Send + Sync {
    /// By id.
    async fn find(&self, id: CompanyId) -> Result<Option<Company>, StoreError>;
}

/// Who belongs to which company.
///
/// # Contract
///
/// * A put membership is found with its company's name, as it is now; a second put replaces it, also one of another company; a deleted one is
///   not found.
/// * `find_many` gives the memberships of those of the given users who have one.
/// * `list_by_company` gives a company's members and nobody else, by user id; a page goes on after the given one, without a gap or a repeat.
/// * `list_owners` gives active owners alone.
#[async_trait]
pub trait Members: Send + Sync {
    /// By user.
    async fn find(&self, user: UserId) -> Result<Option<Membership>, StoreError>;
    /// By users, in any order.
    async fn find_many(&self, users: &[UserId]) -> Result<Vec<Membership>, StoreError>;
    /// Of a company, after the given one, at most `limit`.
    async fn list_by_company(
        &self,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError>;
    /// Active owners of a company, by user id, at most `limit`.
    async fn list_owners(&self, company: CompanyId, limit: usize) -> Result<Vec<Member>, StoreError>;
}

/// Invitations to companies.
///
/// # Contract
///
/// * A put invitation is found, expired or not; a deleted one is not.
/// * Deleting those to an address leaves the others.
/// * `prune` deletes the invitations whose `expires_at` lies before the time, and nothing else, and says how many.
#[async_trait]
pub trait Invitations: Send + Sync {
    /// By id.
    async fn find(&self, id: InvitationId) -> Result<Option<Invitation>, StoreError>;
    /// Deletes those that have run out before.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}

/// Who looked at whose personal data.
///
/// # Contract
///
/// * Put notes are listed newest first, of one instant the greatest id first; each stream's apart; a page goes on after the given one, without
///   a gap or a repeat.
/// * `list_since` gives them oldest first, of one instant the least id first, those beyond a time and id alone, which need not be there.
/// * Deleting those of a stream leaves the others'.
/// * `prune` deletes what is older than the time, and nothing else, and says how many.
#[async_trait]
pub trait Accesses: Send + Sync {
    /// To a stream's data, newest first, those after `after` in that order, at most `limit`.
    async fn list_by_stream(
        &self,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError>;
    /// To a stream's data, oldest first, those beyond `after`, at most `limit`.
    async fn list_since(
        &self,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError>;
    /// Deletes what is older.
    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError>;
}

/// API keys as the commits left them.
///
/// # Contract
///
/// * A put key is found by its prefix, as it was put, expired or not; a second put replaces it; a deleted one is not found.
/// * `list_by_owner` gives an owner's keys and nobody else's, newest first, by id; deleting all of one owner's leaves everybody else's.
/// * A touch moves `last_used_at` forward only, and changes nothing else; of a key that is gone it does nothing.
#[async_trait]
pub trait ApiKeys: Send + Sync {
    /// By the public part of its text.
    async fn find_by_prefix(&self, prefix: &ApiKeyPrefix) -> Result<Option<ApiKey>, StoreError>;
    /// Of an owner, newest first.
    async fn list_by_owner(&self, owner: Principal) -> Result<Vec<ApiKey>, StoreError>;
}

/// Features as the commits left them.
///
/// # Contract
///
/// * A put feature is found by its name, as it was put; a second put replaces it; a deleted one is not found, and its name finds the next one.
/// * `list` gives all of them by name, in the order of their bytes; a page goes on after the given name, without a gap or a repeat.
#[async_trait]
pub trait Features: Send + Sync {
    /// By name.
    async fn find(&self, name: &FeatureName) -> Result<Option<Feature>, StoreError>;
    /// After the given one, at most `limit`.
    async fn list(&self, after: Option<&FeatureName>, limit: usize) -> Result<Vec<Feature>, StoreError>;
}

/// How often features were asked for, by key.
///
/// # Contract
///
/// * What is added to a feature and a key adds up, and its time is the latest; of any number that race none is lost.
/// * What is added to a feature that is gone is passed over.
/// * `list` gives a feature's counts and no other's, by key id; a page goes on after the given key, without a gap or a repeat; `total` is their sum, and nought where there is none.
/// * Deleting those of a feature leaves the others'.
#[async_trait]
pub trait FeatureUsages: Send + Sync {
    /// Of a feature, after the given key, at most `limit`.
    async fn list(
        &self,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError>;
    /// Of a feature, over all keys.
    async fn total(&self, feature: FeatureId) -> Result<UsageTotal, StoreError>;
}

/// Which users are looked for: those who meet all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserQuery {
    /// Whose address, name or username begins with this; case-folded when made by [`UserQuery::prefix`].
    pub prefix: Option<String>,
    /// With this role.
    pub role: Option<Role>,
    /// Active or not.
    pub is_active: Option<bool>,
    /// Members of this company, pending ones too.
    pub company: Option<CompanyId>,
}

/// A place in a list of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCursor {
    /// The term the user was found by; `None` in a list without a prefix.
    pub term: Option<String>,
    /// The user.
    pub id: UserId,
}

impl UserQuery {
    /// Folds a prefix as terms are folded.
    #[must_use]
    pub fn prefix(text: &str) -> String {
        text.to_lowercase()
    }

    /// What a user is found by, and listed in the order of: the least of their folded address, name and username that begins with the
    /// prefix.
    pub fn term_of(&self, user: &User) -> Option<String> {
        let prefix = self.prefix.as_deref()?;
        user.search_terms().into_iter().filter(|term| term.starts_with(prefix)).min()
    }

    /// Where a list goes on after a user it gave.
    pub fn cursor_after(&self, user: &User) -> UserCursor {
        UserCursor { term: self.term_of(user), id: user.id }
    }
}

/// The service's signing keys, sealed by the master key, one an epoch.
///
/// # Contract
///
/// * `list` returns them by epoch, as they were inserted.
/// * Of any number of keys that race for one epoch exactly one is inserted.
/// * `replace` changes the material of a key that is still as it was read, and nothing else.
#[async_trait]
pub trait SigningKeys: Send + Sync {
    /// All of them, oldest epoch first.
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError>;
    /// Adds a key; false when its epoch has one already.
    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError>;
    /// Puts other bytes in place of those that were read, for a change of the master key; false where they are others by now.
    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError>;
}
