use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use portcullis_domain::port::{
    Accesses, ApiKeys, AttemptCounters, CheckpointSigner, CheckpointVerifier, Checkpoints, Companies,
    Credentials, EventSearch, EventStore, FeatureUsages, Features, IdempotencyKeys, Invitations,
    LoginHistory, Mailer, Members, Message, OneTimeCodes, PasswordHasher, PublicKey, Publisher, RateLimiter,
    Replays, Retention, SessionCache, Sessions, SigningKeys, Streams, SubjectKeys, Subscriptions, Tokens,
    Users,
};

/// Starts a store. For `event_store_contract!` and the contracts of everything that commits write.
#[async_trait]
pub trait StoreHarness: Sized + Send + Sync + 'static {
    /// An empty store that nobody else uses, as each case gets one. What it needs (a folder, a database) goes when the
    /// harness is dropped. A server that should be there and is not must panic here, never skip.
    async fn start() -> Self;

    /// Ends the store and starts it again on what it kept, as a process does that was lost. A store that lives in memory
    /// by design returns itself.
    async fn restart(self) -> Self;

    /// The store's ports.
    fn ports(&self) -> StorePorts;
}

/// The ports of one store.
#[derive(Clone)]
pub struct StorePorts {
    /// The log and the commits.
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
    /// Data keys.
    pub subject_keys: Arc<dyn SubjectKeys>,
    /// Signing keys.
    pub signing_keys: Arc<dyn SigningKeys>,
    /// Cursors.
    pub subscriptions: Arc<dyn Subscriptions>,
    /// Checkpoints.
    pub checkpoints: Arc<dyn Checkpoints>,
    /// Rows beside those in use.
    pub replays: Arc<dyn Replays>,
    /// What is kept in the place of archived events.
    pub retention: Arc<dyn Retention>,
}

/// Starts what signs checkpoints and checks their signatures. For `checkpoint_signer_contract!` and `checkpoint_verifier_contract!`.
pub trait CheckpointKeysHarness: Sized + Send + Sync + 'static {
    /// With keys of its own.
    fn start() -> Self;

    /// What signs.
    fn signer(&self) -> Arc<dyn CheckpointSigner>;

    /// What checks.
    fn verifier(&self) -> Arc<dyn CheckpointVerifier>;

    /// What checks with nothing but these keys, which another instance gave.
    fn of_public_keys(keys: &[PublicKey]) -> Arc<dyn CheckpointVerifier>;
}

/// Starts a maker of tokens. For `tokens_contract!`.
#[async_trait]
pub trait TokensHarness: Sized + Send + Sync + 'static {
    /// With keys of its own.
    async fn start() -> Self;

    /// The tokens to test, set to allow nothing before `issued_at`.
    fn tokens(&self) -> Arc<dyn Tokens>;

    /// Others, each with what it differs in: another key at least, and where the adapter has them another issuer, another
    /// audience. Neither side may believe the other's tokens.
    fn strangers(&self) -> Vec<(&'static str, Arc<dyn Tokens>)>;
}

/// Starts a hasher of passwords. For `password_hasher_contract!`.
///
/// Parameters may be as low as they go, so that the cases end soon; only the work of one check must take long enough to be
/// told from none (some microseconds do).
#[async_trait]
pub trait PasswordHasherHarness: Sized + Send + Sync + 'static {
    /// With room for sixteen at a time at least.
    async fn start() -> Self;

    /// The hasher to test.
    fn hasher(&self) -> Arc<dyn PasswordHasher>;

    /// One with other parameters, whose hashes the first reads.
    fn other_parameters(&self) -> Arc<dyn PasswordHasher>;

    /// One whose queue 200 checks at once overflow.
    fn short_queue(&self) -> Arc<dyn PasswordHasher>;
}

/// Starts a mailer. For `mailer_contract!`.
#[async_trait]
pub trait MailerHarness: Sized + Send + Sync + 'static {
    /// With an empty mailbox at the other end.
    async fn start() -> Self;

    /// The mailer to test.
    fn mailer(&self) -> Arc<dyn Mailer>;

    /// All mails that arrived, oldest first, read as a mail program reads them.
    async fn delivered(&self) -> Vec<Delivered>;
}

