//! The one type that embedders hold. Its use cases are `impl Identity` blocks, one use case a file, beside the entity they change.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{
    caller::{Caller, Origin},
    commit::{Append, Commit, CommitError, Expected, RowChange},
    company::{Company, CompanyEvent},
    event::{
        Actor, EventData, EventType, NewEvent, StreamKind,
        personal::{self, Whence},
    },
    feature::Tally,
    id::{ApiKeyId, CompanyId, EventId, SessionId, StreamId, SubjectId, UserId, uuid_v7},
    port::{
        Accesses, ApiKeys, AttemptCounters, Clock, Companies, Credentials, Entropy, EventSearch, EventStore,
        FeatureUsages, Features, IdempotencyKeys, Invitations, LoginHistory, Members, OneTimeCodes,
        PasswordHasher, Retention, SessionCache, Sessions, StoreError, Streams, SubjectKeys, Tokens, Users,
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
    /// Attempts to sign in.
    pub login_history: Arc<dyn LoginHistory>,
    /// Companies.
    pub companies: Arc<dyn Companies>,
    /// Who belongs to them.
    pub members: Arc<dyn Members>,
    /// Invitations to them.
    pub invitations: Arc<dyn Invitations>,
    /// Who looked at whose data.
    pub accesses: Arc<dyn Accesses>,
    /// What streams are beside the log, and their snapshots.
    pub streams: Arc<dyn Streams>,
    /// What is kept in the place of events that were moved into an archive.
    pub retention: Arc<dyn Retention>,
    /// The log by other orders than its own.
    pub event_search: Arc<dyn EventSearch>,
    /// Requests that were done under a client's key.
    pub idempotency_keys: Arc<dyn IdempotencyKeys>,
    /// API keys.
    pub api_keys: Arc<dyn ApiKeys>,
    /// Features.
    pub features: Arc<dyn Features>,
    /// How often they were asked for.
    pub feature_usages: Arc<dyn FeatureUsages>,
    /// Failures that are counted, such as wrong passwords.
    pub attempt_counters: Arc<dyn AttemptCounters>,
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
    /// How long a session may last however much it is used.
    pub session_max_age: Duration,
    /// How many sessions an account may have at a time.
    pub max_sessions: u32,
    /// What happens to a sign-in beyond them.
    pub session_limit: SessionLimit,
    /// Whether an address must be verified before its owner can sign in.
    pub email_verification: bool,
    /// Whether a new password must differ from the last [`PASSWORD_HISTORY`](crate::user::PASSWORD_HISTORY).
    pub password_history: bool,
    /// How many failures of one source lock an account for it.
    pub max_login_attempts: u32,
    /// For how long.
    pub lockout: Duration,
    /// How many API keys an owner may have at a time.
    pub max_api_keys: u32,
    /// How long an API key is good, unless whoever makes it says.
    pub api_key_lifetime: Duration,
    /// How long after a rotation an API key's secret before it is good still.
    pub api_key_rotation_overlap: Duration,
}

/// What happens to a sign-in of an account that has as many sessions as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLimit {
    /// The session that was not used for longest ends.
    EvictOldest,
    /// The sign-in is refused.
    Reject,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            access_token_lifetime: Duration::from_secs(30 * 60),
            refresh_token_lifetime: Duration::from_secs(7 * 24 * 60 * 60),
            refresh_reuse_leeway: Duration::from_secs(10),
            session_max_age: Duration::from_secs(90 * 24 * 60 * 60),
            max_sessions: 5,
            session_limit: SessionLimit::EvictOldest,
            email_verification: true,
            password_history: true,
            max_login_attempts: 5,
            lockout: Duration::from_secs(15 * 60),
            max_api_keys: 20,
            api_key_lifetime: Duration::from_secs(365 * 24 * 60 * 60),
            api_key_rotation_overlap: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// Identity and authentication, whole: registration, sign-in, sessions, profiles, companies, administration.
