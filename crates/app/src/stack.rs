//! The one place that names adapters: opens what the configuration asks for, and puts the domain on top.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::StreamExt;

use portcullis_domain::{
    Identity, Ports,
    checkpoint::{Cadence, Notary},
    id::SessionId,
    key_ring::{KeyRing, KeyRingError, Lifetimes},
    port::{
        AttemptCounters, Checkpoints, Clock, Entropy, EventStore, Mailer, RateLimiter, SessionCache,
        SigningKeys, StoreError, Subscriptions,
    },
    replay::{ReplayError as RebuildError, ReplayProgress, ReplayReport, Swap},
    seal::MasterKey,
};
use portcullis_jwt::Algorithm;
use portcullis_memory::{LocalAttemptCounters, LocalRateLimiter, LocalSessionCache, OsEntropy, SystemClock};
use portcullis_rabbitmq::RabbitMq;
use portcullis_redis::{Redis, Revocation};
use portcullis_scrypt::{Parameters, Scrypt};
use portcullis_smtp::{MailFolder, Smtp};
use thiserror::Error;
use tracing::{instrument::WithSubscriber, subscriber::NoSubscriber};
use url::Url;
use uuid::Uuid;

use crate::{
    causes::chain,
    config::{Config, ConfigError, JwtAlgorithm, TokenFormat},
    data_folder,
    dependency::Dependency,
    fall_back::{FallBackCounters, FallBackLimiter},
    key_ring::open_ring,
    mail::{Composer, Links},
    master_key::{self, MasterKeyError},
    metric::{CacheMetrics, Metrics},
    session_cache::{self, TwoLevels},
    store::Store,
    subscription::{
        self, BrokerSubscription, Handler, MailerSubscription, NotarySubscription, SnapshotSubscription,
    },
    token::{KeySource, RingTokens},
};

/// Mail files go here, under the data folder.
const MAIL_FOLDER: &str = "mail";
/// How long a mail server may keep a start waiting.
const MAIL_PATIENCE: Duration = Duration::from_secs(5);

/// Everything a command needs, opened.
pub struct Stack {
    /// The use cases.
    pub identity: Identity,
    /// Where the subscriptions stand.
    pub subscriptions: Arc<dyn Subscriptions>,
    store: Store,
    redis: Option<Arc<Redis>>,
    broker: Option<Arc<RabbitMq>>,
    smtp: Option<Arc<Smtp>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tokens: Arc<RingTokens>,
    public_url: Url,
}

