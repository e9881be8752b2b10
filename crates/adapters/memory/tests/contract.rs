//! The whole contract, on the memory adapter.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use portcullis_contract::{
    AttemptCountersHarness, CheckpointKeysHarness, Delivered, MailerHarness, Outage, PasswordHasherHarness,
    PublisherHarness, RateLimiterHarness, SessionCacheHarness, StoreHarness, StorePorts, TokensHarness,
};
use portcullis_domain::port::{
    AttemptCounters, CheckpointSigner, CheckpointVerifier, Mailer, Message, PasswordHasher, PublicKey,
    Publisher, RateLimiter, SessionCache, Tokens,
};
use portcullis_memory::{
    Broker, FastPasswordHasher, LocalAttemptCounters, LocalRateLimiter, LocalSessionCache, Memory,
    OpaqueTokens, Outbox, SharedSecretKeys,
};

struct Store(Arc<Memory>);

#[async_trait]
impl StoreHarness for Store {
    async fn start() -> Self {
        Self(Arc::new(Memory::new()))
    }

    /// What is in memory ends with the process, by design.
    async fn restart(self) -> Self {
        self
    }

    fn ports(&self) -> StorePorts {
        StorePorts {
            events: self.0.clone(),
            users: self.0.clone(),
            credentials: self.0.clone(),
            sessions: self.0.clone(),
            one_time_codes: self.0.clone(),
            login_history: self.0.clone(),
            companies: self.0.clone(),
            members: self.0.clone(),
            invitations: self.0.clone(),
            accesses: self.0.clone(),
            streams: self.0.clone(),
            event_search: self.0.clone(),
            idempotency_keys: self.0.clone(),
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

struct Handles(Arc<OpaqueTokens>);

#[async_trait]
impl TokensHarness for Handles {
    async fn start() -> Self {
        Self(Arc::new(OpaqueTokens::new()))
    }

    fn tokens(&self) -> Arc<dyn Tokens> {
        self.0.clone()
    }

    fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)> {
        vec![("issued elsewhere", Arc::new(OpaqueTokens::new()))]
    }
}

struct Keys(Arc<SharedSecretKeys>);

impl CheckpointKeysHarness for Keys {
    fn start() -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        Self(Arc::new(SharedSecretKeys::new([NEXT.fetch_add(1, Ordering::Relaxed); 32])))
    }

    fn signer(&self) -> Arc<dyn CheckpointSigner> {
        self.0.clone()
    }

    fn verifier(&self) -> Arc<dyn CheckpointVerifier> {
        self.0.clone()
    }

    fn of_public_keys(keys: &[PublicKey]) -> Arc<dyn CheckpointVerifier> {
        Arc::new(SharedSecretKeys::of_public(keys).expect("a key"))
    }
}

struct Hasher;

/// Enough that a check is told from none by time.
const ROUNDS: u32 = 200;

#[async_trait]
impl PasswordHasherHarness for Hasher {
    async fn start() -> Self {
        Self
    }

    fn hasher(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::bounded(ROUNDS, 200))
    }

    fn other_parameters(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::new())
    }

    fn short_queue(&self) -> Arc<dyn PasswordHasher> {
        Arc::new(FastPasswordHasher::bounded(ROUNDS, 2))
    }
}

struct Mailbox(Arc<Outbox>);

#[async_trait]
impl MailerHarness for Mailbox {
    async fn start() -> Self {
        Self(Arc::new(Outbox::new()))
    }

    fn mailer(&self) -> Arc<dyn Mailer> {
        self.0.clone()
    }

    async fn delivered(&self) -> Vec<Delivered> {
        let delivered = |mail: portcullis_domain::port::Mail| Delivered {
            to: vec![mail.to.into_string()],
            subject: mail.subject,
            text: mail.text,
            html: mail.html,
            headers: Vec::new(),
        };
        self.0.mails().into_iter().map(delivered).collect()
    }
}

struct Queues(Arc<Broker>);

#[async_trait]
impl PublisherHarness for Queues {
    async fn start() -> Self {
        Self(Arc::new(Broker::new()))
    }

    fn publisher(&self) -> Arc<dyn Publisher> {
        self.0.clone()
    }

    fn deadline(&self) -> Duration {
        Duration::ZERO
    }

    async fn bind(&self, queue: &str, pattern: &str) {
        self.0.bind(queue, pattern);
    }

    async fn remove(&self, queue: &str) {
        self.0.remove(queue);
    }

    async fn take(&self, queue: &str) -> Vec<Message> {
        self.0.take(queue)
    }

    async fn stop_broker(&self, _how: Outage) {
        self.0.stop();
    }

    async fn start_broker(&self) {
        self.0.start();
    }
}

struct Cache(Arc<LocalSessionCache>);

#[async_trait]
impl SessionCacheHarness for Cache {
    async fn start() -> Self {
        Self(Arc::new(LocalSessionCache::new()))
    }

    fn instances(&self) -> [Arc<dyn SessionCache>; 2] {
        [self.0.clone(), self.0.clone()]
    }
}

struct Limiter(Arc<LocalRateLimiter>);

#[async_trait]
impl RateLimiterHarness for Limiter {
    async fn start() -> Self {
        Self(Arc::new(LocalRateLimiter::new()))
    }

    fn instances(&self) -> [Arc<dyn RateLimiter>; 2] {
        [self.0.clone(), self.0.clone()]
    }
}

struct Counters(Arc<LocalAttemptCounters>);

#[async_trait]
impl AttemptCountersHarness for Counters {
    async fn start() -> Self {
        Self(Arc::new(LocalAttemptCounters::new()))
    }

    fn instances(&self) -> [Arc<dyn AttemptCounters>; 2] {
        [self.0.clone(), self.0.clone()]
    }
}

portcullis_contract::event_store_contract!(Store);
portcullis_contract::users_contract!(Store);
portcullis_contract::credentials_contract!(Store);
portcullis_contract::sessions_contract!(Store);
portcullis_contract::one_time_codes_contract!(Store);
portcullis_contract::login_history_contract!(Store);
portcullis_contract::companies_contract!(Store);
portcullis_contract::members_contract!(Store);
portcullis_contract::invitations_contract!(Store);
portcullis_contract::accesses_contract!(Store);
portcullis_contract::streams_contract!(Store);
portcullis_contract::event_search_contract!(Store);
portcullis_contract::idempotency_keys_contract!(Store);
portcullis_contract::api_keys_contract!(Store);
portcullis_contract::features_contract!(Store);
portcullis_contract::feature_usages_contract!(Store);
portcullis_contract::subject_keys_contract!(Store);
portcullis_contract::signing_keys_contract!(Store);
portcullis_contract::subscriptions_contract!(Store);
portcullis_contract::checkpoints_contract!(Store);
portcullis_contract::replays_contract!(Store);
portcullis_contract::retention_contract!(Store);
portcullis_contract::session_rules!(Store);
portcullis_contract::tokens_contract!(Handles);
portcullis_contract::password_hasher_contract!(Hasher);
portcullis_contract::mailer_contract!(Mailbox);
portcullis_contract::publisher_contract!(Queues);
portcullis_contract::session_cache_contract!(Cache);
portcullis_contract::rate_limiter_contract!(Limiter);
portcullis_contract::attempt_counters_contract!(Counters);
portcullis_contract::checkpoint_signer_contract!(Keys);
portcullis_contract::checkpoint_verifier_contract!(Keys);
