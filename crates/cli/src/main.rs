//! `portcullis`: the service and the tools around it.

mod command;

use std::{io, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use portcullis_app::config::{Config, ConfigError, Sources};

/// Identity and authentication: registration, sign-in, sessions and an audit log that proves itself.
///
/// Without any configuration `portcullis serve` keeps everything in ./portcullis-data and listens on 127.0.0.1:8000.
/// Settings come from the environment or from portcullis.toml; `portcullis config` prints them all.
#[derive(Parser)]
#[command(
    name = "portcullis",
    version,
    after_help = "\
Start with:
  portcullis serve

Exit codes: 0 done, 1 not done (a broken audit log among others), 2 wrong settings or arguments."
)]
struct Arguments {
    /// Read settings from this file instead of `$PORTCULLIS_CONFIG` or ./portcullis.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the service until it is told to stop (Ctrl-C or SIGTERM)
    ///
    /// Makes the data folder, the database and the master key where they are not there yet, and brings an older database to this
    /// version's schema. Told to stop, it takes no new connection, finishes the requests it has begun (for
    /// `SHUTDOWN_GRACE_SECONDS` at most) and ends with exit code 0. Logs go to standard error, as JSON lines unless that is a
    /// terminal.
    #[command(after_help = "\
Examples:
  portcullis serve
  PORT=9000 DATA_DIR=/srv/portcullis portcullis serve
  portcullis --config /etc/portcullis.toml serve")]
    Serve,
    /// Bring the database to this version's schema; `serve` does so by itself
    ///
    /// Prints the migrations it applied. Run it by hand to see a migration through before the new version serves, or with
    /// --revert before going back to the version before.
    Migrate(command::migrate::Arguments),
    /// Print the OpenAPI document of the HTTP API
    ///
    /// The same that a running service has at /openapi.json and /openapi.yaml; needs no settings and no database.
    #[command(after_help = "Example:\n  portcullis openapi --format yaml > openapi.yaml")]
    Openapi(command::openapi::Arguments),
    /// Print the AsyncAPI document of what leaves through the broker
    ///
    /// Exchange, routing keys and the shape of every message, as AsyncAPI 3.0 in JSON; needs no settings and no database.
    #[command(after_help = "Example:\n  portcullis asyncapi > asyncapi.json")]
    Asyncapi,
    /// Print every setting in effect, secrets masked, and where it came from
    ///
    /// One setting a line: its name, its value, and `default`, `environment` or the file and line. The first of the
    /// environment, the configuration file and the default that has a value counts. Touches nothing, so it is also the way to
    /// check settings before a start.
    #[command(after_help = "Examples:\n  portcullis config\n  PORT=9000 portcullis config | grep PORT")]
    Config(command::config::Arguments),
    /// Print the reference of all metrics that a running service has at /metrics, as Markdown
    Metrics,
    /// See and rotate the keys that sign tokens, and change the master key that seals them
    ///
    /// Works beside running servers, on the database that the settings name.
    #[command(subcommand, after_help = "Examples:\n  portcullis keys list\n  portcullis keys rotate")]
    Keys(command::keys::Command),
    /// Check the audit log, or write it down so that others can
    #[command(
        subcommand,
        after_help = "Examples:\n  portcullis audit verify\n  portcullis audit export log.jsonl"
    )]
    Audit(command::audit::Command),
    /// See and steer what happens after commits: mail, messages to the broker
    ///
    /// Works beside running servers, on the database that the settings name.
    #[command(
        subcommand,
        after_help = "Examples:\n  portcullis subscriptions list\n  portcullis subscriptions rewind broker --to 1"
    )]
    Subscriptions(command::subscriptions::Command),
    /// Take people over from another system
    #[command(subcommand, after_help = "Example:\n  portcullis import users people.csv --dry-run")]
    Import(command::import::Command),
    /// Write people down, for another system or a back-up that can be read
    #[command(subcommand, after_help = "Example:\n  portcullis export users --output people.csv")]
    Export(command::export::Command),
    /// Rebuild the rows that reads are served from, from the log's first event on
    ///
    /// Users, companies, memberships and the unique keys they hold are made anew beside those in use, compared with them to the byte, and
    /// put in their place in one step: readers are never without, and writers wait only while that is done. Works beside running servers. What
    /// was interrupted is gone on with. What no event tells is left as it is: passwords, sessions, codes, invitations, histories, keys. The rows
    /// beside lie in a file next to the SQLite database, or in a schema of their own on PostgreSQL (which takes the right to make one), and
    /// are gone afterwards; `--check` takes those of an interrupted replay away, too.
    #[command(after_help = "Examples:\n  portcullis replay --check\n  portcullis replay")]
    Replay(command::replay::Arguments),
    /// Wipe what erased people have left in the database's files
    ///
    /// An erasure deletes rows and destroys a key, and the service cleans up after it by itself. On PostgreSQL old bytes can stay in
    /// pages and in the write-ahead log until they are written over. This writes the tables anew and runs through the log; requests
    /// wait while it does, and it takes as much free space as the tables. On PostgreSQL it needs the rights to CHECKPOINT,
    /// `pg_switch_wal` and `pg_ls_waldir` for the log: without them the exit code is 1 and the reason is told. Standby servers,
    /// archived logs and back-ups are copies of their own.
    Scrub,
    /// Manage administrators
    #[command(subcommand)]
    Admin(command::admin::Command),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // One line: the error and what caused it.
            command::complain(&format!("portcullis: {error:#}"));
            if error.is::<ConfigError>() || error.is::<command::UsageError>() {
                ExitCode::from(2)
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "the program's one look at its environment")]
    let environment = std::env::vars_os();
    let sources = Sources::new(environment).with_file(arguments.config);
    let config = || Config::load(&sources);
    match arguments.command {
        Command::Serve => command::serve::run(&config()?),
        Command::Migrate(arguments) => command::migrate::run(&config()?, &arguments),
        Command::Openapi(arguments) => command::openapi::run(&arguments),
        Command::Asyncapi => command::asyncapi::run(),
        Command::Config(arguments) => command::config::run(config, &arguments),
        Command::Metrics => command::metrics::run(),
        Command::Keys(command) => command::keys::run(&config()?, &command),
        Command::Audit(command) => command::audit::run(&config()?, &command),
        Command::Subscriptions(command) => command::subscriptions::run(&config()?, &command),
        Command::Import(command) => command::import::run(&config()?, &command),
        Command::Export(command) => command::export::run(&config()?, &command),
        Command::Replay(arguments) => command::replay::run(&config()?, &arguments),
        Command::Scrub => command::scrub::run(&config()?),
        Command::Admin(command) => command::admin::run(&config()?, command),
    }
}

/// Whoever read the output has read enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
