use clap::Subcommand;
use portcullis_app::{config::Config, open_log};
use portcullis_domain::audit::{AuditError, verify_log};

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
        let report = verify_log(open_log(config)?.as_ref()).await.map_err(|error| match error {
            AuditError::Broken(_) => anyhow::Error::from(error).context("the audit log is broken"),
            AuditError::Store(_) => anyhow::Error::from(error),
        })?;
        Ok(print(format!("intact: {} events on {} streams\n", report.events, report.streams))?)
    })
}
