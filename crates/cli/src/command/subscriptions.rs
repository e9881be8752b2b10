use std::fmt::Write;

use anyhow::bail;
use clap::Subcommand;
use portcullis_app::{Stack, config::Config, count_events_beyond};
use portcullis_domain::port::{FeedCursor, SubscriptionState};

use super::{block_on, print};

/// How far a lag is counted.
const LONGEST_LAG: usize = 10_000;
/// How many events are read at once.
const PAGE: usize = 1_000;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// List every subscription: where it stands, how many events lie before it, who runs it, what failed last
    List,
    /// Stop a subscription on every replica until it is resumed
    Pause {
        /// The subscription, such as `mailer` or `broker`
        name: String,
    },
    /// Let a paused subscription go on where it stood
    Resume {
        /// The subscription
        name: String,
    },
    /// Make a subscription handle again everything from a position on
    ///
    /// Mails that have not expired are sent again, and messages published again; consumers tell them by their id.
    Rewind {
        /// The subscription
        name: String,
        /// The position of the first event to handle again; 1 is the first of all
        #[arg(long)]
        to: u64,
    },
    /// Handle the events again that a subscription has put aside, and forget those that succeed
    Replay {
        /// The subscription
        name: String,
    },
}

pub(crate) fn run(config: &Config, command: &Command) -> anyhow::Result<()> {
    block_on(async {
        let stack = Stack::open(config, config.port).await?;
        let outcome = obey(&stack, config, command).await;
        stack.close().await;
        Ok(print(outcome?)?)
    })
}

async fn obey(stack: &Stack, config: &Config, command: &Command) -> anyhow::Result<String> {
    let subscriptions = &stack.subscriptions;
    match command {
        Command::List => list(stack).await,
        Command::Pause { name } => {
            check_name(stack, name).await?;
            subscriptions.pause(name).await?;
            Ok(format!("paused {name}\n"))
        }
        Command::Resume { name } => {
            check_name(stack, name).await?;
            subscriptions.resume(name).await?;
            Ok(format!("resumed {name}\n"))
        }
        Command::Rewind { name, to } => {
            check_name(stack, name).await?;
            let cursor = cursor_before(stack, *to).await?;
            subscriptions.rewind(name, cursor).await?;
            Ok(format!("{name} goes on from position {to}\n"))
        }
        Command::Replay { name } => {
            check_name(stack, name).await?;
            let replayed = stack.replay_dead_letters(config, name).await?;
            let left = subscriptions.list_dead_letters(name, LONGEST_LAG).await?.len();
            Ok(format!("replayed {replayed}, {left} left\n"))
        }
    }
}

/// A name with a slip in it would make a new subscription that nobody runs.
async fn check_name(stack: &Stack, name: &str) -> anyhow::Result<()> {
    let known = stack.subscriptions.list().await?;
    if known.iter().any(|state| state.name == name) {
        return Ok(());
    }
    let names: Vec<_> = known.into_iter().map(|state| state.name).collect();
    bail!("there is no subscription {name:?}; there are: {}", names.join(", "));
}

async fn list(stack: &Stack) -> anyhow::Result<String> {
    let mut text = format!(
        "{:<10} {:>12} {:>8} {:<37} {:>12}  last error\n",
        "name", "position", "lag", "holder", "dead letters"
    );
    for state in stack.subscriptions.list().await? {
        let lag = lag(stack, state.cursor).await?;
        let SubscriptionState { name, cursor, is_paused, holder, last_error, dead_letters } = state;
        let holder = match holder {
            _ if is_paused => "paused".to_owned(),
            Some(holder) => holder.to_string(),
            None => "none".to_owned(),
        };
        let error = last_error.unwrap_or_default();
        writeln!(
            text,
            "{name:<10} {:>12} {lag:>8} {holder:<37} {dead_letters:>12}  {error}",
            cursor.position
        )?;
    }
    Ok(text)
}

/// How many events lie beyond a cursor.
async fn lag(stack: &Stack, cursor: FeedCursor) -> anyhow::Result<String> {
    let events = stack.identity.ports().events.as_ref();
    let count = count_events_beyond(events, cursor, LONGEST_LAG).await?;
    Ok(if count < LONGEST_LAG { count.to_string() } else { format!("{LONGEST_LAG}+") })
}

/// The furthest cursor beyond which every event from a position on lies.
async fn cursor_before(stack: &Stack, position: u64) -> anyhow::Result<FeedCursor> {
    let mut cursor = FeedCursor::START;
    loop {
        let page = stack.identity.ports().events.read_feed(cursor, PAGE).await?;
        for item in &page {
            if item.event.position >= position {
                return Ok(cursor);
            }
            cursor = item.cursor;
        }
        if page.is_empty() {
            return Ok(cursor);
        }
    }
}
