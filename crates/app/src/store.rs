//! The store that the configuration names, whichever engine it is.

use std::{error::Error, num::NonZeroUsize, path::Path, sync::Arc};

use portcullis_domain::port::{
    Accesses, ApiKeys, Checkpoints, Companies, Credentials, EventSearch, EventStore, FeatureUsages, Features,
    IdempotencyKeys, Invitations, LoginHistory, Members, OneTimeCodes, Replays, Retention, Sessions,
    SigningKeys, Streams, SubjectKeys, Subscriptions, Users,
};
use portcullis_postgres::Postgres;
use portcullis_sqlite::Sqlite;

use crate::{
    audit::Log,
    config::{Config, ConfigError, StoreAddress},
    data_folder,
    login_history::CollectedHistory,
};

/// Every store port, filled by one engine.
pub(crate) struct Store {
    pub(crate) events: Arc<dyn EventStore>,
    pub(crate) users: Arc<dyn Users>,
    pub(crate) credentials: Arc<dyn Credentials>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) one_time_codes: Arc<dyn OneTimeCodes>,
    pub(crate) login_history: Arc<CollectedHistory>,
    pub(crate) companies: Arc<dyn Companies>,
    pub(crate) members: Arc<dyn Members>,
    pub(crate) invitations: Arc<dyn Invitations>,
    pub(crate) accesses: Arc<dyn Accesses>,
    pub(crate) streams: Arc<dyn Streams>,
    pub(crate) event_search: Arc<dyn EventSearch>,
    pub(crate) idempotency_keys: Arc<dyn IdempotencyKeys>,
    pub(crate) api_keys: Arc<dyn ApiKeys>,
    pub(crate) features: Arc<dyn Features>,
    pub(crate) feature_usages: Arc<dyn FeatureUsages>,
    pub(crate) subject_keys: Arc<dyn SubjectKeys>,
    pub(crate) signing_keys: Arc<dyn SigningKeys>,
    pub(crate) subscriptions: Arc<dyn Subscriptions>,
    pub(crate) checkpoints: Arc<dyn Checkpoints>,
    pub(crate) replays: Arc<dyn Replays>,
    pub(crate) retention: Arc<dyn Retention>,
    engine: Engine,
}

enum Engine {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
}

impl Store {
    /// Opens it, makes what is not there yet, and applies pending migrations.
    pub(crate) async fn open(config: &Config) -> Result<Self, ConfigError> {
        match config.database() {
            StoreAddress::Postgres(url) => {
                let store = Postgres::connect(url.expose(), postgres_options(config)).await;
                let store = Arc::new(store.map_err(|error| open_error(config, &error))?);
                Ok(Self::of(Arc::clone(&store), Engine::Postgres(store)))
            }
            StoreAddress::Sqlite(path) => {
                data_folder::make(config)?;
                let store = Sqlite::open(path, portcullis_sqlite::Options::default());
                let store = Arc::new(store.map_err(|error| open_error(config, &error))?);
                Ok(Self::of(Arc::clone(&store), Engine::Sqlite(store)))
            }
        }
    }

    /// Finishes what was begun and closes it.
    pub(crate) async fn close(&self) {
        self.login_history.flush().await;
        match &self.engine {
            Engine::Sqlite(store) => store.close().await,
            Engine::Postgres(store) => store.close(),
        }
    }

    /// How many connections it has open now, to be asked again and again.
    pub(crate) fn connection_count(&self) -> Box<dyn Fn() -> usize + Send + Sync> {
        match &self.engine {
            Engine::Sqlite(store) => {
                let store = Arc::clone(store);
                Box::new(move || store.connections())
            }
            Engine::Postgres(store) => {
                let store = Arc::clone(store);
                Box::new(move || store.connections())
            }
        }
    }

    fn of<S>(store: Arc<S>, engine: Engine) -> Self
    where
        S: EventStore
            + Users
            + Credentials
            + Sessions
            + OneTimeCodes
            + LoginHistory
            + Companies
            + Members
            + Invitations
            + Accesses
            + Streams
            + EventSearch
            + IdempotencyKeys
            + ApiKeys
            + Features
            + FeatureUsages
            + SubjectKeys
            + SigningKeys
            + Subscriptions
            + Checkpoints
            + Replays
            + Retention
            + 'static,
    {
        Self {
            events: store.clone(),
            users: store.clone(),
            credentials: store.clone(),
            sessions: store.clone(),
            one_time_codes: store.clone(),
            login_history: CollectedHistory::start(store.clone()),
            companies: store.clone(),
            members: store.clone(),
            invitations: store.clone(),
            accesses: store.clone(),
            streams: store.clone(),
            event_search: store.clone(),
            idempotency_keys: store.clone(),
            api_keys: store.clone(),
            features: store.clone(),
            feature_usages: store.clone(),
            subject_keys: store.clone(),
            signing_keys: store.clone(),
            subscriptions: store.clone(),
            checkpoints: store.clone(),
            replays: store.clone(),
            retention: store,
            engine,
        }
    }
}

