//! The server that all cases share, and a prefix of one's own on it.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use portcullis_redis::Options;

/// The server that the tests were given.
///
/// # Panics
///
/// When they were given none: nothing is skipped.
#[expect(clippy::disallowed_methods, reason = "tests are told where the server is by the environment")]
pub(crate) fn url() -> String {
    let url = std::env::var("REDIS_URL").unwrap_or_default();
    assert!(
        url.starts_with("redis"),
        "no Redis: run ./scripts/test, or set REDIS_URL (./scripts/services start redis starts one)"
    );
    url
}

/// A prefix that no other test has, in this run or one beside it, and the patience of a machine that does much else.
pub(crate) fn options() -> Options {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let moment = std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
    Options {
        key_prefix: format!("test:{moment}:{}:{number}:", std::process::id()),
        deadline: Duration::from_secs(10),
        start_timeout: Duration::from_secs(20),
        ..Options::default()
    }
}
