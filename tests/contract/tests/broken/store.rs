//! A store around the memory adapter, with a fault in one place.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_contract::{StoreHarness, StorePorts};
use portcullis_domain::{
    commit::{Commit, CommitError, Committed},
    event::{Event, Version},
    id::{OneTimeCodeId, SessionId, StreamId, UserId},
    key_ring::SealedSigningKey,
    port::{
        EventStore, FeedCursor, FeedItem, OneTimeCodes, RotateOutcome, Rotation, Sessions, SigningKeys,
        StoreError, StreamHead, Subscriptions,
    },
    session::Session,
    verification::{OneTimeCode, Purpose},
};
use portcullis_memory::Memory;

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

    async fn take_attempt(
        &self,
        memory: &Memory,
        code: OneTimeCodeId,
        limit: u32,
    ) -> Result<bool, StoreError> {
        memory.take_attempt(code, limit).await
    }

    async fn insert(&self, memory: &Memory, key: SealedSigningKey) -> Result<bool, StoreError> {
        memory.insert(key).await
    }

    async fn cursor(&self, memory: &Memory, name: &str) -> Result<FeedCursor, StoreError> {
        memory.cursor(name).await
    }

    async fn advance(&self, memory: &Memory, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        memory.advance(name, cursor).await
    }
}

/// No fault: what shows that a case fails because of the fault, and not because of this wrapper.
#[derive(Default)]
pub(crate) struct Sound;

#[async_trait]
impl Fault for Sound {}

/// The harness of a store with a fault.
pub(crate) struct Store<F>(Arc<Faulty<F>>);

struct Faulty<F> {
    memory: Arc<Memory>,
    fault: F,
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
            users: self.0.memory.clone(),
            credentials: self.0.memory.clone(),
            sessions: self.0.clone(),
            one_time_codes: self.0.clone(),
            subject_keys: self.0.memory.clone(),
            signing_keys: self.0.clone(),
            subscriptions: self.0.clone(),
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
        self.memory.list_by_user(user).await
    }

    async fn rotate(&self, rotation: Rotation) -> Result<RotateOutcome, StoreError> {
        self.fault.rotate(&self.memory, rotation).await
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
}

#[async_trait]
impl<F: Fault> SigningKeys for Faulty<F> {
    async fn list(&self) -> Result<Vec<SealedSigningKey>, StoreError> {
        self.memory.list().await
    }

    async fn insert(&self, key: SealedSigningKey) -> Result<bool, StoreError> {
        self.fault.insert(&self.memory, key).await
    }
}

#[async_trait]
impl<F: Fault> Subscriptions for Faulty<F> {
    async fn cursor(&self, name: &str) -> Result<FeedCursor, StoreError> {
        self.fault.cursor(&self.memory, name).await
    }

    async fn advance(&self, name: &str, cursor: FeedCursor) -> Result<(), StoreError> {
        self.fault.advance(&self.memory, name, cursor).await
    }
}
