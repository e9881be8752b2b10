use clap::Subcommand;
use portcullis_app::{config::Config, open_log};
use portcullis_domain::{
    audit::{AuditError, verify_log},
    port::StoreError,
};

use super::{block_on, print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check every event's hash, every stream's order, and that no stream's end was cut off
    ///
    /// Reads the whole log and needs no key; works beside a running server. An intact log is counted on standard output. When
    /// the log was changed the exit code is 1, and standard error names the first bad event: its stream, version and id, and
    /// what is wrong with it.
    #[command(after_help = "\
Examples:
  portcullis audit verify
  DATABASE_URL=sqlite:/backups/portcullis.db portcullis audit verify")]
    Verify,
}

pub(crate) fn run(config: &Config, Command::Verify: &Command) -> anyhow::Result<()> {
    block_on(async {
        let report = verify_log(open_log(config).await?.as_ref()).await.map_err(|error| match error {
            // An event that does not read was not written by the service.
            AuditError::Broken(_) | AuditError::Store(StoreError::Corrupt(_)) => {
                anyhow::Error::from(error).context("the audit log is broken")
            }
            AuditError::Store(_) => anyhow::Error::from(error),
        })?;
        Ok(print(format!("intact: {} events on {} streams\n", report.events, report.streams))?)
    })
}
