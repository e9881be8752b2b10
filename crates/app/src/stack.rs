//! The one place that names adapters: opens what the configuration asks for, and puts the domain on top.

use std::sync::Arc;

use portcullis_domain::{
    Identity, Ports,
    key_ring::{KeyRingError, open_key_ring},
    port::{Clock, Entropy, Mailer, Subscriptions},
    seal::MasterKey,
};
use portcullis_memory::{OsEntropy, SystemClock};
use portcullis_paseto::Paseto;
use portcullis_scrypt::{Parameters, Scrypt};
use portcullis_smtp::MailFolder;

use crate::{
    config::{Config, ConfigError},
    data_folder,
    master_key::{self, MasterKeyError},
    store::Store,
};

/// Mail files go here, under the data folder.
const MAIL_FOLDER: &str = "mail";

/// Everything a command needs, opened.
pub struct Stack {
    /// The use cases.
    pub identity: Identity,
    pub(crate) cursors: Arc<dyn Subscriptions>,
    store: Store,
}

impl Stack {
    /// Opens the stack that the configuration asks for, and makes what is not there yet. `port` is the one the service listens on,
    /// or would. What is refused is refused before anything is written.
    pub async fn open(config: &Config, port: u16) -> Result<Self, ConfigError> {
        data_folder::make(config)?;
        let store = Store::open(config).await?;
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
        store: Store,
        master_key: MasterKey,
    ) -> Result<Self, ConfigError> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let keys = open_key_ring(store.signing_keys.as_ref(), &master_key, entropy.as_ref(), clock.now()).await;
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
            events: store.events.clone(),
            users: store.users.clone(),
            credentials: store.credentials.clone(),
            sessions: store.sessions.clone(),
            one_time_codes: store.one_time_codes.clone(),
            subject_keys: store.subject_keys.clone(),
            session_cache: None,
            password_hasher: Arc::new(hasher),
            tokens: Arc::new(tokens),
            clock,
            entropy,
            master_key,
        };
        let identity = Identity::new(ports, config.policy());
        Ok(Self { identity, cursors: store.subscriptions.clone(), store })
    }
}

async fn master_key(config: &Config, store: &Store) -> Result<MasterKey, ConfigError> {
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