/// Why dead letters were not replayed.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The subscription does not run with these settings.
    #[error("the subscription {0} does not run with these settings: set what it needs")]
    NotConfigured(String),
    /// What it needs cannot be opened.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl Stack {
    /// Opens the stack that the configuration asks for, and makes what is not there yet. `port` is the one the service listens on,
    /// or would. What is refused is refused before anything is written.
    pub async fn open(config: &Config, port: u16) -> Result<Self, ConfigError> {
        let redis = open_redis(config).await?;
        let broker = open_broker(config, port).await?;
        let smtp = open_smtp(config).await?;
        let store = Store::open(config).await?;
        data_folder::make(config)?;
        let master_key = find_master_key(config, &store).await?;
        let ring = open_ring(config, &store, &master_key).await;
        let ring = ring.map_err(|error| key_ring_error(config, error))?;
        let metrics = Metrics::new();
        let tokens = Arc::new(tokens(config, port, &store, ring, &master_key)?);
        let identity = assemble(config, &store, redis.as_ref(), &metrics, tokens.clone(), master_key)?;
        let subscriptions = store.subscriptions.clone();
        let public_url = config.base_url(port);
        Ok(Self { identity, subscriptions, store, redis, broker, smtp, metrics, tokens, public_url })
    }

    /// What happens after commits, each under its name.
    pub(crate) fn handlers(&self, config: &Config) -> Result<Vec<Arc<dyn Handler>>, ConfigError> {
        let mailer: Arc<dyn Handler> = Arc::new(MailerSubscription {
            identity: self.identity.clone(),
            mailer: self.open_mailer(config)?,
            composer: Composer {
                app_name: config.app_name.clone(),
                links: Links::new(&self.public_url, config.console),
            },
        });
        let broker = self.broker.clone().map(|publisher| -> Arc<dyn Handler> {
            Arc::new(BrokerSubscription { identity: self.identity.clone(), publisher })
        });
        let snapshots: Arc<dyn Handler> = Arc::new(SnapshotSubscription {
            identity: self.identity.clone(),
            every: config.snapshot_every,
            metrics: Arc::clone(&self.metrics),
        });
        Ok([mailer, snapshots].into_iter().chain(broker).collect())
    }

    pub(crate) fn checkpoints(&self) -> Arc<dyn Checkpoints> {
        Arc::clone(&self.store.checkpoints)
    }

    pub(crate) fn signing_keys(&self) -> Arc<dyn SigningKeys> {
        Arc::clone(&self.store.signing_keys)
    }

    /// Rebuilds the rows that follow from events.
    pub async fn replay(
        &self,
        swap: Swap,
        progress: &mut (dyn FnMut(ReplayProgress) + Send),
    ) -> Result<ReplayReport, RebuildError> {
        self.identity.replay(self.store.replays.as_ref(), swap, progress).await
    }

    /// What signs the log as it grows.
    pub(crate) fn notary(&self, config: &Config, holder: Uuid) -> NotarySubscription {
        let ports = self.identity.ports();
        let (events, checkpoints) = (Arc::clone(&ports.events), self.checkpoints());
        let cadence = Cadence { events: config.checkpoint_events, time: config.checkpoint_time };
        NotarySubscription {
            notary: Notary::new(
                Arc::clone(&events),
                Arc::clone(&checkpoints),
                Arc::clone(&ports.clock),
                cadence,
            ),
            keys: self.key_source(),
            events,
            checkpoints,
            cursors: Arc::clone(&self.subscriptions),
            holder,
            delivered: self.metrics.subscription.delivered(NotarySubscription::NAME),
            file: config.checkpoint_file.clone(),
        }
    }

    /// Handles again what a subscription has put aside, and forgets what succeeds; returns how many did.
    pub async fn replay_dead_letters(&self, config: &Config, name: &str) -> Result<usize, ReplayError> {
        let handlers = self.handlers(config)?;
        let handler = handlers.iter().find(|handler| handler.name() == name);
        let handler = handler.ok_or_else(|| ReplayError::NotConfigured(name.to_owned()))?;
        subscription::replay(handler.as_ref(), self.store.events.as_ref(), self.subscriptions.as_ref())
            .await
            .map_err(ReplayError::Store)
    }

    /// What counts requests: with all replicas where they share a Redis, else for this process.
    pub(crate) fn rate_limiter(&self) -> Arc<dyn RateLimiter> {
        let own = Arc::new(LocalRateLimiter::new());
        match &self.redis {
            Some(redis) => Arc::new(FallBackLimiter::new(redis.clone(), own)),
            None => own,
        }
    }

    /// What readiness asks.
    pub(crate) fn dependencies(&self) -> Arc<[Box<dyn Dependency>]> {
        let mut all: Vec<Box<dyn Dependency>> =
            vec![Box::new(StoreDependency(Arc::clone(&self.store.events)))];
        if let Some(redis) = &self.redis {
            all.push(Box::new(RedisDependency(Arc::clone(redis))));
        }
        if let Some(broker) = &self.broker {
            all.push(Box::new(BrokerDependency(Arc::clone(broker))));
        }
        if let Some(smtp) = &self.smtp {
            all.push(Box::new(MailDependency(Arc::clone(smtp))));
        }
        all.into()
    }

    /// What sends mail: the server's client, or else a folder, made where it is not there yet.
    fn open_mailer(&self, config: &Config) -> Result<Arc<dyn Mailer>, ConfigError> {
        if let Some(smtp) = &self.smtp {
            return Ok(smtp.clone());
        }
        let ports = self.identity.ports();
        let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
        match MailFolder::open(mail_folder(config), config.email_from.as_str(), clock, entropy) {
            Ok(mailer) => Ok(Arc::new(mailer)),
            Err(error @ portcullis_smtp::OpenError::Sender(..)) => Err(sender_error(config, error)),
            Err(error @ portcullis_smtp::OpenError::Folder(..)) => {
                Err(config.refuse("DATA_DIR", error, "name a folder that this user may read and write"))
            }
        }
    }

    /// Finishes what was begun and closes the store.
    pub async fn close(&self) {
        if let Some(broker) = &self.broker {
            broker.close().await;
        }
        self.store.close().await;
    }
}

