//! The one place that names adapters: opens what the configuration asks for, and puts the domain on top.

use std::{fs, io, sync::Arc};

use portcullis_domain::{
    Identity, Ports,
    key_ring::{KeyRingError, open_key_ring},
    port::{Clock, Entropy, EventStore, Mailer, SigningKeys, Subscriptions},
    seal::MasterKey,
};
use portcullis_memory::{OsEntropy, SystemClock};
use portcullis_paseto::Paseto;
use portcullis_scrypt::{Parameters, Scrypt};
use portcullis_smtp::MailFolder;
use portcullis_sqlite::{OpenError, Options, Sqlite};

use crate::{
    config::{Config, ConfigError},
    master_key::{self, MasterKeyError},
};

/// Mail files go here, under the data folder.
const MAIL_FOLDER: &str = "mail";

/// Everything a command needs, opened.
pub struct Stack {
    /// The use cases.
    pub identity: Identity,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    store: Arc<Sqlite>,
}

/// The database's schema, changed without opening the rest.
pub struct Migrations {
    config: Config,
}

impl Migrations {
    /// Of the database that the configuration names.
    pub fn of(config: &Config) -> Self {
        Self { config: config.clone() }
    }

    /// Every migration's name, oldest first, and whether the database has it.
    pub fn status(&self) -> Result<Vec<(String, bool)>, ConfigError> {
        let all = Sqlite::migrations(self.config.database(), Options::default());
        let all = all.map_err(|error| open_error(&self.config, &error))?;
        Ok(all.into_iter().map(|migration| (migration.name, migration.is_applied)).collect())
    }

    /// Applies what is pending, and returns the names.
    pub fn apply(&self) -> Result<Vec<String>, ConfigError> {
        make_data_folder(&self.config)?;
        Sqlite::migrate(self.config.database(), Options::default())
            .map_err(|error| open_error(&self.config, &error))
    }

    /// Reverts the newest one, with the data in what it made, and returns its name.
    pub fn revert(&self) -> Result<Option<String>, ConfigError> {
        let reverted = Sqlite::revert_migration(self.config.database(), Options::default());
        reverted.map_err(|error| open_error(&self.config, &error))
    }
}

impl Stack {
    /// Opens the stack that the configuration asks for, and makes what is not there yet. `port` is the one the service listens on,
    /// or would. What is refused is refused before anything is written.
    pub async fn open(config: &Config, port: u16) -> Result<Self, ConfigError> {
        make_data_folder(config)?;
        let path = config.database();
        let store =
            Arc::new(Sqlite::open(&path, Options::default()).map_err(|error| open_error(config, &error))?);
        let master_key = master_key(config, &store).await?;
        Self::assemble(config, port, store, master_key).await
    }

    /// What sends mail, its folder made where it is not there yet.
    pub(crate) fn open_mailer(&self, config: &Config) -> Result<Arc<dyn Mailer>, ConfigError> {
        let ports = self.identity.ports();
        let (clock, entropy) = (Arc::clone(&ports.clock), Arc::clone(&ports.entropy));
        let folder = config.data_dir.join(MAIL_FOLDER);
        match MailFolder::open(folder, config.email_from.as_str(), clock, entropy) {
            Ok(mailer) => Ok(Arc::new(mailer)),
            Err(error @ portcullis_smtp::OpenError::Sender(..)) => {
                Err(config.refuse("EMAIL_FROM", error, "set it to an address such as portcullis@example.com"))
            }
            Err(error @ portcullis_smtp::OpenError::Folder(..)) => {
                Err(config.refuse("DATA_DIR", error, "name a folder that this user may read and write"))
            }
        }
    }

    /// Finishes what was begun and closes the store.
    pub async fn close(&self) {
        self.store.close().await;
    }

