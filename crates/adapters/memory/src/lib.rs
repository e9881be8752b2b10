//! Every port of `portcullis-domain` in memory: what tests, examples and embedders start with.
//!
//! [`Memory`] is the store, and keeps the whole contract but one word of it: what it holds ends with the process.
//! [`SystemClock`] and [`OsEntropy`] are the real ones, which production uses too. [`FastPasswordHasher`] and
//! [`OpaqueTokens`] are for tests and experiments alone; [`ports`] puts all of them together. [`LocalSessionCache`],
//! [`LocalRateLimiter`] and [`LocalAttemptCounters`] are what a service of one process uses, bounded in size.
//!
//! ```
//! use portcullis_domain::{Identity, Policy};
//!
//! let identity = Identity::new(portcullis_memory::ports(), Policy::default());
//! ```

mod api_key;
mod attempt_counter;
mod checkpoint;
mod clock;
mod entropy;
mod event_store;
mod feature;
mod mailer;
mod password_hasher;
mod publisher;
mod rate_limiter;
mod replay;
mod retention;
mod row;
mod session_cache;
mod stream;
mod subscription;
mod timed;
mod token;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use portcullis_domain::{
    Ports,
    checkpoint::SignedCheckpoint,
    commit::ClaimKey,
    event::Event,
    id::StreamId,
    retention::{Horizon, StreamBase},
    seal::MasterKey,
};
use tokio::sync::{RwLock, watch};
use uuid::Uuid;

pub use attempt_counter::LocalAttemptCounters;
pub use checkpoint::SharedSecretKeys;
pub use clock::SystemClock;
pub use entropy::OsEntropy;
pub use mailer::Outbox;
pub use password_hasher::FastPasswordHasher;
pub use publisher::Broker;
pub use rate_limiter::LocalRateLimiter;
pub use session_cache::LocalSessionCache;
pub use token::OpaqueTokens;

use replay::Derived;
use row::Rows;
use subscription::Subscription;

/// The store: log, claims, rows, signing keys and subscriptions behind one lock.
pub struct Memory {
    state: Arc<Mutex<State>>,
    /// Commits pass side by side, and a replay at its end alone.
    gate: Arc<RwLock<()>>,
    /// The position of the newest event, for those who wait for one.
    newest: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    /// All events in the order of their positions, which are 1, 2, 3, …
    log: Vec<Event>,
    /// Where in the log each stream's events are.
    streams: BTreeMap<StreamId, Vec<usize>>,
    claims: HashMap<ClaimKey, Uuid>,
    rows: Rows,
    subscriptions: BTreeMap<String, Subscription>,
    checkpoints: Vec<SignedCheckpoint>,
    /// Rows that a replay makes beside these.
    derived: Derived,
    horizon: Option<Horizon>,
    bases: BTreeMap<StreamId, StreamBase>,
    /// The position of the newest event that was dropped: it and those before stay where they are, and nobody is shown them.
    dropped: u64,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self { state: Arc::default(), gate: Arc::default(), newest: watch::Sender::new(0) }
    }

    /// All of the domain's ports around this store, with a master key drawn now. To replace one of them:
    /// `Ports { clock, ..memory.ports() }`.
    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            events: self.clone(),
            users: self.clone(),
            credentials: self.clone(),
            sessions: self.clone(),
            one_time_codes: self.clone(),
            login_history: self.clone(),
            companies: self.clone(),
            members: self.clone(),
            invitations: self.clone(),
            accesses: self.clone(),
            streams: self.clone(),
            retention: self.clone(),
            event_search: self.clone(),
            idempotency_keys: self.clone(),
            api_keys: self.clone(),
            features: self.clone(),
            feature_usages: self.clone(),
            attempt_counters: Arc::new(LocalAttemptCounters::new()),
            subject_keys: self.clone(),
            session_cache: None,
            password_hasher: Arc::new(FastPasswordHasher::new()),
            tokens: Arc::new(OpaqueTokens::new()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            master_key: MasterKey::generate(&OsEntropy),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// All of the domain's ports around an empty store; see [`Memory::ports`].
pub fn ports() -> Ports {
    Arc::new(Memory::new()).ports()
}

/// Without what it holds, which is personal.
impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Memory(***)")
    }
}