/// Where mails are written to files, if they are.
pub(crate) fn mail_folder(config: &Config) -> PathBuf {
    config.data_dir.join(MAIL_FOLDER)
}

/// Puts the domain on top of what was opened.
fn assemble(
    config: &Config,
    store: &Store,
    redis: Option<&Arc<Redis>>,
    metrics: &Metrics,
    tokens: Arc<RingTokens>,
    master_key: MasterKey,
) -> Result<Identity, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let hasher = Scrypt::start(scrypt_settings(config)?, Arc::clone(&entropy)).map_err(|error| {
        config.refuse("HASH_QUEUE", format!("no threads to hash passwords with: {error}"), "free some memory")
    })?;
    let hasher = Arc::new(hasher);
    let (queue, connections) = (Arc::clone(&hasher), store.connection_count());
    metrics.hashing.queue_length.read_from(move || queue.queue_length());
    metrics.service.database_connections.read_from(connections);
    metrics.service.started(config.environment);
    let ports = Ports {
        events: store.events.clone(),
        users: store.users.clone(),
        credentials: store.credentials.clone(),
        sessions: store.sessions.clone(),
        one_time_codes: store.one_time_codes.clone(),
        login_history: store.login_history.clone(),
        companies: store.companies.clone(),
        members: store.members.clone(),
        invitations: store.invitations.clone(),
        accesses: store.accesses.clone(),
        streams: store.streams.clone(),
        retention: store.retention.clone(),
        event_search: store.event_search.clone(),
        idempotency_keys: store.idempotency_keys.clone(),
        api_keys: store.api_keys.clone(),
        features: store.features.clone(),
        feature_usages: store.feature_usages.clone(),
        attempt_counters: Arc::new(metrics.lockout.counted(attempt_counters(redis))),
        subject_keys: store.subject_keys.clone(),
        session_cache: redis.map(|redis| session_cache(redis, metrics.cache.clone())),
        password_hasher: Arc::new(metrics.hashing.timed(hasher)),
        tokens,
        clock,
        entropy,
        master_key,
    };
    Ok(Identity::new(ports, config.policy()))
}