    async fn assemble(
        config: &Config,
        port: u16,
        store: Arc<Sqlite>,
        master_key: MasterKey,
    ) -> Result<Self, ConfigError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let keys = open_key_ring(store.as_ref(), &master_key, entropy.as_ref(), clock.now()).await;
        let tokens = Paseto::new(
            keys.map_err(|error| key_ring_error(config, error))?,
            config.issuer(port),
            config.token_audience.clone(),
        );
        let tokens = tokens.map_err(|error| {
            config.refuse("TOKEN_ISSUER", error, "set TOKEN_ISSUER and TOKEN_AUDIENCE to short names")
        })?;
        let hasher = Scrypt::start(scrypt_settings(config)?, Arc::clone(&entropy)).map_err(|error| {
            config.refuse(
                "HASH_QUEUE",
                format!("no threads to hash passwords with: {error}"),
                "free some memory",
            )
        })?;
        let ports = Ports {
            events: store.clone(),
            users: store.clone(),
            credentials: store.clone(),
            sessions: store.clone(),
            one_time_codes: store.clone(),
            subject_keys: store.clone(),
            session_cache: None,
            password_hasher: Arc::new(hasher),
            tokens: Arc::new(tokens),
            clock,
            entropy,
            master_key,
        };
        let identity = Identity::new(ports, config.policy());
        Ok(Self { identity, cursors: store.clone(), store })
    }
}

/// Opens the log for reading alone, beside a running server; needs no key and makes nothing.
pub fn open_log(config: &Config) -> Result<Arc<dyn EventStore>, ConfigError> {
    let path = config.database();
    if !path.exists() {
        let problem = format!("there is no database at {}", path.display());
        return Err(config.refuse("DATABASE_URL", problem, "check DATA_DIR and DATABASE_URL"));
    }
    let store =
        Sqlite::open_read_only(&path, Options::default()).map_err(|error| open_error(config, &error))?;
    Ok(Arc::new(store))
}

/// Makes the data folder, for its owner alone; an existing one is left as it is.
fn make_data_folder(config: &Config) -> Result<(), ConfigError> {
    let folder = &config.data_dir;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    let usable = builder.create(folder).and_then(|()| fs::read_dir(folder).map(drop));
    usable.map_err(|error: io::Error| {
        let problem = format!("the folder {} cannot be used: {error}", folder.display());
        config.refuse("DATA_DIR", problem, "name a folder that this user may read and write")
    })
}

async fn master_key(config: &Config, store: &Sqlite) -> Result<MasterKey, ConfigError> {
    if let Some(key) = &config.master_key {
        return Ok(key.clone());
    }
    if let Some(key) = master_key::find(&config.data_dir).map_err(|error| master_key_error(config, error))? {
        return Ok(key);
    }
    // A new key beside data that another one sealed would lose that data to sight.
    if !SigningKeys::list(store).await.map_err(|error| key_ring_error(config, error.into()))?.is_empty() {
        return Err(lost_master_key(config));
    }
    master_key::find_or_make(&config.data_dir, &OsEntropy).map_err(|error| master_key_error(config, error))
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

fn open_error(config: &Config, error: &OpenError) -> ConfigError {
    // The message itself says what to do about the file.
    let cause = std::error::Error::source(error).map(|cause| format!(" ({cause})")).unwrap_or_default();
    config.refuse("DATABASE_URL", format!("{error}{cause}"), "DATABASE_URL and DATA_DIR say which file it is")
}

fn master_key_error(config: &Config, error: MasterKeyError) -> ConfigError {
    config.refuse("MASTER_KEY", error, "restore the file from a back-up, or set MASTER_KEY to the key")
}

fn lost_master_key(config: &Config) -> ConfigError {
    let problem = "the database was sealed with a master key that is not in the data folder";
    config.refuse("MASTER_KEY", problem, "restore master.key from a back-up, or set MASTER_KEY to the key")
}

fn key_ring_error(config: &Config, error: KeyRingError) -> ConfigError {
    match error {
        KeyRingError::WrongMasterKey(_) => {
            config.refuse("MASTER_KEY", error, "set MASTER_KEY to the key that this database was made with")
        }
        KeyRingError::Store(_) => {
            config.refuse("DATABASE_URL", error, "see that the database can be read and written")
        }
    }
}
