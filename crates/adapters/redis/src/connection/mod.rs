//! Connections, and what is done while there are none: calls fail at once, and one probe a second looks whether Redis is back.

mod check;
mod pool;
mod server;

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use portcullis_domain::port::StoreError;
use redis::{RedisResult, aio::MultiplexedConnection};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::{Options, error::CallError};
use pool::Pool;
pub(crate) use server::Server;

/// The one way to the server: each call has a deadline, and none waits for a server that is away.
pub(crate) struct Connections {
    server: Server,
    pool: Pool,
    deadline: Duration,
    probe_interval: Duration,
    probe_key: String,
    is_up: AtomicBool,
}

/// When a call is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// While the server is not known to be away; whoever asks has another way.
    Ordinary,
    /// In any case: what it says makes others refuse somebody, and is worth the wait.
    Security,
}

impl Connections {
    pub(crate) fn new(server: Server, options: &Options) -> Arc<Self> {
        Arc::new(Self {
            pool: Pool::new(&server, options),
            server,
            deadline: options.deadline,
            probe_interval: options.probe_interval,
            probe_key: format!("{}probe", options.key_prefix),
            is_up: AtomicBool::new(true),
        })
    }

    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Acquire)
    }

    /// Makes a call.
    pub(crate) async fn call<T, F>(
        self: &Arc<Self>,
        urgency: Urgency,
        work: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, StoreError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if urgency == Urgency::Ordinary && !self.is_up() {
            return Err(CallError::Away.into());
        }
        self.attempt(work).await.map_err(|error| {
            if error.is_outage() {
                self.note_outage(&error);
            }
            error.into()
        })
    }

    /// Takes a connection, gives it back at once, and works on a copy: the work of many goes over one.
    async fn attempt<T, F>(&self, work: impl FnOnce(MultiplexedConnection) -> F) -> Result<T, CallError>
    where
        F: Future<Output = RedisResult<T>>,
    {
        let mut age = self.pool.age();
        let outcome = timeout(self.deadline, async {
            let connection = self.pool.get().await?;
            age = connection.age;
            work(connection.engine).await.map_err(CallError::Engine)
        })
        .await
        .unwrap_or_else(|_| {
            Err(self.pool.last_failure().map_or(CallError::Late(self.deadline), CallError::Engine))
        });
        if outcome.as_ref().is_err_and(CallError::is_outage) {
            self.pool.retire(age);
        }
        outcome
    }

    fn note_outage(self: &Arc<Self>, error: &CallError) {
        if self.is_up.swap(false, Ordering::AcqRel) {
            warn!(server = %self.server, %error, "Redis is away");
            tokio::spawn(Self::probe(Arc::downgrade(self), self.probe_interval));
        }
    }

    /// Looks whether the server is back, until it is. By a write, since a server that is full or a replica by now takes none.
    async fn probe(connections: Weak<Self>, interval: Duration) {
        loop {
            sleep(interval).await;
            let Some(connections) = connections.upgrade() else { return };
            let mut write = redis::cmd("SET");
            write.arg(&connections.probe_key).arg(0).arg("PX").arg(1);
            let probe = connections
                .attempt(|mut connection| async move { write.query_async::<()>(&mut connection).await });
            if probe.await.is_ok() {
                connections.is_up.store(true, Ordering::Release);
                info!(server = %connections.server, "Redis is back");
                return;
            }
        }
    }
}
