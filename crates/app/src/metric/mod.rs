//! What the service tells Prometheus of itself: a file a subject. Nothing here knows a person: labels are of sets that this
//! program fixes, never of what a request says.

mod account;
mod book;
mod cache;
mod dependency;
mod hashing;
mod http;
mod key;
mod live;
mod lockout;
mod population;
mod reference;
mod service;
mod stream;
mod subscription;

use std::{sync::Arc, time::Duration};

use poem::http::Method;
use portcullis_domain::code::Code;

use self::{
    account::AccountMetrics, book::Book, dependency::DependencyMetrics, hashing::HashingMetrics,
    http::HttpMetrics, key::KeyMetrics, lockout::LockoutMetrics, population::PopulationMetrics,
    service::ServiceMetrics, stream::StreamMetrics, subscription::SubscriptionMetrics,
};
pub(crate) use self::{
    cache::{CacheLevel, CacheMetrics},
    dependency::watch_dependencies,
    live::{FeedEnd, LiveMetrics},
    population::watch_population,
    subscription::{Delivered, watch_subscriptions},
};
pub use self::{reference::reference, subscription::count_events_beyond};

/// The type of the answer of `/metrics`: Prometheus' text format.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric of the service.
pub(crate) struct Metrics {
    book: Book,
    http: HttpMetrics,
    pub(crate) account: AccountMetrics,
    pub(crate) lockout: LockoutMetrics,
    pub(crate) population: PopulationMetrics,
    pub(crate) cache: CacheMetrics,
    pub(crate) subscription: SubscriptionMetrics,
    pub(crate) stream: StreamMetrics,
    pub(crate) hashing: HashingMetrics,
    pub(crate) dependency: DependencyMetrics,
    pub(crate) live: LiveMetrics,
    pub(crate) service: ServiceMetrics,
    pub(crate) key: KeyMetrics,
}

/// A request that was answered, as far as metrics care.
pub(crate) struct Answered<'a> {
    pub(crate) method: &'a Method,
    /// The pattern of the route; `None` when no route has the path.
    pub(crate) endpoint: Option<&'a str>,
    pub(crate) status: u16,
    /// What went wrong.
    pub(crate) code: Option<Code>,
    /// What was sent was right, and too late.
    pub(crate) is_expired: bool,
    pub(crate) elapsed: Duration,
}

impl Metrics {
    /// All of them, at nought.
    pub(crate) fn new() -> Arc<Self> {
        let mut book = Book::default();
        Arc::new(Self {
            http: HttpMetrics::new(&mut book),
            account: AccountMetrics::new(&mut book),
            lockout: LockoutMetrics::new(&mut book),
            population: PopulationMetrics::new(&mut book),
            cache: CacheMetrics::new(&mut book),
            subscription: SubscriptionMetrics::new(&mut book),
            stream: StreamMetrics::new(&mut book),
            hashing: HashingMetrics::new(&mut book),
            dependency: DependencyMetrics::new(&mut book),
            live: LiveMetrics::new(&mut book),
            service: ServiceMetrics::new(&mut book),
            key: KeyMetrics::new(&mut book),
            book,
        })
    }

    /// Counts a request for everything that it counts for.
    pub(crate) fn answered(&self, answered: &Answered<'_>) {
        self.http.answered(answered);
        self.account.answered(answered);
    }

    /// All of them as text, as a scrape gets them.
    pub(crate) fn text(&self) -> String {
        self.book.text()
    }
}