#[derive(Clone)]
pub struct Identity {
    ports: Ports,
    policy: Policy,
    tally: Arc<Tally>,
}

/// What a use case decided about one account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// What happened.
    pub events: Vec<UserEvent>,
    /// Rows that do not follow from the events.
    pub rows: Vec<RowChange>,
}

impl Decision {
    /// The sessions that it ends by name.
    pub(crate) fn revoked_sessions(&self) -> Vec<SessionId> {
        let revoked = self.events.iter().filter_map(|event| match event {
            UserEvent::SessionRevoked { session_ids, .. } => Some(session_ids),
            _ => None,
        });
        revoked.flatten().copied().collect()
    }
}

/// What a use case decided about one company.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CompanyDecision {
    /// What happened.
    pub events: Vec<CompanyEvent>,
    /// Rows that do not follow from the events.
    pub rows: Vec<RowChange>,
}

/// Who did it, when, and from where.
pub(crate) struct Act<'a> {
    actor: Actor,
    origin: &'a Origin,
    pub(crate) now: DateTime<Utc>,
    /// The actor's data key, for acts on somebody else's stream.
    actor_key: Option<DataKey>,
}

/// Counts the tries of a use case that decides again after a conflict.
pub(crate) struct Tries(u32);

impl Identity {
    /// Joins ports and policy.
    pub fn new(ports: Ports, policy: Policy) -> Self {
        Self { ports, policy, tally: Arc::default() }
    }

    /// The ports, for subscriptions and tools.
    pub const fn ports(&self) -> &Ports {
        &self.ports
    }

    /// The policy.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What is counted and not committed yet; clones of this share it.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
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

    /// Draws a person's or company's data key; with the row that keeps it.
    pub(crate) fn new_data_key(&self, subject: SubjectId) -> (DataKey, RowChange) {
        let entropy = self.ports.entropy.as_ref();
        let key = DataKey::generate(entropy);
        let wrapped = self.ports.master_key.wrap(subject, &key, entropy);
        (key, RowChange::PutSubjectKey(wrapped))
    }

    /// A person's data key; `None` once they were erased.
    pub async fn data_key(&self, subject: SubjectId) -> Result<Option<DataKey>, StoreError> {
        let Some(key) = self.ports.subject_keys.find(subject).await? else { return Ok(None) };
        self.ports.master_key.unwrap(&key).map(Some).map_err(StoreError::corrupt)
    }

    /// As [`data_key`](Self::data_key), for an account that was just read.
    pub(crate) async fn data_key_of(&self, user: &User) -> Result<DataKey, StoreError> {
        if let Some(key) = self.data_key(user.id.into()).await? {
            return Ok(key);
        }
        // Erased since it was read; or the store lost the key.
        let is_gone = self.ports.users.find(user.id).await?.is_none();
        Err(if is_gone {
            StoreError::Contention
        } else {
            StoreError::corrupt("an account without a data key")
        })
    }

