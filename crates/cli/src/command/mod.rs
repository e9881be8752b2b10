//! One command a file.

pub(crate) mod admin;
pub(crate) mod asyncapi;
pub(crate) mod audit;
pub(crate) mod config;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod metrics;
pub(crate) mod migrate;
pub(crate) mod openapi;
pub(crate) mod replay;
pub(crate) mod scrub;
pub(crate) mod serve;
pub(crate) mod subscriptions;

use std::{
    future::Future,
    io::{self, Write},
};

use thiserror::Error;

/// Arguments that each by itself are in order, and together are not.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct UsageError(&'static str);

/// Prints a result.
pub(crate) fn print(text: impl AsRef<str>) -> io::Result<()> {
    io::stdout().lock().write_all(text.as_ref().as_bytes())
}

/// Prints a complaint; where nobody listens to those, nothing can be done about it.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Runs a command that waits for things.
fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
