//! A store around the memory adapter, with a fault in one place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_domain::{
    api_key::{ApiKey, Principal},
    audit::Access,
    checkpoint::SignedCheckpoint,
    commit::{Commit, CommitError, Committed},
    company::{Member, Membership},
    event::{Event, Version},
    feature::{Feature, FeatureName, FeatureUsage, UsageTotal},
    id::{
        AccessId, ApiKeyId, CompanyId, EventId, FeatureId, LoginAttemptId, OneTimeCodeId, SessionId,
        StreamId, SubjectId, UserId,
    },
    key_ring::SealedSigningKey,
    port::{
        Accesses, ApiKeys, Checkpoints, Covering, DeadLetter, EventStore, FeatureUsages, Features,
        FeedCursor, FeedItem, Invitations, KeyReplacement, LoginHistory, Members, OneTimeCodes, Replays,
        Retention, RotateOutcome, Rotation, Sessions, Shadow, SigningKeys, StoreError, StreamHead,
        SubjectKeys, SubscriptionState, Subscriptions, UserCount, UserCursor, UserQuery, Users,
    },
    retention::{Horizon, StreamBase},
    seal::{Sealed, SubjectKey},
    session::{LoginAttempt, Session},
    user::User,
    verification::{OneTimeCode, Purpose},
};
use portcullis_memory::Memory;
use uuid::Uuid;

/// Long enough that whoever races gets in between.
pub(crate) const A_MOMENT: Duration = Duration::from_millis(2);

