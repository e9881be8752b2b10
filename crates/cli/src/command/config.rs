use clap::Args;
use portcullis_app::config::{Config, ConfigError, reference};

use super::print;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Print the reference of all settings instead, as Markdown
    #[arg(long)]
    reference: bool,
}

pub(crate) fn run(
    config: impl FnOnce() -> Result<Config, ConfigError>,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    Ok(print(if arguments.reference { reference() } else { config()?.listing() })?)
}
