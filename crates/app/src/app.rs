//! The service, from its configuration to its stop. The program and the tests start the same thing.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use poem::{Response, endpoint::BoxEndpoint};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    config::{Config, ConfigError},
    http, server,
    stack::Stack,
    subscription::{MailerSubscription, Subscription},
};

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    endpoint: BoxEndpoint<'static, Response>,
    subscription: Subscription,
    stack: Stack,
    grace: Duration,
}

impl App {
    /// Takes the port, then opens the stack: a port that is taken leaves nothing behind.
    pub async fn build(config: &Config) -> Result<Self, ConfigError> {
        let listener = listen(config).await?;
        let address = listener.local_addr().map_err(|error| port_error(config, &error))?;
        let stack = Stack::open(config, address.port()).await?;
        let endpoint = http::endpoint(stack.identity.clone(), config.request_timeout);
        let mailer = MailerSubscription {
            identity: stack.identity.clone(),
            mailer: stack.open_mailer(config)?,
            app_name: config.app_name.clone(),
        };
        let subscription = Subscription {
            events: Arc::clone(&stack.identity.ports().events),
            cursors: Arc::clone(&stack.cursors),
            handler: Arc::new(mailer),
            holder: stack.identity.new_id(stack.identity.ports().clock.now()),
        };
        Ok(Self { listener, address, endpoint, subscription, stack, grace: config.shutdown_grace })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then finishes the requests under way and what is queued, and closes the store.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) {
        let (stop_subscriptions, stopped) = watch::channel(false);
        let mut subscriptions = JoinSet::new();
        subscriptions.spawn(self.subscription.run(stopped));
        server::serve(self.listener, self.endpoint, stop, self.grace).await;
        // Nobody listens any more when all subscriptions have ended by themselves.
        let _ = stop_subscriptions.send(true);
        if tokio::time::timeout(self.grace, subscriptions.join_all()).await.is_err() {
            tracing::warn!("a subscription did not stop; it goes on from its cursor at the next start");
        }
        self.stack.close().await;
        tracing::info!("stopped");
    }
}

async fn listen(config: &Config) -> Result<TcpListener, ConfigError> {
    let listener = TcpListener::bind(config.listen_on()).await;
    listener.map_err(|error| port_error(config, &error))
}

fn port_error(config: &Config, error: &std::io::Error) -> ConfigError {
    let place = format!("{}:{}", config.host, config.port);
    let (setting, remedy) = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ("PORT", "stop the program that uses it, or set PORT to another one")
        }
        std::io::ErrorKind::PermissionDenied => {
            ("PORT", "set PORT to one that this user may use, 1024 or above")
        }
        _ => ("HOST", "set HOST to an address of this machine"),
    };
    config.refuse(setting, format!("cannot listen on {place}: {error}"), remedy)
}
