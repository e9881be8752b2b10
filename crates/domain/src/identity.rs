//! The one type that embedders hold. Its use cases are `impl Identity` blocks, one use case a file, beside the entity they change.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    caller::Origin,
    commit::{Append, Commit, CommitError, Expected, RowChange},
    event::{Actor, NewEvent, StreamKind, personal},
    id::{EventId, SubjectId, UserId, uuid_v7},
    port::{
        Clock, Credentials, Entropy, EventStore, OneTimeCodes, PasswordHasher, SessionCache, Sessions,
        StoreError, SubjectKeys, Tokens, Users,
    },
    seal::{DataKey, MasterKey},
    user::{User, UserEvent},
};

/// How often a use case decides anew after somebody else changed the same stream first.
const MAX_TRIES: u32 = 3;
/// Sign-ins to one account all change its stream, and none of them is wrong: they try for longer. Each conflict means that
/// another one got through, so this is how many of them can race and all get through.
const MAX_SIGN_IN_TRIES: u32 = 100;

/// What the domain needs of the world outside.
#[derive(Clone)]
pub struct Ports {
    /// The log and the way to change anything.
    pub events: Arc<dyn EventStore>,
    /// Users.
    pub users: Arc<dyn Users>,
    /// Password hashes.
    pub credentials: Arc<dyn Credentials>,
    /// Sessions.
    pub sessions: Arc<dyn Sessions>,
    /// Codes sent by mail.
    pub one_time_codes: Arc<dyn OneTimeCodes>,
    /// Data keys, wrapped.
    pub subject_keys: Arc<dyn SubjectKeys>,
    /// What the store said of sessions, where asking it for every request would cost too much; `None` asks it every time.
    pub session_cache: Option<Arc<dyn SessionCache>>,
    /// Password hashing.
    pub password_hasher: Arc<dyn PasswordHasher>,
    /// Tokens.
    pub tokens: Arc<dyn Tokens>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// The key that wraps all data keys.
    pub master_key: MasterKey,
}

/// What an operator may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long an access token is good.
    pub access_token_lifetime: Duration,
    /// How long a refresh token, and so an unused session, is good.
    pub refresh_token_lifetime: Duration,
    /// How long after a rotation the token before it still gets the new one: for a client whose answer was lost.
    pub refresh_reuse_leeway: Duration,
    /// Whether an address must be verified before its owner can sign in.
    pub email_verification: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            access_token_lifetime: Duration::from_secs(30 * 60),
            refresh_token_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            refresh_reuse_leeway: Duration::from_secs(10),
            email_verification: true,
        }
    }
}

/// Identity and authentication, whole: registration, sign-in, sessions, profiles.
#[derive(Clone)]
pub struct Identity {
    ports: Ports,
    policy: Policy,
}

/// What a use case decided about one account.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What happened.
    pub events: Vec<UserEvent>,
    /// Rows that do not follow from the events.
    pub rows: Vec<RowChange>,
}

/// Who did it, when, and from where.
pub(crate) struct Act<'a> {
    pub(crate) actor: Actor,
    pub(crate) origin: &'a Origin,
    pub(crate) now: DateTime<Utc>,
}

/// Counts the tries of a use case that decides again after a conflict.
pub(crate) struct Tries(u32);

impl Identity {
    /// Joins ports and policy.
    pub const fn new(ports: Ports, policy: Policy) -> Self {
        Self { ports, policy }
    }

    /// The ports, for subscriptions and tools.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.ports.clock.now()
    }

    /// A new id of any kind.
    pub fn new_id<I: From<Uuid>>(&self, now: DateTime<Utc>) -> I {
        let mut random = [0; 10];
        self.ports.entropy.fill(&mut random);
        uuid_v7(now, random).into()
    }

    /// A person's data key; `None` once they were erased.
    pub async fn data_key(&self, subject: SubjectId) -> Result<Option<DataKey>, StoreError> {
        let Some(key) = self.ports.subject_keys.find(subject).await? else { return Ok(None) };
        self.ports.master_key.unwrap(&key).map(Some).map_err(StoreError::corrupt)
    }

    /// As [`data_key`](Self::data_key), for an account that was just read.
    pub(crate) async fn data_key_of(&self, user: &User) -> Result<DataKey, StoreError> {
        self.data_key(user.id.into())
            .await?
            .ok_or_else(|| StoreError::corrupt("an account without a data key"))
    }

    /// Commits a decision about one account: its events sealed and appended to its stream, the account they add up to, the
    /// keys it holds, and the decision's own rows. Returns the account after it.
    pub(crate) async fn record(
        &self,
        id: UserId,
        before: Option<&User>,
        key: &DataKey,
        act: &Act<'_>,
        decision: Decision,
    ) -> Result<Option<User>, CommitError> {
        let after =
            decision.events.iter().fold(before.cloned(), |state, event| User::apply(state, event, act.now));
        let events = decision.events.iter().map(|event| self.seal_event(event, key, act)).collect();
        let expected = before.map_or(Expected::New, |user| Expected::Exactly(user.version));
        let put = after.clone().map(|user| RowChange::PutUser(Box::new(user)));
        let commit = Commit {
            appends: vec![Append { stream: id.into(), kind: StreamKind::User, expected, events }],
            claims: User::claims_between(before, after.as_ref()),
            rows: put.into_iter().chain(decision.rows).collect(),
            shred: Vec::new(),
        };
        self.ports.events.commit(commit).await?;
        Ok(after)
    }

    fn seal_event(&self, event: &UserEvent, key: &DataKey, act: &Act<'_>) -> NewEvent {
        let id: EventId = self.new_id(act.now);
        NewEvent {
            id,
            event_type: crate::event::EventType::new(event.event_type()),
            schema_version: event.schema_version(),
            actor: act.actor,
            data: event.data(),
            personal: Some(personal::seal(
                id,
                act.origin,
                event.personal(),
                key,
                self.ports.entropy.as_ref(),
            )),
            recorded_at: act.now,
        }
    }
}

impl Tries {
    pub(crate) const fn few() -> Self {
        Self(MAX_TRIES)
    }

    pub(crate) const fn many() -> Self {
        Self(MAX_SIGN_IN_TRIES)
    }

    /// After a failed commit: `Ok` to load and decide again, or the error to end with.
    pub(crate) fn again(&mut self, error: CommitError) -> Result<(), StoreError> {
        self.0 -= 1;
        match error {
            CommitError::Conflict { .. } if self.0 > 0 => Ok(()),
            CommitError::Conflict { .. } | CommitError::Taken { .. } => Err(StoreError::Contention),
            CommitError::Store(error) => Err(error),
        }
    }
}
