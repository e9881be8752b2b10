use clap::Subcommand;
use portcullis_app::{Stack, config::Config};
use portcullis_domain::audit::AuditError;

use super::{block_on, print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check every event's hash, every stream's order, and that no stream's end was cut off
    ///
    /// Works beside a running server. Exit code 1, and the first bad event named, when the log was changed.
    Verify,
}

pub(crate) fn run(config: &Config, Command::Verify: &Command) -> anyhow::Result<()> {
    block_on(async {
        let stack = Stack::open_read_only(config).await?;
        let verdict = stack.identity.verify_log().await;
        stack.close().await;
        let report = verdict.map_err(|error| match error {
            AuditError::Broken(_) => anyhow::Error::from(error).context("the audit log is broken"),
            AuditError::Store(_) => anyhow::Error::from(error),
        })?;
        Ok(print(format!("intact: {} events on {} streams\n", report.events, report.streams))?)
    })
}