/// A way to be broken: what it does not override works.
#[async_trait]
pub(crate) trait Fault: Default + Send + Sync + 'static {
    async fn commit(&self, memory: &Arc<Memory>, commit: Commit) -> Result<Committed, CommitError> {
        memory.commit(commit).await
    }

    async fn read_stream(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        memory.read_stream(stream, after, limit).await
    }

    async fn read_feed(
        &self,
        memory: &Memory,
        after: FeedCursor,
        limit: usize,
    ) -> Result<Vec<FeedItem>, StoreError> {
        memory.read_feed(after, limit).await
    }

    async fn wait(&self, memory: &Memory, after: FeedCursor) -> Result<(), StoreError> {
        memory.wait(after).await
    }

    async fn rotate(&self, memory: &Memory, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        memory.rotate(rotation).await
    }

    async fn touch(&self, memory: &Memory, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        memory.touch(id, at).await
    }

    async fn list_users(
        &self,
        memory: &Memory,
        query: &UserQuery,
        after: Option<&UserCursor>,
        limit: usize,
    ) -> Result<Vec<User>, StoreError> {
        Users::list(memory, query, after, limit).await
    }

    async fn count_users(&self, memory: &Memory) -> Result<UserCount, StoreError> {
        Users::count(memory).await
    }

    async fn count_live(&self, memory: &Memory, at: DateTime<Utc>) -> Result<u64, StoreError> {
        memory.count_live(at).await
    }

    async fn prune_sessions(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Sessions::prune(memory, before).await
    }

    async fn prune_codes(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        OneTimeCodes::prune(memory, before).await
    }

    async fn prune_invitations(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Invitations::prune(memory, before).await
    }

    async fn find_membership(&self, memory: &Memory, user: UserId) -> Result<Option<Membership>, StoreError> {
        Members::find(memory, user).await
    }

    async fn find_memberships(
        &self,
        memory: &Memory,
        users: &[UserId],
    ) -> Result<Vec<Membership>, StoreError> {
        memory.find_many(users).await
    }

    async fn list_members(
        &self,
        memory: &Memory,
        company: CompanyId,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        memory.list_by_company(company, after, limit).await
    }

    async fn list_owners(
        &self,
        memory: &Memory,
        company: CompanyId,
        limit: usize,
    ) -> Result<Vec<Member>, StoreError> {
        memory.list_owners(company, limit).await
    }

    async fn record(&self, memory: &Memory, attempts: Vec<LoginAttempt>) -> Result<(), StoreError> {
        memory.record(attempts).await
    }

    async fn list_attempts(
        &self,
        memory: &Memory,
        user: UserId,
        after: Option<LoginAttemptId>,
        limit: usize,
    ) -> Result<Vec<LoginAttempt>, StoreError> {
        LoginHistory::list_by_user(memory, user, after, limit).await
    }

    async fn prune_attempts(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        LoginHistory::prune(memory, before).await
    }

    async fn list_accesses(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Option<AccessId>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        memory.list_by_stream(stream, after, limit).await
    }

    async fn list_accesses_since(
        &self,
        memory: &Memory,
        stream: StreamId,
        after: Option<(DateTime<Utc>, AccessId)>,
        limit: usize,
    ) -> Result<Vec<Access>, StoreError> {
        memory.list_since(stream, after, limit).await
    }

    async fn prune_accesses(&self, memory: &Memory, before: DateTime<Utc>) -> Result<u64, StoreError> {
        Accesses::prune(memory, before).await
    }

    async fn list_keys(&self, memory: &Memory, owner: Principal) -> Result<Vec<ApiKey>, StoreError> {
        memory.list_by_owner(owner).await
    }

    async fn list_features(
        &self,
        memory: &Memory,
        after: Option<&FeatureName>,
        limit: usize,
    ) -> Result<Vec<Feature>, StoreError> {
        Features::list(memory, after, limit).await
    }

    async fn list_usages(
        &self,
        memory: &Memory,
        feature: FeatureId,
        after: Option<ApiKeyId>,
        limit: usize,
    ) -> Result<Vec<FeatureUsage>, StoreError> {
        FeatureUsages::list(memory, feature, after, limit).await
    }

    async fn total(&self, memory: &Memory, feature: FeatureId) -> Result<UsageTotal, StoreError> {
        memory.total(feature).await
    }

    async fn take_attempt(
        &self,
        memory: &Memory,
        code: OneTimeCodeId,
        limit: u32,
    ) -> Result<bool, StoreError> {
        memory.take_attempt(code, limit).await
    }

    async fn insert(&self, memory: &Memory, key: SealedSigningKey) -> Result<bool, StoreError> {
        SigningKeys::insert(memory, key).await
    }

    async fn open_shadow(&self, memory: &Memory) -> Result<Box<dyn Shadow>, StoreError> {
        Replays::open(memory).await
    }

    async fn list_checkpoints(
        &self,
        memory: &Memory,
        after: u64,
        limit: usize,
    ) -> Result<Vec<SignedCheckpoint>, StoreError> {
        Checkpoints::list(memory, after, limit).await
    }

    async fn covering(
        &self,
        memory: &Memory,
        stream: StreamId,
        version: Version,
    ) -> Result<Option<Covering>, StoreError> {
        memory.covering(stream, version).await
    }

    async fn insert_checkpoint(
        &self,
        memory: &Memory,
        checkpoint: &SignedCheckpoint,
    ) -> Result<bool, StoreError> {
        Checkpoints::insert(memory, checkpoint).await
    }

    async fn list_bases(
        &self,
        memory: &Memory,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StreamBase>, StoreError> {
        Retention::list_bases(memory, after, limit).await
    }

    async fn put_horizon(
        &self,
        memory: &Memory,
        horizon: &Horizon,
        bases: &[StreamBase],
    ) -> Result<bool, StoreError> {
        Retention::put_horizon(memory, horizon, bases).await
    }

    async fn drop_archived(&self, memory: &Memory, limit: usize) -> Result<u64, StoreError> {
        Retention::drop_archived(memory, limit).await
    }

    async fn replace_signing_key(
        &self,
        memory: &Memory,
        from: SealedSigningKey,
        to: Sealed,
    ) -> Result<bool, StoreError> {
        SigningKeys::replace(memory, from, to).await
    }

    async fn list_subject_keys(
        &self,
        memory: &Memory,
        after: Option<SubjectId>,
        limit: usize,
    ) -> Result<Vec<SubjectKey>, StoreError> {
        SubjectKeys::list(memory, after, limit).await
    }

    async fn replace_subject_keys(
        &self,
        memory: &Memory,
        replacements: Vec<KeyReplacement>,
    ) -> Result<u64, StoreError> {
        SubjectKeys::replace(memory, replacements).await
    }

    async fn lease(
        &self,
        memory: &Memory,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        memory.lease(name, holder, time_to_live).await
    }

    async fn advance(
        &self,
        memory: &Memory,
        name: &str,
        holder: Uuid,
        cursor: FeedCursor,
    ) -> Result<bool, StoreError> {
        memory.advance(name, holder, cursor).await
    }
}

