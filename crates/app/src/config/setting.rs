//! The one table of settings: from each line come its field, its parsing, its line in `portcullis config` and its line in the
//! reference.

use std::{
    fmt,
    num::{NonZeroU32, NonZeroU64},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;
use portcullis_domain::{identity::SessionLimit, seal::MasterKey, value::Email};
use tracing_subscriber::filter::Targets;
use url::{Host, Url};

use super::{
    ConfigError, Environment, JwtAlgorithm, LogFormat, Origin, ServerUrl, StoreAddress, TokenFormat,
    form::{self, Form, Refusal},
    listing::Effective,
    source::AllGiven,
};

const SECONDS: u64 = 1;
const MINUTES: u64 = 60;
const DAYS: u64 = 24 * 60 * 60;

/// What is said of a setting.
pub(super) struct Setting {
    /// Its name in the environment.
    pub(super) name: &'static str,
    /// What it belongs to.
    pub(super) group: &'static str,
    /// What it is for, as Markdown.
    pub(super) about: String,
    /// What it accepts.
    pub(super) accepts: String,
    /// What it is when nobody sets it.
    pub(super) default: Fallback,
    /// Whether its value is never shown.
    pub(super) is_secret: bool,
}

/// What a setting is when nobody sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fallback {
    /// This text, read like any other.
    Text(&'static str),
    /// As it says, which other settings or the machine decide.
    Derived(&'static str),
}

/// Values while they are read, and the listing that grows with them.
pub(super) struct Reader {
    pub(super) given: AllGiven,
    pub(super) effective: Vec<Effective>,
}

/// A line is `field: type = kind("NAME", "default", form)`, where the kind is `plain` (the default is read like any other
/// value), `derived` or `secret` (the field is `None` when nobody sets it, and the default is words).
macro_rules! settings {
    ($($group:literal {$(
        $(#[doc = $about:literal])+
        $field:ident: $type:ty = $kind:ident($name:literal, $default:literal, $form:expr);
    )+})+) => {
        /// Everything an operator may choose, read once and typed.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(
                $(#[doc = $about])+
                pub $field: $type,
            )+)+
            pub(super) effective: Vec<Effective>,
            pub(super) without_effect: Vec<&'static str>,
        }

        /// All settings, in the order in which they are shown.
        pub(super) fn settings() -> Vec<Setting> {
            vec![$($(
                Setting::$kind($group, &[$($about),+], $name, $default, &$form),
            )+)+]
        }

        impl Config {
            pub(super) fn read(mut reader: Reader, without_effect: Vec<&'static str>) -> Result<Self, ConfigError> {
                $($(let $field = reader.$kind($name, $default, &$form)?;)+)+
                Ok(Self { $($($field,)+)+ effective: reader.effective, without_effect })
            }
        }
    };
}

settings! {
    "Service" {
        /// The name of this installation in its logs.
        app_name: String = plain("APP_NAME", "portcullis", form::text());
        /// What it is run for. `production` refuses what is only convenient: a generated master key, and mails written to files.
        environment: Environment = plain("ENVIRONMENT", "development", form::environment());
        /// Starts in production in spite of that.
        allow_insecure: bool = plain("ALLOW_INSECURE", "false", form::switch());
        /// The address to listen on.
        host: Host = plain("HOST", "127.0.0.1", form::host());
        /// The port to listen on; 0 takes any free one.
        port: u16 = plain("PORT", "8000", form::number(0..=u16::MAX));
        /// Where clients reach the service: the issuer of tokens, and the start of links.
        public_url: Option<Url> = derived("PUBLIC_URL", "`http://HOST:PORT`", form::public_url());
        /// How long a request may take before it is answered with an error, in seconds.
        request_timeout: Duration = plain("REQUEST_TIMEOUT_SECONDS", "10", form::span(SECONDS, 1..=300));
        /// How long a stopping service waits for the requests it has begun, in seconds.
        shutdown_grace: Duration = plain("SHUTDOWN_GRACE_SECONDS", "30", form::span(SECONDS, 0..=600));
    }
    "Console" {
        /// Whether the pages under `/console` are served and mails lead to them. Without them mails lead to the same paths right under `PUBLIC_URL`, where a team has its own: `/verify-email`, `/password/reset`, `/invitation`.
        console: bool = plain("ENABLE_CONSOLE", "true", form::switch());
    }
    "Store and keys" {
        /// The folder of everything the service keeps: the embedded store, the generated master key and mail files. It is made for its owner alone; one that others may write to is refused.
        data_dir: PathBuf = plain("DATA_DIR", "./portcullis-data", form::folder());
        /// The store. `sqlite:` without a path is the file in `DATA_DIR`.
        database_url: Option<StoreAddress> = address("DATABASE_URL", "`portcullis.db` in `DATA_DIR`", form::database());
        /// How many connections to a PostgreSQL server are held at most.
        database_pool_size: u32 = plain("DATABASE_POOL_SIZE", "20", form::number(2..=1_000));
        /// The Redis server that replicas share caches and counters through. Without one every process has its own.
        redis_url: Option<ServerUrl> = address("REDIS_URL", "none", form::server(&["redis", "rediss"]));
        /// How many connections to it are held at most.
        redis_pool_size: u32 = plain("REDIS_POOL_SIZE", "10", form::number(1..=1_000));
        /// The RabbitMQ server that events are published to. Without one they stay in the log.
        amqp_url: Option<ServerUrl> = address("AMQP_URL", "none", form::server(&["amqp", "amqps"]));
        /// The exchange that they are published to.
        amqp_exchange: String = plain("AMQP_EXCHANGE", "portcullis.events", form::text());
        /// The key that seals all other keys and personal data. Without it no data can be read: keep a copy. `openssl rand -base64 32` makes one.
        master_key: Option<MasterKey> = secret("MASTER_KEY", "made in `DATA_DIR` at the first start", form::master_key());
        /// Another master key, which opens what it has sealed and seals nothing: for as long as `MASTER_KEY` is being changed, see `portcullis keys rewrap --help`.
        master_key_previous: Option<MasterKey> = secret("MASTER_KEY_PREVIOUS", "none", form::master_key());
        /// How long a key signs tokens before the next one takes over, in days; 0 for until `portcullis keys rotate`.
        key_rotation: Duration = plain("KEY_ROTATION_DAYS", "90", form::span(DAYS, 0..=3650));
    }
    "Tokens" {
        /// The format of access tokens: PASETO v4.public, or JWT (RFC 9068) for services that read no PASETO. After a change clients refresh: tokens of the other format are refused at once. Refresh tokens are the same in both.
        token_format: TokenFormat = plain("TOKEN_FORMAT", "paseto", form::token_format());
        /// What JWTs are signed with.
        jwt_algorithm: JwtAlgorithm = plain("JWT_ALGORITHM", "EdDSA", form::jwt_algorithm());
        /// The issuer in tokens (`iss`); a token of another issuer is refused.
        token_issuer: Option<String> = derived("TOKEN_ISSUER", "`PUBLIC_URL`", form::text());
        /// The audience in tokens (`aud`); a token for another audience is refused.
        token_audience: String = plain("TOKEN_AUDIENCE", "portcullis", form::text());
        /// How long an access token is good, in minutes.
        access_token_lifetime: Duration = plain("ACCESS_TOKEN_EXPIRE_MINUTES", "30", form::span(MINUTES, 1..=1440));
        /// How long a refresh token, and so an unused session, is good, in days.
        refresh_token_lifetime: Duration = plain("REFRESH_TOKEN_EXPIRE_DAYS", "7", form::span(DAYS, 1..=365));
        /// How long after a refresh the token before it still works, in seconds: for a client whose answer was lost. 0 for not at all.
        refresh_reuse_leeway: Duration = plain("REFRESH_REUSE_LEEWAY_SECONDS", "10", form::span(SECONDS, 0..=300));
    }
    "Sessions" {
        /// How many sessions an account may have at a time.
        max_sessions: u32 = plain("MAX_SESSIONS_PER_USER", "5", form::number(1..=200));
        /// What happens to a sign-in beyond them: `evict_oldest` ends the session that was not used for longest, `reject` refuses the sign-in.
        session_limit: SessionLimit = plain("SESSION_LIMIT_POLICY", "evict_oldest", form::session_limit());
        /// How long a session may last however much it is used, in days.
        session_max_age: Duration = plain("SESSION_MAX_AGE_DAYS", "90", form::span(DAYS, 1..=3650));
    }
    "API keys" {
        /// How many API keys a person or a company may have at a time.
        max_api_keys: u32 = plain("MAX_API_KEYS_PER_OWNER", "20", form::number(1..=1_000));
        /// How long an API key is good unless whoever makes it says, in days.
        api_key_lifetime: Duration = plain("API_KEY_EXPIRE_DAYS", "365", form::span(DAYS, 1..=3650));
        /// How long after a rotation an API key's secret before it still works, in seconds. 0 for not at all.
        api_key_rotation_overlap: Duration = plain("API_KEY_ROTATION_OVERLAP_SECONDS", "86400", form::span(SECONDS, 0..=2_592_000));
    }
    "Passwords" {
        /// scrypt's cost, as a power of two. One hash takes `128 · r · 2^log_n` bytes, 32 MiB by default.
        scrypt_log_n: u8 = plain("SCRYPT_LOG_N", "15", form::number(10..=20));
        /// scrypt's block size.
        scrypt_r: u32 = plain("SCRYPT_R", "8", form::number(1..=32));
        /// scrypt's parallelism: how often the work is done over.
        scrypt_p: u32 = plain("SCRYPT_P", "3", form::number(1..=16));
        /// Whether a new password must differ from the last five.
        password_history: bool = plain("ENABLE_PASSWORD_HISTORY", "true", form::switch());
        /// How many passwords may wait to be hashed before a request is told to come back later.
        hash_queue: usize = plain("HASH_QUEUE", "64", form::number(1..=10_000));
    }
    "Limits" {
        /// Whether limits of rate hold, each for an address (of IPv6 for a network of 64 bits). Load tests set it to `false`.
        rate_limits: bool = plain("RATE_LIMIT_ENABLED", "true", form::switch());
        /// How often somebody may try to sign in, a minute.
        sign_ins_per_minute: NonZeroU32 = plain("RATE_LIMIT_LOGIN_PER_MINUTE", "5", form::limit());
        /// How many accounts somebody may register, an hour.
        registrations_per_hour: NonZeroU32 = plain("RATE_LIMIT_REGISTER_PER_HOUR", "3", form::limit());
        /// How many requests of any other kind somebody may make, a minute.
        requests_per_minute: NonZeroU32 = plain("RATE_LIMIT_PER_MINUTE", "60", form::limit());
        /// How many live feeds (`GET /stream/live/{stream_id}`) one account may have open on a replica. All of them together take up to half of a replica's connections, of which there are 10,000, or three quarters of the files that the process may open where that is less.
        live_feeds_per_user: usize = plain("LIVE_FEEDS_PER_USER", "20", form::number(1..=10_000));
        /// How many wrong passwords lock an account. They are counted by account and by the network they come from (a /24 of IPv4, a /48 of IPv6), and the account is locked for that network alone: its sessions live on, and its owner signs in from elsewhere.
        max_login_attempts: u32 = plain("MAX_LOGIN_ATTEMPTS", "5", form::number(1..=10_000));
        /// For how long, in minutes. So long wrong passwords count, too.
        lockout: Duration = plain("ACCOUNT_LOCKOUT_DURATION_MINUTES", "15", form::span(MINUTES, 1..=1440));
        /// How long attempts to sign in are kept in an account's history, in days.
        login_history_retention: Duration = plain("LOGIN_HISTORY_RETENTION_DAYS", "90", form::span(DAYS, 1..=3650));
        /// How long it is kept who looked at whose personal data, in days.
        access_retention: Duration = plain("ACCESS_RETENTION_DAYS", "365", form::span(DAYS, 1..=3650));
        /// The proxies whose `X-Forwarded-For` or `Forwarded` header says whose request it is; of nobody else either is believed. A proxy must take away from what it passes on the one of the two that it does not write itself: where both are there and disagree, the request counts as the proxy's own.
        trusted_proxies: Option<Vec<IpNet>> = derived("TRUSTED_PROXIES", "none", form::networks());
    }
    "Streams" {
        /// A snapshot of a stream is taken each time that it has grown by so many events, so that its state is read from there and not from the first event on.
        snapshot_every: NonZeroU64 = plain("SNAPSHOT_EVERY", "100", form::events());
    }
    "Mail" {
        /// Whether an address must be verified, by a code mailed to it, before its owner can sign in.
        email_verification: bool = plain("ENABLE_EMAIL_VERIFICATION", "true", form::switch());
        /// The server that mail leaves by. `smtp://` asks for STARTTLS and sends nothing without it, unless the server is on this machine or the URL ends in `?tls=opportunistic` or `?tls=none`; `smtps://` is TLS at once. `cafile=PATH` names an authority to trust instead of the system's.
        smtp_url: Option<ServerUrl> = address("SMTP_URL", "none: mails are files in `DATA_DIR`", form::server(&["smtp", "smtps"]));
        /// The sender of mails.
        email_from: Email = plain("EMAIL_FROM", "portcullis@localhost", form::sender());
    }
    "Audit" {
        /// How many whole months of events are kept in the database, beside the one that runs. Older ones go only when `portcullis audit archive` moves them into a file.
        event_retention: Option<u32> = plain("EVENT_RETENTION", "forever", form::months());
        /// After how many events at the latest the notary signs a checkpoint of the log.
        checkpoint_events: usize = plain("CHECKPOINT_EVERY_EVENTS", "1000", form::number(1..=100_000));
        /// After how many seconds at the latest, where there are new events. What nobody has signed yet can be changed unnoticed by whoever can change the database.
        checkpoint_time: Duration = plain("CHECKPOINT_EVERY_SECONDS", "60", form::span(SECONDS, 1..=86_400));
        /// A file that each checkpoint is added to, as a line of JSON, for a copy outside the database: on another disk, or taken away by what ships logs. `portcullis audit verify` compares it.
        checkpoint_file: Option<PathBuf> = derived("CHECKPOINT_FILE", "none", form::file());
    }
    "Logs" {
        /// Which log lines are written.
        log_level: Targets = plain("LOG_LEVEL", "info", form::log_level());
        /// How they look.
        log_format: Option<LogFormat> = derived("LOG_FORMAT", "`human` on a terminal, else `json`", form::log_format());
    }
}

impl Setting {
    /// Its name in the configuration file.
    pub(super) fn key(&self) -> String {
        self.name.to_lowercase()
    }

    fn plain<T>(
        group: &'static str,
        about: &[&str],
        name: &'static str,
        text: &'static str,
        form: &Form<T>,
    ) -> Self {
        let default = Fallback::Text(text);
        let about = about.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        Self { name, group, about, accepts: form.accepts.clone(), default, is_secret: false }
    }

    fn derived<T>(
        group: &'static str,
        about: &[&str],
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Self {
        Self { default: Fallback::Derived(words), ..Self::plain(group, about, name, words, form) }
    }

    fn address<T>(
        group: &'static str,
        about: &[&str],
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Self {
        Self::derived(group, about, name, words, form)
    }

    fn secret<T>(
        group: &'static str,
        about: &[&str],
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Self {
        Self { is_secret: true, ..Self::derived(group, about, name, words, form) }
    }
}

impl Reader {
    fn plain<T>(
        &mut self,
        name: &'static str,
        default: &'static str,
        form: &Form<T>,
    ) -> Result<T, ConfigError> {
        let given = self.given.remove(name);
        let (text, origin) =
            given.map_or_else(|| (default.to_owned(), Origin::Default), |given| (given.text, given.origin));
        let value = read(name, Fallback::Text(default), form, &text, &origin)?;
        self.effective.push(Effective { name, value: text, origin });
        Ok(value)
    }

    fn derived<T>(
        &mut self,
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(given) = self.given.remove(name) else {
            self.effective.push(Effective { name, value: words.to_owned(), origin: Origin::Default });
            return Ok(None);
        };
        let value = read(name, Fallback::Derived(words), form, &given.text, &given.origin)?;
        self.effective.push(Effective { name, value: given.text, origin: given.origin });
        Ok(Some(value))
    }

    /// As `derived`, shown by the value's own `Display`, which masks a password.
    fn address<T: fmt::Display>(
        &mut self,
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Result<Option<T>, ConfigError> {
        let value = self.derived(name, words, form)?;
        if let (Some(address), Some(effective)) = (&value, self.effective.last_mut()) {
            zeroize::Zeroize::zeroize(&mut effective.value);
            effective.value = address.to_string();
        }
        Ok(value)
    }

    fn secret<T>(
        &mut self,
        name: &'static str,
        words: &'static str,
        form: &Form<T>,
    ) -> Result<Option<T>, ConfigError> {
        let value = self.derived(name, words, form)?;
        if let (Some(_), Some(effective)) = (&value, self.effective.last_mut()) {
            "***".clone_into(&mut effective.value);
        }
        Ok(value)
    }
}

fn read<T>(
    name: &'static str,
    default: Fallback,
    form: &Form<T>,
    text: &str,
    origin: &Origin,
) -> Result<T, ConfigError> {
    form.read(text).map_err(|refusal| {
        let remedy = match refusal {
            Refusal::Remedied(_, remedy) => remedy.to_owned(),
            Refusal::Form => format!("correct it, or leave it out for the default, {default}"),
            Refusal::Because(_) => {
                format!("set it to {}, or leave it out for the default, {default}", form.accepts)
            }
        };
        ConfigError::new(name, refusal.problem(text, &form.accepts), remedy).from(origin.clone())
    })
}

impl fmt::Display for Fallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "`{text}`"),
            Self::Derived(words) => f.write_str(words),
        }
    }
}