/// A mail as its reader sees it: encodings undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The addresses it went to, bare.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The plain text; line ends in either convention.
    pub text: String,
    /// The HTML, where the mail has such a form beside the text; line ends in either convention.
    pub html: Option<String>,
    /// The names of all headers that were sent, where mails have headers.
    pub headers: Vec<String>,
}

/// Starts a publisher and the broker that it hands messages to. For `publisher_contract!`.
#[async_trait]
pub trait PublisherHarness: Sized + Send + Sync + 'static {
    /// A broker without queues, or an exchange of one, that nobody else uses. A server that should be there and is not must
    /// panic here, never skip.
    async fn start() -> Self;

    /// The publisher to test.
    fn publisher(&self) -> Arc<dyn Publisher>;

    /// How long a call may take that finds no broker, by the publisher's settings. Low, so that the cases end soon.
    fn deadline(&self) -> Duration;

    /// From now on the queue, made where there is none, takes what fits the pattern too: a type, `*` in it for one word,
    /// `#` for any number of words. Works while the broker is stopped, and so do the next two.
    async fn bind(&self, queue: &str, pattern: &str);

    /// Takes the queue away.
    async fn remove(&self, queue: &str);

    /// Takes everything out of the queue, oldest first, read as a consumer reads it, who checks that the message's id and
    /// routing key, where the broker has them, say what its body says, and that the broker was asked to keep it durably.
    async fn take(&self, queue: &str) -> Vec<Message>;

    /// The publisher reaches no broker from now on, and the connections that it had are lost. Cutting off the broker is as
    /// good as stopping it.
    async fn stop_broker(&self, how: Outage);

    /// Ends that.
    async fn start_broker(&self);
}

/// How a broker is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Connections end, and new ones are refused.
    Gone,
    /// Connections stay, new ones too, and nothing is said on them. Where that makes no difference: as above.
    Silent,
}

/// How long the cases let time really pass, at a time, where an engine has a clock of its own.
const UNIT: Duration = Duration::from_millis(200);

/// Starts a cache of sessions. For `session_cache_contract!`.
#[async_trait]
pub trait SessionCacheHarness: Sized + Send + Sync + 'static {
    /// An empty cache that nobody else uses. A server that should be there and is not must panic here, never skip.
    async fn start() -> Self;

    /// Two instances that share it, as two replicas do. What only one process can use is given twice.
    fn instances(&self) -> [Arc<dyn SessionCache>; 2];

    /// A short time in which a few calls are answered on the machine at hand; the shorter, the sooner the cases end. A
    /// machine that is slower now and then fails no case.
    fn unit(&self) -> Duration {
        UNIT
    }
}

/// Starts a limiter. For `rate_limiter_contract!`.
#[async_trait]
pub trait RateLimiterHarness: Sized + Send + Sync + 'static {
    /// With all buckets full, used by nobody else. A server that should be there and is not must panic here, never skip.
    async fn start() -> Self;

    /// Two instances that share the buckets, as two replicas do. What only one process can use is given twice.
    fn instances(&self) -> [Arc<dyn RateLimiter>; 2];

    /// As for [`SessionCacheHarness::unit`].
    fn unit(&self) -> Duration {
        UNIT
    }
}

/// Starts counters. For `attempt_counters_contract!`.
#[async_trait]
pub trait AttemptCountersHarness: Sized + Send + Sync + 'static {
    /// With nothing counted, used by nobody else. A server that should be there and is not must panic here, never skip.
    async fn start() -> Self;

    /// Two instances that share the counters, as two replicas do. What only one process can use is given twice.
    fn instances(&self) -> [Arc<dyn AttemptCounters>; 2];

    /// As for [`SessionCacheHarness::unit`].
    fn unit(&self) -> Duration {
        UNIT
    }
}