/// No fault: what shows that a case fails because of the fault, and not because of this wrapper.
#[derive(Default)]
pub(crate) struct Sound;

#[async_trait]
impl Fault for Sound {}

/// The harness of a store with a fault.
pub(crate) struct Store<F>(Arc<Faulty<F>>);

pub(crate) struct Faulty<F> {
    pub(crate) memory: Arc<Memory>,
    pub(crate) fault: F,
}

impl<F> Store<F> {
    /// What is broken around.
    pub(crate) fn memory(&self) -> Arc<Memory> {
        self.0.memory.clone()
    }
}

#[async_trait]
impl<F: Fault> StoreHarness for Store<F> {
    async fn start() -> Self {
        Self(Arc::new(Faulty { memory: Arc::new(Memory::new()), fault: F::default() }))
    }

    async fn restart(self) -> Self {
        self
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            events: self.0.clone(),
            users: self.0.clone(),
            credentials: self.0.memory.clone(),
            sessions: self.0.clone(),
            one_time_codes: self.0.clone(),
            login_history: self.0.clone(),
            companies: self.0.memory.clone(),
            members: self.0.clone(),
            invitations: self.0.clone(),
            accesses: self.0.clone(),
            streams: self.0.memory.clone(),
            event_search: self.0.memory.clone(),
            idempotency_keys: self.0.memory.clone(),
            api_keys: self.0.clone(),
            features: self.0.clone(),
            feature_usages: self.0.clone(),
            subject_keys: self.0.clone(),
            signing_keys: self.0.clone(),
            subscriptions: self.0.clone(),
            checkpoints: self.0.clone(),
            replays: self.0.clone(),
            retention: self.0.clone(),
        }
    }
}

#[async_trait]
impl<F: Fault> EventStore for Faulty<F> {
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.fault.commit(&self.memory, commit).await
    }

    async fn read_stream(
        &self,
        stream: StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Event>, StoreError> {
        self.fault.read_stream(&self.memory, stream, after, limit).await
    }

    async fn head(&self, stream: StreamId) -> Result<Option<StreamHead>, StoreError> {
        self.memory.head(stream).await
    }

    async fn list_heads(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamHead>, StoreError> {
        self.memory.list_heads(after, limit).await
    }

    async fn read_feed(&self, after: FeedCursor, limit: usize) -> Result<Vec<FeedItem>, StoreError> {
        self.fault.read_feed(&self.memory, after, limit).await
    }

    async fn wait(&self, after: FeedCursor) -> Result<(), StoreError> {
        self.fault.wait(&self.memory, after).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.memory.ping().await
    }
}

#[async_trait]
impl<F: Fault> Sessions for Faulty<F> {
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        Sessions::find(self.memory.as_ref(), id).await
    }

    async fn list_by_user(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        Sessions::list_by_user(self.memory.as_ref(), user).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        self.fault.rotate(&self.memory, rotation).await
    }

    async fn touch(&self, id: SessionId, at: DateTime<Utc>) -> Result<(), StoreError> {
        self.fault.touch(&self.memory, id, at).await
    }

    async fn count_live(&self, at: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.count_live(&self.memory, at).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.prune_sessions(&self.memory, before).await
    }
}

#[async_trait]
impl<F: Fault> OneTimeCodes for Faulty<F> {
    async fn find(&self, user: UserId, purpose: Purpose) -> Result<Option<OneTimeCode>, StoreError> {
        OneTimeCodes::find(self.memory.as_ref(), user, purpose).await
    }

    async fn take_attempt(&self, code: OneTimeCodeId, limit: u32) -> Result<bool, StoreError> {
        self.fault.take_attempt(&self.memory, code, limit).await
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.fault.prune_codes(&self.memory, before).await
    }
}

#[async_trait]
impl<F: Fault> SigningKeys for Faulty<F> {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        SigningKeys::list(self.memory.as_ref()).await
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        self.fault.insert(&self.memory, key).await
    }

    async fn replace(&self, from: SealedSigningKey, to: Sealed) -> Result<bool, StoreError> {
        self.fault.replace_signing_key(&self.memory, from, to).await
    }
}

#[async_trait]
impl<F: Fault> SubjectKeys for Faulty<F> {
    async fn find(&self, subject: SubjectId) -> Result<Option<SubjectKey>, StoreError> {
        SubjectKeys::find(self.memory.as_ref(), subject).await
    }

