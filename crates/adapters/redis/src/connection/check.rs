//! Whether the server is one that will do, asked when a program starts.

use std::time::Duration;

use portcullis_domain::port::Source;
use redis::{
    AsyncConnectionConfig, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value,
    aio::MultiplexedConnection,
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

use super::Server;
use crate::{
    OpenError, Options,
    error::{CallError, MINIMUM_SERVER_VERSION},
    script,
};

/// How long a server that is loading its data is left alone.
const PAUSE: Duration = Duration::from_millis(200);

impl Server {
    /// Connects, and does everything once that calls will do.
    pub(crate) async fn check(&self, options: &Options) -> Result<(), OpenError> {
        let deadline = Instant::now() + options.start_timeout;
        let late = || OpenError::Unreachable {
            server: self.name().to_owned(),
            source: CallError::Late(options.start_timeout).into(),
        };
        loop {
            let trial = timeout_at(deadline, async {
                let mut connection = self.connect(options).await?;
                self.check_kind(&mut connection, options).await?;
                self.try_everything(connection, options).await
            });
            match trial.await {
                Ok(Err(OpenError::Engine { source, .. })) if is_loading(&*source) => {
                    timeout_at(deadline, sleep(PAUSE)).await.map_err(|_| late())?;
                }
                Ok(outcome) => return outcome,
                Err(_) => return Err(late()),
            }
        }
    }

    async fn connect(&self, options: &Options) -> Result<MultiplexedConnection, OpenError> {
        // A little less than the whole, so that what was waited for can still be told.
        let patience = Some(options.start_timeout * 4 / 5);
        let settings =
            AsyncConnectionConfig::new().set_connection_timeout(patience).set_response_timeout(patience);
        match self.client().get_multiplexed_async_connection_with_config(&settings).await {
            Ok(connection) => Ok(connection),
            Err(error) => Err(self.refusal(error, options).await),
        }
    }

    /// Why there is no connection.
    async fn refusal(&self, error: RedisError, options: &Options) -> OpenError {
        let server = self.name().to_owned();
        let is_listening = async || TcpStream::connect(self.name()).await.is_ok();
        match error.kind() {
            ErrorKind::InvalidClientConfig => OpenError::Url { source: error.into() },
            ErrorKind::Io if self.wants_tls() && error.to_string().contains("certificate") => {
                OpenError::Tls { server, source: error.into() }
            }
            ErrorKind::Io | ErrorKind::Parse if self.wants_tls() && is_listening().await => {
                OpenError::NoTls { server, source: error.into() }
            }
            ErrorKind::Io if error.is_timeout() || error.is_connection_refusal() || !is_listening().await => {
                OpenError::Unreachable { server, source: error.into() }
            }
            ErrorKind::Io | ErrorKind::Parse => OpenError::NotRedis { server, source: in_a_line(&error) },
            _ => self.failure(error, options),
        }
    }

    /// Which version it is, and which part it plays.
    async fn check_kind(
        &self,
        connection: &mut MultiplexedConnection,
        options: &Options,
    ) -> Result<(), OpenError> {
        let server = self.name().to_owned();
        let hello: RedisResult<Vec<Value>> = redis::cmd("HELLO").arg(2).query_async(connection).await;
        let facts = match hello {
            Ok(facts) => facts,
            Err(error) if error.to_string().contains("unknown command") => {
                return Err(OpenError::TooOld { server, version: "5 or older".to_owned() });
            }
            Err(error) => return Err(self.failure(error, options)),
        };
        let fact = |name: &str| {
            let at = facts.iter().position(|fact| text(fact).as_deref() == Some(name))?;
            facts.get(at + 1).and_then(text)
        };
        let version = fact("version").unwrap_or_default();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < MINIMUM_SERVER_VERSION) {
            return Err(OpenError::TooOld { server, version });
        }
        if fact("mode").as_deref() == Some("cluster") {
            return Err(OpenError::Cluster { server });
        }
        if fact("role").is_some_and(|role| role != "master") {
            return Err(OpenError::Replica { server });
        }
        Ok(())
    }

    /// Each script on a key of its own, which is gone at once, and a subscription.
    async fn try_everything(
        &self,
        connection: MultiplexedConnection,
        options: &Options,
    ) -> Result<(), OpenError> {
        let prefix = &options.key_prefix;
        let failed = |error| self.failure(error, options);
        let channel = crate::revocation::channel(prefix);
        // One for each, since other replicas may start at the same time.
        let key = |script: &str| vec![format!("{prefix}check:{script}")];
        let changes = crate::revocation::change_channel(prefix);
        let of_nobody = || vec![changes.clone().into(), Vec::new()];
        let briefly = || b"1000".to_vec();
        let trials = [
            (&script::PUT, key("put"), vec![b"+".to_vec(), briefly()]),
            (&script::FORGET, key("put"), of_nobody()),
            (&script::ADD, key("add"), vec![briefly()]),
            (&script::COUNT, key("add"), Vec::new()),
            (&script::FORGET, key("add"), of_nobody()),
            (&script::TAKE, key("take"), vec![b"1".to_vec(), b"1".to_vec()]),
            // Of nobody's session.
            (&script::REVOKE, Vec::new(), vec![briefly(), channel.clone().into(), Vec::new()]),
        ];
        for (script, keys, arguments) in trials {
            script.run::<Value>(connection.clone(), &keys, &arguments).await.map_err(failed)?;
        }
        let mut subscription = self.client().get_async_pubsub().await.map_err(failed)?;
        subscription.subscribe(&[channel, changes]).await.map_err(failed)
    }

    /// What the server's own words mean to an operator.
    fn failure(&self, error: RedisError, options: &Options) -> OpenError {
        let server = self.name().to_owned();
        match (error.kind(), error.code()) {
            (ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
                OpenError::Credentials { server, source: error.into() }
            }
            _ if is_not_permitted(&error) => {
                let prefix = options.key_prefix.clone();
                OpenError::Permission { server, prefix, source: error.into() }
            }
            (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => OpenError::Replica { server },
            _ => OpenError::Engine { server, source: error.into() },
        }
    }
}

/// Whether the user may not do it; of what a script may not do, the text alone says so.
fn is_not_permitted(error: &RedisError) -> bool {
    error.code() == Some("NOPERM") || error.to_string().contains("The user executing the script can't")
}

/// An engine's words in one line.
fn in_a_line(error: &RedisError) -> Source {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ").into()
}

fn text(value: &Value) -> Option<String> {
    redis::from_redis_value_ref(value).ok()
}

fn is_loading(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let kind = error.downcast_ref::<RedisError>().map(RedisError::kind);
    kind == Some(ErrorKind::Server(ServerErrorKind::BusyLoading))
}