    /// An act of a caller on a stream that is not their own.
    pub(crate) async fn act_of<'a>(
        &self,
        caller: &Caller,
        origin: &'a Origin,
        now: DateTime<Utc>,
    ) -> Result<Act<'a>, StoreError> {
        let actor_key = self.data_key(caller.user.into()).await?;
        Ok(Act { actor: caller.actor(), origin, now, actor_key })
    }

    /// Commits a decision about one account; returns the account after it.
    pub(crate) async fn record(
        &self,
        id: UserId,
        before: Option<&User>,
        key: &DataKey,
        act: &Act<'_>,
        decision: Decision,
    ) -> Result<Option<User>, CommitError> {
        let mut commit = Commit::default();
        let after = self.stage(&mut commit, id, before, key, act, decision);
        self.ports.events.commit(commit).await?;
        Ok(after)
    }

    /// Adds a decision about one account to a commit: its events sealed and appended to its stream, the account they add up to, the keys
    /// it holds, and the decision's own rows. Returns the account after it.
    pub(crate) fn stage(
        &self,
        commit: &mut Commit,
        id: UserId,
        before: Option<&User>,
        key: &DataKey,
        act: &Act<'_>,
        decision: Decision,
    ) -> Option<User> {
        let after =
            decision.events.iter().fold(before.cloned(), |state, event| User::apply(state, event, act.now));
        let seal = |event: &UserEvent| {
            let kind = (event.event_type(), event.schema_version());
            self.seal_event(kind, event.data(), event.personal(), id.into(), key, act)
        };
        commit.appends.push(Append {
            stream: id.into(),
            kind: StreamKind::User,
            expected: before.map_or(Expected::New, |user| Expected::Exactly(user.version)),
            events: decision.events.iter().map(seal).collect(),
        });
        commit.claims.extend(User::claims_between(before, after.as_ref()));
        commit.rows.extend(after.clone().map(|user| RowChange::PutUser(Box::new(user))));
        commit.rows.extend(decision.rows);
        after
    }

    /// Adds a decision about one company to a commit, as [`stage`](Self::stage) does one about an account.
    pub(crate) fn stage_company(
        &self,
        commit: &mut Commit,
        id: CompanyId,
        before: Option<&Company>,
        key: &DataKey,
        act: &Act<'_>,
        decision: CompanyDecision,
    ) -> Option<Company> {
        let after = decision
            .events
            .iter()
            .fold(before.cloned(), |state, event| Company::apply(state, event, act.now));
        let seal = |event: &CompanyEvent| {
            let kind = (event.event_type(), event.schema_version());
            self.seal_event(kind, event.data(), event.personal(), id.into(), key, act)
        };
        commit.appends.push(Append {
            stream: id.into(),
            kind: StreamKind::Company,
            expected: before.map_or(Expected::New, |company| Expected::Exactly(company.version)),
            events: decision.events.iter().map(seal).collect(),
        });
        commit.claims.extend(Company::claims_between(before, after.as_ref()));
        commit.rows.extend(after.clone().map(|company| RowChange::PutCompany(Box::new(company))));
        commit.rows.extend(decision.rows);
        after
    }

    pub(crate) fn seal_event(
        &self,
        (event_type, schema_version): (&str, u32),
        data: EventData,
        personal: Option<serde_json::Value>,
        stream: StreamId,
        key: &DataKey,
        act: &Act<'_>,
    ) -> NewEvent {
        let id: EventId = self.new_id(act.now);
        NewEvent {
            id,
            event_type: EventType::new(event_type),
            schema_version,
            actor: act.actor,
            data,
            personal: Some(personal::seal(
                id,
                &act.whence(stream),
                personal,
                key,
                self.ports.entropy.as_ref(),
            )),
            recorded_at: act.now,
        }
    }
}

impl<'a> Act<'a> {
    /// A person's act on their own account.
    pub(crate) fn own(user: UserId, origin: &'a Origin, now: DateTime<Utc>) -> Self {
        Self { actor: Actor::User(user.into()), origin, now, actor_key: None }
    }

    /// An act of the service or its operator.
    pub(crate) const fn system(origin: &'a Origin, now: DateTime<Utc>) -> Self {
        Self { actor: Actor::System, origin, now, actor_key: None }
    }

    /// An act of whoever shows an API key, who is nobody in particular.
    pub(crate) fn of_api_key(key: ApiKeyId, origin: &'a Origin, now: DateTime<Utc>) -> Self {
        Self { actor: Actor::ApiKey(key.into()), origin, now, actor_key: None }
    }

    /// The same act of the same person, whose key is known, on streams of others too.
    #[must_use]
    pub(crate) fn with_key(self, key: DataKey) -> Self {
        Self { actor_key: Some(key), ..self }
    }

    fn whence(&self, stream: StreamId) -> Whence<'_> {
        match (&self.actor, &self.actor_key) {
            (Actor::User(user), _) if user == stream.as_uuid() => Whence::Own(self.origin),
            (_, Some(key)) => Whence::Other(self.origin, key),
            (_, None) => Whence::Nowhere,
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
