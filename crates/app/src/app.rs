//! The service, from its configuration to its stop. The program and the tests start the same thing.

use std::{convert::Infallible, future::Future, net::SocketAddr, sync::Arc, time::Duration};

use poem::{EndpointExt, Response, endpoint::BoxEndpoint};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout_at},
};

use crate::{
    config::{Config, ConfigError},
    http,
    live::{self, Hub},
    mail::MailCopies,
    metric::{watch_dependencies, watch_population, watch_subscriptions},
    server,
    stack::{Stack, mail_folder},
    subscription::{NotarySubscription, Subscription},
    upkeep::{Retention, flush_usage, forget_requests, keep_up},
};

/// How long a stopping service tries to record what it granted last, at least.
const LAST_FLUSH: Duration = Duration::from_secs(5);

/// A service that listens already and answers once it is run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    endpoint: BoxEndpoint<'static, Response>,
    subscriptions: Vec<Subscription>,
    notary: NotarySubscription,
    hub: Arc<Hub>,
    stack: Stack,
    grace: Duration,
    retention: Retention,
    key_rotation: Option<Duration>,
}

impl App {
    /// Takes the port, then opens the stack: a port that is taken leaves nothing behind.
    pub async fn build(config: &Config) -> Result<Self, ConfigError> {
        let listener = listen(config).await?;
        let address = listener.local_addr().map_err(|error| port_error(config, &error))?;
        let stack = Stack::open(config, address.port()).await?;
        let feeds = live::Limits::new(server::connections_of_this_process() / 2, config.live_feeds_per_user);
        let live = stack.metrics.live.clone();
        let hub = Hub::new(stack.identity.clone(), http::render, feeds, live);
        let endpoint = http::endpoint(
            stack.identity.clone(),
            http::Beside {
                dependencies: stack.dependencies(),
                hub: Arc::clone(&hub),
                tokens: Arc::clone(&stack.tokens),
                copies: MailCopies { folder: mail_folder(config) },
                authority: http::Authority {
                    issuer: config.issuer(address.port()),
                    audience: config.token_audience.clone(),
                },
            },
            Arc::clone(&stack.metrics),
            gate(config, &stack),
            config.console.then_some(&config.app_name),
        );
        let endpoint = endpoint.data(Arc::new(stack.checkpoint_record())).boxed();
        let ports = stack.identity.ports();
        let holder = stack.identity.new_id(ports.clock.now());
        let subscriptions = stack.handlers(config)?.into_iter().map(|handler| Subscription {
            events: Arc::clone(&ports.events),
            cursors: Arc::clone(&stack.subscriptions),
            delivered: stack.metrics.subscription.delivered(handler.name()),
            handler,
            holder,
        });
        let subscriptions: Vec<_> = subscriptions.collect();
        let notary = stack.notary(config, holder);
        Ok(Self {
            listener,
            address,
            endpoint,
            subscriptions,
            notary,
            hub,
            stack,
            grace: config.shutdown_grace,
            retention: Retention {
                login_history: config.login_history_retention,
                accesses: config.access_retention,
            },
            key_rotation: (!config.key_rotation.is_zero()).then_some(config.key_rotation),
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done; then finishes the requests under way and what is queued, and closes the store.
    pub async fn run_until_stopped(self, stop: impl Future<Output = ()>) {
        let names = self.subscriptions.iter().map(|subscription| subscription.handler.name());
        let names: Vec<_> = names.chain([NotarySubscription::NAME]).collect();
        let (stop_subscriptions, stopped) = watch::channel(false);
        let mut subscriptions = JoinSet::new();
        for subscription in self.subscriptions {
            subscriptions.spawn(subscription.run(stopped.clone()));
        }
        let (stop_notary, notary_stopped) = watch::channel(false);
        let notary = tokio::spawn(self.notary.run(notary_stopped));
        let following = tokio::spawn(Arc::clone(&self.hub).follow(Arc::clone(&self.stack.subscriptions)));
        // Feeds never end by themselves: a stop would wait for them.
        let stop = async {
            stop.await;
            self.hub.close();
        };
        let (stop_flushing, told) = watch::channel(false);
        let flushing = tokio::spawn(flush_usage(self.stack.identity.clone(), told));
        let serving = server::serve(self.listener, self.endpoint, stop, self.grace);
        tokio::select! {
            () = serving => {}
            never = watch(&self.stack, &names) => match never {},
            never = self.stack.tokens.keep_current(self.key_rotation) => match never {},
            never = forget_requests(&self.stack.identity) => match never {},
            never = keep_up(&self.stack.identity, self.retention) => match never {},
        }
        self.hub.close();
        // It does nothing more than to end.
        let _ = following.await;
        // Before the subscriptions, so that what it records is told of and signed still.
        let _ = stop_flushing.send(true);
        if tokio::time::timeout(self.grace.max(LAST_FLUSH), flushing).await.is_err() {
            tracing::warn!("what was granted last is not recorded");
        }
        // Nobody listens any more when all subscriptions have ended by themselves.
        let _ = stop_subscriptions.send(true);
        let end = Instant::now() + self.grace;
        if timeout_at(end, subscriptions.join_all()).await.is_err() {
            tracing::warn!("a subscription did not stop; it goes on from its cursor at the next start");
        }
        // The last of them, so that it signs what the others have written too.
        let _ = stop_notary.send(true);
        if timeout_at(end, notary).await.is_err() {
            tracing::warn!("the log was not signed to its end; that goes on at the next start");
        }
        self.stack.close().await;
        tracing::info!("stopped");
    }
}

/// Keeps the metrics current that no request measures.
async fn watch(stack: &Stack, subscriptions: &[&str]) -> Infallible {
    let dependencies = stack.dependencies();
    let watching = watch_subscriptions(
        &stack.metrics.subscription,
        subscriptions,
        stack.subscriptions.as_ref(),
        stack.identity.ports().events.as_ref(),
    );
    let ports = stack.identity.ports();
    let counting = watch_population(
        &stack.metrics.population,
        ports.users.as_ref(),
        ports.sessions.as_ref(),
        ports.clock.as_ref(),
    );
    tokio::select! {
        never = watch_dependencies(&stack.metrics.dependency, &dependencies) => never,
        never = counting => never,
        never = watching => never,
    }
}

fn gate(config: &Config, stack: &Stack) -> http::Gate {
    let limits = || http::Limits {
        limiter: stack.rate_limiter(),
        sign_ins: config.sign_ins_per_minute,
        registrations: config.registrations_per_hour,
        others: config.requests_per_minute,
    };
    http::Gate {
        trusted_proxies: config.trusted_proxies.clone().unwrap_or_default(),
        limits: config.rate_limits.then(limits),
        timeout: config.request_timeout,
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
