//! A place of its own on the server for each test, gone with it.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::{Client, NoTls};

/// The server that the tests were given.
///
/// # Panics
///
/// When they were given none: nothing is skipped.
#[expect(clippy::disallowed_methods, reason = "tests are told where the server is by the environment")]
pub(crate) fn server() -> String {
    let url = std::env::var("DATABASE_URL").unwrap_or_default();
    assert!(
        url.starts_with("postgres"),
        "no PostgreSQL: run ./scripts/test, or set DATABASE_URL (./scripts/services start postgres starts one)"
    );
    url
}

/// A schema that nobody else uses.
pub(crate) struct Schema {
    name: String,
    url: String,
}

impl Schema {
    pub(crate) fn new() -> Self {
        let name = unique("case");
        let server = server();
        let separator = if server.contains('?') { '&' } else { '?' };
        let url = format!("{server}{separator}options=-csearch_path%3D{name}");
        Self { name, url }
    }

    /// How to get there. The schema itself is made by whoever opens it first.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.name);
        on_own_runtime(async move { connect(&server()).await.batch_execute(&sql).await.expect("dropped") });
    }
}

/// A name that no other test has, in this run or one beside it.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let moment = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
    format!("{prefix}_{moment}_{}_{number}", std::process::id())
}

/// A connection without any of the adapter's settings, as another program would have it.
pub(crate) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

/// Waits for something where nothing can be awaited.
pub(crate) fn on_own_runtime(work: impl Future<Output = ()> + Send + 'static) {
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work);
    };
    let outcome = std::thread::spawn(run).join();
    // A second panic would hide what the test itself says.
    assert!(outcome.is_ok() || std::thread::panicking(), "the test could not tidy up");
}