    async fn list(&self, after: Option<SubjectId>, limit: usize) -> Result<Vec<SubjectKey>, StoreError> {
        self.fault.list_subject_keys(&self.memory, after, limit).await
    }

    async fn replace(&self, replacements: Vec<KeyReplacement>) -> Result<u64, StoreError> {
        self.fault.replace_subject_keys(&self.memory, replacements).await
    }
}

#[async_trait]
impl<F: Fault> Checkpoints for Faulty<F> {
    async fn newest(&self) -> Result<Option<SignedCheckpoint>, StoreError> {
        Ok(self.fault.list_checkpoints(&self.memory, 0, usize::MAX).await?.pop())
    }

    async fn list(&self, after: u64, limit: usize) -> Result<Vec<SignedCheckpoint>, StoreError> {
        self.fault.list_checkpoints(&self.memory, after, limit).await
    }

    async fn covering(&self, stream: StreamId, version: Version) -> Result<Option<Covering>, StoreError> {
        self.fault.covering(&self.memory, stream, version).await
    }

    async fn insert(&self, checkpoint: &SignedCheckpoint) -> Result<bool, StoreError> {
        self.fault.insert_checkpoint(&self.memory, checkpoint).await
    }
}

#[async_trait]
impl<F: Fault> Replays for Faulty<F> {
    async fn open(&self) -> Result<Box<dyn Shadow>, StoreError> {
        self.fault.open_shadow(&self.memory).await
    }
}

#[async_trait]
impl<F: Fault> Retention for Faulty<F> {
    async fn horizon(&self) -> Result<Option<Horizon>, StoreError> {
        Retention::horizon(self.memory.as_ref()).await
    }

    async fn find_base(&self, stream: StreamId) -> Result<Option<StreamBase>, StoreError> {
        let all = self.list_bases(None, usize::MAX).await?;
        Ok(all.into_iter().find(|base| base.stream == stream))
    }

    async fn list_bases(&self, after: Option<StreamId>, limit: usize) -> Result<Vec<StreamBase>, StoreError> {
        self.fault.list_bases(&self.memory, after, limit).await
    }

    async fn put_horizon(&self, horizon: &Horizon, bases: &[StreamBase]) -> Result<bool, StoreError> {
        self.fault.put_horizon(&self.memory, horizon, bases).await
    }

    async fn drop_archived(&self, limit: usize) -> Result<u64, StoreError> {
        self.fault.drop_archived(&self.memory, limit).await
    }
}

#[async_trait]
impl<F: Fault> Subscriptions for Faulty<F> {
    async fn list(&self) -> Result<Vec<SubscriptionState>, StoreError> {
        Subscriptions::list(self.memory.as_ref()).await
    }

    async fn lease(
        &self,
        name: &str,
        holder: Uuid,
        time_to_live: Duration,
    ) -> Result<Option<FeedCursor>, StoreError> {
        self.fault.lease(&self.memory, name, holder, time_to_live).await
    }

    async fn release(&self, name: &str, holder: Uuid) -> Result<(), StoreError> {
        self.memory.release(name, holder).await
    }

    async fn advance(&self, name: &str, holder: Uuid, cursor: FeedCursor) -> Result<bool, StoreError> {
        self.fault.advance(&self.memory, name, holder, cursor).await
    }

    async fn note_failure(&self, name: &str, error: &str) -> Result<(), StoreError> {
        self.memory.note_failure(name, error).await
    }

    async fn bury(&self, name: &str, letter: DeadLetter) -> Result<(), StoreError> {
        self.memory.bury(name, letter).await
    }

    async fn list_dead_letters(&self, name: &str, limit: usize) -> Result<Vec<DeadLetter>, StoreError> {
        self.memory.list_dead_letters(name, limit).await
    }

    async fn remove_dead_letter(&self, name: &str, event: EventId) -> Result<bool, StoreError> {
        self.memory.remove_dead_letter(name, event).await
    }

    async fn pause(&self, name: &str) -> Result<(), StoreError> {
        self.memory.pause(name).await
    }

    async fn resume(&self, name: &str) -> Result<(), StoreError> {
        self.memory.resume(name).await
    }

    async fn rewind(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        self.memory.rewind(name, cursor).await
    }
}
