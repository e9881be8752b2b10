use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use bb8_redis::{
    RedisConnectionManager,
    bb8::{self, ErrorSink, ManageConnection, RunError},
};
use redis::{ErrorKind, RedisError, aio::MultiplexedConnection};

use super::Server;
use crate::{Options, error::CallError};

/// A few connections, each for any number of calls at a time.
pub(super) struct Pool {
    connections: bb8::Pool<Manager>,
    age: Arc<AtomicU64>,
    last_failure: Arc<Mutex<Option<RedisError>>>,
}

/// A connection, and the age of the pool at which it was made.
#[derive(Clone)]
pub(super) struct Pooled {
    pub(super) engine: MultiplexedConnection,
    pub(super) age: u64,
}

impl Pool {
    pub(super) fn new(server: &Server, options: &Options) -> Self {
        let age = Arc::new(AtomicU64::new(0));
        let last_failure = Arc::default();
        let manager = Manager { engine: server.manager(), age: Arc::clone(&age), options: options.clone() };
        let connections = bb8::Pool::builder()
            .max_size(options.connections.get())
            // Asks our own number alone and not the server, which a call would wait for.
            .test_on_check_out(true)
            .connection_timeout(options.deadline)
            .max_lifetime(None)
            .idle_timeout(None)
            .error_sink(Box::new(LastFailure(Arc::clone(&last_failure))))
            .build_unchecked(manager);
        Self { connections, age, last_failure }
    }

    pub(super) async fn get(&self) -> Result<Pooled, CallError> {
        match self.connections.get().await {
            Ok(connection) => {
                self.forget_failure();
                Ok(connection.clone())
            }
            Err(RunError::User(error)) => Err(error.into()),
            // The deadline around it is over at the same time, and says it in the same words.
            Err(RunError::TimedOut) => std::future::pending().await,
        }
    }

    pub(super) fn age(&self) -> u64 {
        self.age.load(Ordering::Acquire)
    }

    /// Uses none of the connections of this age any more: what befell one befell all of them. A failure of an earlier
    /// age says nothing about those made since.
    pub(super) fn retire(&self, age: u64) {
        // Whoever lost the exchange came later than another who noticed the same.
        let _ = self.age.compare_exchange(age, age + 1, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Why no connection could be made, when that was so of late.
    pub(super) fn last_failure(&self) -> Option<RedisError> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn forget_failure(&self) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// Makes connections, and drops those of an earlier age.
///
/// The library's own manager asks the server at each check-out or takes every connection for sound, and one whose server died
/// stays what it is.
struct Manager {
    engine: RedisConnectionManager,
    age: Arc<AtomicU64>,
    options: Options,
}

impl Manager {
    fn is_sound(&self, connection: &Pooled) -> bool {
        connection.age == self.age.load(Ordering::Acquire)
    }
}

impl ManageConnection for Manager {
    type Connection = Pooled;
    type Error = RedisError;

    async fn connect(&self) -> Result<Pooled, RedisError> {
        let age = self.age.load(Ordering::Acquire);
        let mut engine = self.engine.connect().await?;
        engine.set_response_timeout(self.options.deadline);
        Ok(Pooled { engine, age })
    }

    async fn is_valid(&self, connection: &mut Pooled) -> Result<(), RedisError> {
        let retired = || RedisError::from((ErrorKind::Io, "the connection was made before an outage"));
        if self.is_sound(connection) { Ok(()) } else { Err(retired()) }
    }

    fn has_broken(&self, connection: &mut Pooled) -> bool {
        !self.is_sound(connection)
    }
}

/// Keeps what the pool would not say: it tries again in the background, and its callers learn only that they waited in vain.
#[derive(Debug)]
struct LastFailure(Arc<Mutex<Option<RedisError>>>);

impl ErrorSink<RedisError> for LastFailure {
    fn sink(&self, error: RedisError) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    }

    fn boxed_clone(&self) -> Box<dyn ErrorSink<RedisError>> {
        Box::new(Self(Arc::clone(&self.0)))
    }
}
