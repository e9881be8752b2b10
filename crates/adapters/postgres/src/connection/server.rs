use std::{fmt::Write, path::PathBuf, time::Duration};

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use portcullis_domain::port::Source;
use tokio_postgres::config::{Config, Host};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::tls::TlsMode;
use crate::{Options, error::OpenError};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that vanished without a word is noticed after about half a minute.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Reads and writes, each statement within its time.
    Serve,
    /// Reads alone, whatever it is asked.
    Inspect,
    /// Migrates, which may take as long as it takes.
    Migrate,
}

/// Where a database is and how to get there.
#[derive(Clone)]
pub(crate) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    name: String,
    statement_timeout: Duration,
}

impl Server {
    /// Reads a URL: `postgres://user:password@host:port/database?sslmode=…&sslrootcert=…&options=-csearch_path%3Dschema`, and the
    /// other parameters that tokio-postgres knows. Nothing of it but host, port and database is ever printed.
    pub(crate) fn parse(url: &str, options: &Options) -> Result<Self, OpenError> {
        let refused = |source: Source| OpenError::Url { source };
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(refused("it does not begin with postgres://".into()));
        }
        let (url, mode, authorities) = without_tls(url).map_err(refused)?;
        // Its own words name the parameter and not its value.
        let mut config: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            refused(
                std::error::Error::source(&error)
                    .map_or_else(|| error.to_string(), ToString::to_string)
                    .into(),
            )
        })?;
        config.ssl_mode(mode.negotiation()).keepalives_idle(KEEPALIVE).keepalives_interval(KEEPALIVE);
        config.keepalives_retries(2).tcp_user_timeout(3 * KEEPALIVE);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_application_name().is_none() {
            config.application_name("portcullis");
        }
        Ok(Self {
            tls: mode.connector(authorities.as_deref()).map_err(refused)?,
            name: name(&config),
            config,
            statement_timeout: options.statement_timeout,
        })
    }

    /// The database as an operator knows it: `PostgreSQL database portcullis on db.example.com:5432`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Connects, once.
    pub(crate) async fn connect(&self, access: Access) -> Result<AsyncPgConnection, OpenError> {
        let connected = self.config.connect(self.tls.clone()).await;
        let (client, driver) = connected.map_err(|error| OpenError::from_connect(&self.name, error))?;
        let failed = |error| OpenError::from_engine(&self.name, error);
        let connection = AsyncPgConnection::try_from_client_and_connection(client, driver).await;
        let mut connection = connection.map_err(|error| OpenError::from_engine(&self.name, error))?;
        connection.batch_execute(&self.settings(access)).await.map_err(failed)?;
        Ok(connection)
    }

    fn settings(&self, access: Access) -> String {
        let limit = match access {
            Access::Serve | Access::Inspect => self.statement_timeout.as_millis(),
            Access::Migrate => 0,
        };
        let read_only = if access == Access::Inspect { "on" } else { "off" };
        // A process that stops in the middle of a commit must not hold its streams' locks for ever. Compiling statements that
        // touch a few rows costs more than running them.
        format!(
            "SET statement_timeout = {limit}; SET idle_in_transaction_session_timeout = {limit};
             SET default_transaction_read_only = {read_only}; SET jit = off"
        )
    }
}

/// The URL without what tokio-postgres does not know, and what that said.
fn without_tls(url: &str) -> Result<(String, TlsMode, Option<PathBuf>), Source> {
    let Some((address, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), TlsMode::Prefer, None));
    };
    let mut mode = TlsMode::Prefer;
    let mut authorities = None;
    let mut rest = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => {
                mode = TlsMode::parse(value)
                    .ok_or("sslmode is disable, prefer, require, verify-ca or verify-full")?;
            }
            Some(("sslrootcert", value)) => authorities = Some(PathBuf::from(decoded(value)?)),
            _ => rest.push(parameter),
        }
    }
    Ok((format!("{address}?{}", rest.join("&")), mode, authorities))
}

/// Undoes percent encoding.
fn decoded(text: &str) -> Result<String, Source> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let digits = [rest.clone().next(), rest.clone().nth(1)].map(|digit| {
            digit.and_then(|digit| char::from(digit).to_digit(16)).and_then(|digit| u8::try_from(digit).ok())
        });
        if let (b'%', [Some(high), Some(low)]) = (byte, digits) {
            bytes.push(high * 16 + low);
            rest.nth(1);
        } else {
            bytes.push(byte);
        }
    }
    Ok(String::from_utf8(bytes)?)
}

fn name(config: &Config) -> String {
    let mut name = "the PostgreSQL database".to_owned();
    if let Some(database) = config.get_dbname().or(config.get_user()) {
        write!(name, " {database}").expect("a string takes any text");
    }
    let ports = config.get_ports();
    for (number, host) in config.get_hosts().iter().enumerate() {
        let port = ports.get(number).or(ports.first()).copied().unwrap_or(5432);
        let separator = if number == 0 { " on " } else { ", " };
        let written = match host {
            Host::Tcp(host) => write!(name, "{separator}{host}:{port}"),
            #[cfg(unix)]
            Host::Unix(folder) => write!(name, "{separator}{}", folder.display()),
        };
        written.expect("a string takes any text");
    }
    name
}
