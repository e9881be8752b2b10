use std::fmt::Write;

use clap::Args;
use portcullis_app::{Migrations, config::Config};

use super::{block_on, print};

#[derive(Args)]
pub(crate) struct Arguments {
    /// List all migrations and whether the database has them; change nothing
    #[arg(long)]
    status: bool,

    /// Revert the newest migration: what it made is lost, with the data in it. Stop the service and make a back-up first
    #[arg(long, conflicts_with = "status")]
    revert: bool,
}

pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let migrations = Migrations::of(config);
    let text = block_on(async {
        Ok(if arguments.status {
            migrations.status().await?.into_iter().fold(String::new(), |mut text, (name, is_applied)| {
                let _ = writeln!(text, "{} {name}", if is_applied { "applied" } else { "pending" });
                text
            })
        } else if arguments.revert {
            match migrations.revert().await? {
                Some(name) => format!("reverted {name}\n"),
                None => "there is no migration to revert\n".to_owned(),
            }
        } else {
            match migrations.apply().await?.as_slice() {
                [] => "the database is up to date\n".to_owned(),
                applied => applied.iter().fold(String::new(), |mut text, name| {
                    let _ = writeln!(text, "applied {name}");
                    text
                }),
            }
        })
    })?;
    Ok(print(text)?)
}