/// Opens the log for reading alone, beside running servers; needs no key and makes nothing.
pub async fn open_log(config: &Config) -> Result<Log, ConfigError> {
    match config.database() {
        StoreAddress::Postgres(url) => {
            let store = Postgres::connect_read_only(url.expose(), postgres_options(config)).await;
            Ok(log(Arc::new(store.map_err(|error| open_error(config, &error))?)))
        }
        StoreAddress::Sqlite(path) => {
            check_is_there(config, &path)?;
            let store = Sqlite::open_read_only(path, portcullis_sqlite::Options::default());
            Ok(log(Arc::new(store.map_err(|error| open_error(config, &error))?)))
        }
    }
}

fn log<S: EventStore + Checkpoints + Retention + SigningKeys + 'static>(store: Arc<S>) -> Log {
    Log { events: store.clone(), checkpoints: store.clone(), retention: store.clone(), signing_keys: store }
}

/// The database's schema, changed without opening the rest.
pub struct Migrations<'a> {
    config: &'a Config,
}

impl<'a> Migrations<'a> {
    /// Of the database that the configuration names.
    pub const fn of(config: &'a Config) -> Self {
        Self { config }
    }

    /// Every migration's name, oldest first, and whether the database has it.
    pub async fn status(&self) -> Result<Vec<(String, bool)>, ConfigError> {
        match self.config.database() {
            StoreAddress::Postgres(url) => {
                let all = Postgres::migrations(url.expose(), postgres_options(self.config)).await;
                let all = all.map_err(|error| open_error(self.config, &error))?;
                Ok(all.into_iter().map(|migration| (migration.name, migration.is_applied)).collect())
            }
            StoreAddress::Sqlite(path) => {
                let all = Sqlite::migrations(path, portcullis_sqlite::Options::default());
                let all = all.map_err(|error| open_error(self.config, &error))?;
                Ok(all.into_iter().map(|migration| (migration.name, migration.is_applied)).collect())
            }
        }
    }

    /// Applies what is pending, and returns the names.
    pub async fn apply(&self) -> Result<Vec<String>, ConfigError> {
        match self.config.database() {
            StoreAddress::Postgres(url) => {
                let applied = Postgres::migrate(url.expose(), postgres_options(self.config)).await;
                applied.map_err(|error| open_error(self.config, &error))
            }
            StoreAddress::Sqlite(path) => {
                data_folder::make(self.config)?;
                let applied = Sqlite::migrate(path, portcullis_sqlite::Options::default());
                applied.map_err(|error| open_error(self.config, &error))
            }
        }
    }

    /// Reverts the newest one, with the data in what it made, and returns its name.
    pub async fn revert(&self) -> Result<Option<String>, ConfigError> {
        match self.config.database() {
            StoreAddress::Postgres(url) => {
                let reverted = Postgres::revert_migration(url.expose(), postgres_options(self.config)).await;
                reverted.map_err(|error| open_error(self.config, &error))
            }
            StoreAddress::Sqlite(path) => {
                let reverted = Sqlite::revert_migration(path, portcullis_sqlite::Options::default());
                reverted.map_err(|error| open_error(self.config, &error))
            }
        }
    }
}

/// Wipes what erasures have left in the database's files, see [`Postgres::scrub`] and [`Sqlite::scrub`]; returns why it is not all of
/// it, where it is not.
pub async fn scrub(config: &Config) -> Result<Option<String>, ConfigError> {
    match config.database() {
        StoreAddress::Postgres(url) => {
            let scrubbed = Postgres::scrub(url.expose(), postgres_options(config)).await;
            scrubbed.map_err(|error| open_error(config, &error))
        }
        StoreAddress::Sqlite(path) => {
            check_is_there(config, &path)?;
            let scrubbed = Sqlite::scrub(path, portcullis_sqlite::Options::default());
            scrubbed.map_err(|error| open_error(config, &error))
        }
    }
}

fn postgres_options(config: &Config) -> portcullis_postgres::Options {
    let pool_size = usize::try_from(config.database_pool_size).ok().and_then(NonZeroUsize::new);
    let default = portcullis_postgres::Options::default();
    portcullis_postgres::Options { pool_size: pool_size.unwrap_or(default.pool_size), ..default }
}

fn check_is_there(config: &Config, path: &Path) -> Result<(), ConfigError> {
    if path.exists() {
        return Ok(());
    }
    let problem = format!("there is no database at {}", path.display());
    Err(config.refuse("DATABASE_URL", problem, "check DATA_DIR and DATABASE_URL"))
}

fn open_error(config: &Config, error: &(dyn Error + 'static)) -> ConfigError {
    // The message itself says what to do about the file or the server.
    let cause = error.source().map(|cause| format!(" ({cause})")).unwrap_or_default();
    config.refuse(
        "DATABASE_URL",
        format!("{error}{cause}"),
        "DATABASE_URL and DATA_DIR say which database it is",
    )
}