/// What makes and checks tokens.
fn tokens(
    config: &Config,
    port: u16,
    store: &Store,
    ring: KeyRing,
    master_key: &MasterKey,
) -> Result<RingTokens, ConfigError> {
    let source = KeySource {
        keys: Arc::clone(&store.signing_keys),
        master_key: master_key.clone(),
        lifetimes: Lifetimes::of(&config.policy()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    let jwt_algorithm = match (config.token_format, config.jwt_algorithm) {
        (TokenFormat::Paseto, _) => None,
        (TokenFormat::Jwt, JwtAlgorithm::EdDsa) => Some(Algorithm::EdDsa),
        (TokenFormat::Jwt, JwtAlgorithm::Es256) => Some(Algorithm::Es256),
    };
    let issuer = config.issuer(port);
    RingTokens::new(ring, source, jwt_algorithm, &issuer, &config.token_audience).map_err(|error| {
        config.refuse("TOKEN_ISSUER", error, "set TOKEN_ISSUER and TOKEN_AUDIENCE to short names")
    })
}

/// The master key that the settings name, or that is in the data folder, where it is made at first; with the one before, while it is
/// being changed.
pub(crate) async fn find_master_key(config: &Config, store: &Store) -> Result<MasterKey, ConfigError> {
    let key = find_current_master_key(config, store).await?;
    Ok(match &config.master_key_previous {
        Some(previous) => key.with_previous(previous),
        None => key,
    })
}

async fn find_current_master_key(config: &Config, store: &Store) -> Result<MasterKey, ConfigError> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    if let Some(key) = master_key::find(&config.data_dir).map_err(|error| master_key_error(config, error))? {
        return Ok(key);
    }
    // A new key beside data that another one sealed would lose that data to sight.
    if !store.signing_keys.list().await.map_err(|error| key_ring_error(config, error.into()))?.is_empty() {
        return Err(lost_master_key(config));
    }
    master_key::find_or_make(&config.data_dir, &OsEntropy).map_err(|error| master_key_error(config, error))
}

/// Redis, where it is configured. One that is merely away does not hinder a start: the service does without.
async fn open_redis(config: &Config) -> Result<Option<Arc<Redis>>, ConfigError> {
    let Some(url) = &config.redis_url else { return Ok(None) };
    let refuse = |error: &portcullis_redis::OpenError| {
        config.refuse("REDIS_URL", chain(error), "REDIS_URL says which server it is")
    };
    let connections = NonZeroU32::new(config.redis_pool_size).unwrap_or(NonZeroU32::MIN);
    let options = portcullis_redis::Options { connections, ..Default::default() };
    let redis = Redis::new(url.expose(), options).map_err(|error| refuse(&error))?;
    match redis.check().await {
        Ok(()) => {}
        Err(error @ portcullis_redis::OpenError::Unreachable { .. }) => tracing::warn!("{}", chain(&error)),
        Err(error) => return Err(refuse(&error)),
    }
    Ok(Some(Arc::new(redis)))
}

/// RabbitMQ, where it is configured. One that is merely away does not hinder a start: the events wait in the log.
async fn open_broker(config: &Config, port: u16) -> Result<Option<Arc<RabbitMq>>, ConfigError> {
    let Some(url) = &config.amqp_url else { return Ok(None) };
    let refuse = |error: &portcullis_rabbitmq::ConnectError| {
        config.refuse("AMQP_URL", chain(error), "AMQP_URL and AMQP_EXCHANGE say what it is")
    };
    let exchange = config.amqp_exchange.clone();
    let options =
        portcullis_rabbitmq::Options { exchange, ..portcullis_rabbitmq::Options::new(config.base_url(port)) };
    let broker = RabbitMq::new(url.expose(), options).map_err(|error| refuse(&error))?;
    // What it would log of a failure is said here, once.
    match broker.check().with_subscriber(NoSubscriber::new()).await {
        Ok(()) => {}
        Err(error) if error.is_outage() => tracing::warn!("{}", chain(&error)),
        Err(error) => return Err(refuse(&error)),
    }
    Ok(Some(Arc::new(broker)))
}

/// The mail server, where it is configured. One that is merely away does not hinder a start: mails wait in the log.
async fn open_smtp(config: &Config) -> Result<Option<Arc<Smtp>>, ConfigError> {
    use portcullis_smtp::{Options, SetUpError};

    let Some(url) = &config.smtp_url else { return Ok(None) };
    let refuse = |error: &(dyn std::error::Error + 'static)| {
        config.refuse("SMTP_URL", chain(error), "SMTP_URL says how to reach it")
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let smtp = Smtp::new(url.expose(), config.email_from.as_str(), clock, entropy, Options::default());
    let smtp = smtp.map_err(|error| match error {
        SetUpError::Url(_) | SetUpError::Tls(_) => refuse(&error),
        SetUpError::Sender(..) => sender_error(config, error),
    })?;
    match tokio::time::timeout(MAIL_PATIENCE, smtp.check()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) if error.is_outage() => tracing::warn!("{}", chain(&error)),
        Ok(Err(error)) => return Err(refuse(&error)),
        Err(_late) => tracing::warn!("the mail server does not answer: {smtp:?}"),
    }
    Ok(Some(Arc::new(smtp)))
}

/// What counts failed attempts: with all replicas where they share a Redis, else for this process.
fn attempt_counters(redis: Option<&Arc<Redis>>) -> Arc<dyn AttemptCounters> {
    let own = Arc::new(LocalAttemptCounters::new());
    match redis {
        Some(redis) => Arc::new(FallBackCounters::new(redis.clone(), own)),
        None => own,
    }
}

/// This process's own cache in front of Redis, kept true by Redis' news.
fn session_cache(redis: &Arc<Redis>, metrics: CacheMetrics) -> Arc<dyn SessionCache> {
    let first = Arc::new(LocalSessionCache::new());
    let (told, mut news) = (Arc::clone(&first), redis.revocations());
    tokio::spawn(async move {
        while let Some(revocation) = news.next().await {
            match revocation {
                Revocation::Of(session) => session_cache::heard(&told, session).await,
                Revocation::Changed(session) => session_cache::heard_changed(&told, session).await,
                Revocation::Missed => told.clear(),
            }
        }
    });
    Arc::new(TwoLevels::start(first, redis.clone(), metrics))
}

struct StoreDependency(Arc<dyn EventStore>);

#[async_trait]
impl Dependency for StoreDependency {
    fn name(&self) -> &'static str {
        "store"
    }

    fn is_needed(&self) -> bool {
        true
    }

    async fn is_up(&self) -> bool {
        self.0.ping().await.is_ok()
    }
}

