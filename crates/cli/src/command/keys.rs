use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use clap::Subcommand;
use portcullis_app::{KeyRingCommandError, KeyRingCommands, ListedKey, config::Config};

use super::{block_on, print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the signing keys: what each is for, its id, when it was made, since when it signs, until when it verifies
    List,
    /// Have the next key sign from now on, and make another next one
    ///
    /// Running services notice within seconds. What the retired key has signed stays good until it expires. The service rotates by
    /// itself every `KEY_ROTATION_DAYS`. After a theft of the store and the master key rotate twice: the next key was there, too.
    Rotate,
    /// Change the master key: seal every signing key and every person's data key anew
    ///
    /// With the key in the data folder: stop the service, run this, start it again. A new key takes the place of `master.key`; the one
    /// before is kept beside it for back-ups made until now.
    ///
    /// With the key in `MASTER_KEY`: stop the service, set `MASTER_KEY` to the new key and `MASTER_KEY_PREVIOUS` to the one before, run this
    /// with both, then start the service with `MASTER_KEY` alone. Without a stop: restart every replica with the keys the other way
    /// round (`MASTER_KEY_PREVIOUS` is the new one), then every replica with `MASTER_KEY` the new one and `MASTER_KEY_PREVIOUS` the one before, run
    /// this with the same, then restart them without `MASTER_KEY_PREVIOUS`.
    ///
    /// Cut off anywhere, nothing is lost: run it again. Until then nothing starts with one of the two keys alone. Counters of wrong
    /// passwords start anew.
    #[command(after_help = "\
Example:
  export MASTER_KEY_PREVIOUS=$MASTER_KEY MASTER_KEY=$(openssl rand -base64 32)
  portcullis keys rewrap")]
    Rewrap,
}

pub(crate) fn run(config: &Config, command: &Command) -> anyhow::Result<()> {
    block_on(async {
        let keys = KeyRingCommands::open(config).await?;
        let outcome = obey(&keys, command).await;
        keys.close().await;
        Ok(print(outcome.map_err(unwrap)?)?)
    })
}

async fn obey(keys: &KeyRingCommands<'_>, command: &Command) -> Result<String, KeyRingCommandError> {
    match command {
        Command::List => Ok(table(&keys.list().await?)),
        Command::Rotate => {
            let (is_mine, keys) = keys.rotate().await?;
            let words = if is_mine { "rotated" } else { "somebody else has just rotated" };
            Ok(format!("{words}\n{}", table(&keys)))
        }
        Command::Rewrap => {
            let (rewrapped, aside) = keys.rewrap().await?;
            let and_now = match &aside {
                Some(path) => format!(
                    "the master key before is in {}: delete it once you keep no back-up that was made before now",
                    path.display()
                ),
                None => "MASTER_KEY_PREVIOUS is needed no more, but for back-ups that were made before now"
                    .to_owned(),
            };
            Ok(format!(
                "sealed {} signing keys and {} data keys with the new master key\n{and_now}\n",
                rewrapped.signing_keys, rewrapped.subject_keys
            ))
        }
    }
}

/// Wrong settings are told as such, with their exit code.
fn unwrap(error: KeyRingCommandError) -> anyhow::Error {
    match error {
        KeyRingCommandError::Configuration(error) => error.into(),
        error => error.into(),
    }
}

fn table(keys: &[ListedKey]) -> String {
    let mut text = format!(
        "{:>5} {:<8} {:<52} {:<20} {:<20} {:<20}\n",
        "epoch", "state", "id", "made", "signs since", "verifies until"
    );
    for key in keys {
        let ListedKey { epoch, state, id, created_at, active_since, not_after } = key;
        let time = |time: Option<DateTime<Utc>>| {
            time.map_or_else(|| "-".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
        };
        let (made, since, until) = (time(Some(*created_at)), time(*active_since), time(*not_after));
        let state = state.as_str();
        // A text takes whatever is written to it.
        let _ = writeln!(text, "{epoch:>5} {state:<8} {id:<52} {made:<20} {since:<20} {until:<20}");
    }
    text
}
