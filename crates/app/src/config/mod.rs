//! Configuration: read once from a file and the environment into types, or refused with one line that says what to do.

mod error;
mod form;
mod later;
mod listing;
mod setting;
mod source;
#[cfg(test)]
mod tests;

use portcullis_domain::Policy;
use url::{Host, Url};

pub use error::{ConfigError, Origin};
pub use form::{Environment, JwtAlgorithm, LogFormat, ServerUrl, StoreAddress, TokenFormat};
pub use listing::{Effective, reference};
pub use setting::Config;
pub use source::Sources;

use setting::Reader;

/// The most memory that one password hash may take.
const MAX_HASH_BYTES: u64 = 1 << 30;

impl Config {
    /// Reads and checks everything. Touches nothing but the configuration file.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        let reader = Reader { given: sources.gather()?, effective: Vec::new() };
        let config = Self::read(reader, sources.without_effect())?;
        config.check_hash_memory()?;
        config.check_production()?;
        Ok(config)
    }

    /// What the domain lets an operator choose.
    pub fn policy(&self) -> Policy {
        Policy {
            access_token_lifetime: self.access_token_lifetime,
            refresh_token_lifetime: self.refresh_token_lifetime,
            refresh_reuse_leeway: self.refresh_reuse_leeway,
            session_max_age: self.session_max_age,
            max_sessions: self.max_sessions,
            session_limit: self.session_limit,
            email_verification: self.email_verification,
            password_history: self.password_history,
            max_login_attempts: self.max_login_attempts,
            lockout: self.lockout,
            max_api_keys: self.max_api_keys,
            api_key_lifetime: self.api_key_lifetime,
            api_key_rotation_overlap: self.api_key_rotation_overlap,
        }
    }

    /// What to bind: the host as a listener takes it, and the port.
    pub fn listen_on(&self) -> (String, u16) {
        let host = match &self.host {
            Host::Domain(name) => name.clone(),
            Host::Ipv4(address) => address.to_string(),
            // Without the brackets that a URL has around it.
            Host::Ipv6(address) => address.to_string(),
        };
        (host, self.port)
    }

    /// Where clients reach the service, given the port it listens on.
    #[expect(clippy::missing_panics_doc, reason = "a host that was parsed makes a URL with any port")]
    pub fn base_url(&self, bound_port: u16) -> Url {
        self.public_url.clone().unwrap_or_else(|| {
            // What listens on every address is reached on this machine by its own.
            let host = match &self.host {
                Host::Ipv4(address) if address.is_unspecified() => "127.0.0.1".to_owned(),
                Host::Ipv6(address) if address.is_unspecified() => "[::1]".to_owned(),
                host => host.to_string(),
            };
            Url::parse(&format!("http://{host}:{bound_port}"))
                .expect("a parsed host makes a URL with any port")
        })
    }

    /// The issuer in tokens, given the port the service listens on.
    pub fn issuer(&self, bound_port: u16) -> String {
        let base_url = || self.base_url(bound_port).as_str().trim_end_matches('/').to_owned();
        self.token_issuer.clone().unwrap_or_else(base_url)
    }

    /// Where the store is; without a path of its own, in the data folder.
    pub fn database(&self) -> StoreAddress {
        match &self.database_url {
            Some(StoreAddress::Sqlite(path)) if !path.as_os_str().is_empty() => {
                StoreAddress::Sqlite(path.clone())
            }
            Some(StoreAddress::Sqlite(_)) | None => StoreAddress::Sqlite(self.data_dir.join("portcullis.db")),
            Some(server) => server.clone(),
        }
    }

    /// The format of log lines, given whether they go to a terminal.
    pub fn log_format_on(&self, is_terminal: bool) -> LogFormat {
        self.log_format.unwrap_or(if is_terminal { LogFormat::Human } else { LogFormat::Json })
    }

    /// Environment variables that are set and will mean something to a later version, but not to this one: worth a warning.
    pub fn without_effect(&self) -> &[&'static str] {
        &self.without_effect
    }

    /// An error about one of the settings that shows only when it is used: a port that is taken, a folder that cannot be written.
    pub fn refuse(
        &self,
        name: &'static str,
        problem: impl std::fmt::Display,
        remedy: impl std::fmt::Display,
    ) -> ConfigError {
        let error = ConfigError::new(name, problem, remedy);
        match self.effective.iter().find(|setting| setting.name == name) {
            Some(setting) => error.from(setting.origin.clone()),
            None => error,
        }
    }

    fn check_hash_memory(&self) -> Result<(), ConfigError> {
        let bytes = (128 * u64::from(self.scrypt_r)) << self.scrypt_log_n;
        if bytes <= MAX_HASH_BYTES {
            return Ok(());
        }
        let problem = format!("with SCRYPT_R one password hash would take {} MiB", bytes >> 20);
        Err(self.refuse(
            "SCRYPT_LOG_N",
            problem,
            format!("lower one of them, to at most {} MiB", MAX_HASH_BYTES >> 20),
        ))
    }

    fn check_production(&self) -> Result<(), ConfigError> {
        if self.environment != Environment::Production || self.allow_insecure {
            return Ok(());
        }
        if self.master_key.is_none() {
            let problem = "ENVIRONMENT is `production`, where no key is made beside the data it seals";
            let remedy =
                "set it to what `openssl rand -base64 32` prints and keep a copy, or set ALLOW_INSECURE=true";
            return Err(self.refuse("MASTER_KEY", problem, remedy));
        }
        let database = match &self.database_url {
            Some(StoreAddress::Postgres(url)) => Some(url),
            _ => None,
        };
        let servers = [
            ("DATABASE_URL", database, "ask for TLS with `?sslmode=verify-full`"),
            ("REDIS_URL", self.redis_url.as_ref(), "ask for TLS with `rediss://`"),
            ("AMQP_URL", self.amqp_url.as_ref(), "ask for TLS with `amqps://`"),
            ("SMTP_URL", self.smtp_url.as_ref(), "ask for TLS with `smtps://`, or leave `tls=` out"),
        ];
        for (name, url, remedy) in servers {
            if url.is_some_and(|url| !url.is_private()) {
                let problem = "ENVIRONMENT is `production`, and the way to this server is not encrypted";
                return Err(self.refuse(name, problem, format!("{remedy}, or set ALLOW_INSECURE=true")));
            }
        }
        if self.smtp_url.is_none() {
            let problem = "ENVIRONMENT is `production`, where mails are not just written to files";
            let remedy = "set it to `smtps://USER:PASSWORD@HOST`, or set ALLOW_INSECURE=true";
            return Err(self.refuse("SMTP_URL", problem, remedy));
        }
        Ok(())
    }
}