struct RedisDependency(Arc<Redis>);

#[async_trait]
impl Dependency for RedisDependency {
    fn name(&self) -> &'static str {
        "cache"
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn is_up(&self) -> bool {
        // A look such as requests make, for a session that there is not: one that went away unnoticed is noticed here. One that
        // is known to be away is not asked.
        self.0.get(SessionId::new(Uuid::nil())).await.is_ok()
    }
}

struct BrokerDependency(Arc<RabbitMq>);

#[async_trait]
impl Dependency for BrokerDependency {
    fn name(&self) -> &'static str {
        "broker"
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn is_up(&self) -> bool {
        self.0.is_up().await
    }
}

struct MailDependency(Arc<Smtp>);

#[async_trait]
impl Dependency for MailDependency {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn is_needed(&self) -> bool {
        false
    }

    async fn is_up(&self) -> bool {
        self.0.is_up().await
    }
}

fn sender_error(config: &Config, error: impl std::fmt::Display) -> ConfigError {
    config.refuse("EMAIL_FROM", error, "set it to an address such as portcullis@example.com")
}

fn scrypt_settings(config: &Config) -> Result<portcullis_scrypt::Settings, ConfigError> {
    let parameters =
        Parameters::new(config.scrypt_log_n, config.scrypt_r, config.scrypt_p).map_err(|error| {
            config.refuse(
                "SCRYPT_LOG_N",
                error,
                "choose other values for SCRYPT_LOG_N, SCRYPT_R and SCRYPT_P",
            )
        })?;
    Ok(portcullis_scrypt::Settings { parameters, queue: config.hash_queue, ..Default::default() })
}

pub(crate) fn master_key_error(config: &Config, error: MasterKeyError) -> ConfigError {
    let remedy = error.remedy();
    config.refuse("MASTER_KEY", error, remedy)
}

fn lost_master_key(config: &Config) -> ConfigError {
    let problem = "the database was sealed with a master key that is not in the data folder";
    config.refuse("MASTER_KEY", problem, "restore master.key from a back-up, or set MASTER_KEY to the key")
}

pub(crate) fn key_ring_error(config: &Config, error: KeyRingError) -> ConfigError {
    match error {
        KeyRingError::HalfRewrapped => config.refuse(
            "MASTER_KEY",
            error,
            "set it to the new key and MASTER_KEY_PREVIOUS to the old one, and run `portcullis keys rewrap`",
        ),
        KeyRingError::WrongMasterKey(_) => {
            config.refuse("MASTER_KEY", error, "set MASTER_KEY to the key that this database was made with")
        }
        KeyRingError::Store(_) => {
            config.refuse("DATABASE_URL", error, "see that the database can be read and written")
        }
    }
}
