//! `portcullis replay`.

use std::{fmt::Write, io::IsTerminal, time::Duration};

use anyhow::bail;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis_app::{Stack, config::Config};
use portcullis_domain::{
    port::EventStore,
    replay::{ReplayReport, Swap},
};

use super::{block_on, print};

const PAGE: usize = 1_000;
const REDRAW: Duration = Duration::from_millis(200);

#[derive(Args)]
pub(crate) struct Arguments {
    /// Compare the rows with what the log says, and change nothing; the exit code is 1 where they differ
    #[arg(long, visible_alias = "dry-run")]
    check: bool,
}

pub(crate) fn run(config: &Config, arguments: &Arguments) -> anyhow::Result<()> {
    let swap = if arguments.check { Swap::Never } else { Swap::In };
    let report = block_on(async {
        let stack = Stack::open(config, config.port).await?;
        let report = replay(&stack, swap).await;
        stack.close().await;
        report
    })?;
    print(words(&report, swap)?)?;
    if arguments.check && !report.is_identical() {
        bail!("the rows are not what the log says; `portcullis replay` makes them so");
    }
    Ok(())
}

async fn replay(stack: &Stack, swap: Swap) -> anyhow::Result<ReplayReport> {
    let bar = bar(count(stack.identity.ports().events.as_ref()).await?);
    let mut is_told = false;
    let report = stack
        .replay(swap, &mut |progress| {
            if progress.resumed && !is_told {
                is_told = true;
                bar.println("goes on with a replay that was not finished");
                // How far that was is not counted.
                bar.reset_eta();
            }
            bar.set_position(progress.folded);
            if progress.is_locked {
                bar.set_message("comparing");
            }
        })
        .await;
    bar.finish_and_clear();
    Ok(report?)
}

/// How many events there are: of each stream as many as its version says.
async fn count(events: &dyn EventStore) -> anyhow::Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = events.list_heads(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(count) };
        after = Some(last.stream);
        count += page.iter().map(|head| head.version).sum::<u64>();
    }
}

/// On standard error where that is a terminal, nothing elsewhere.
fn bar(events: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(events);
    let template =
        "{wide_bar} {percent}%  {human_pos} of {human_len} events  {msg}  {elapsed} gone, {eta} to go";
    bar.set_style(ProgressStyle::with_template(template).expect("the template is one"));
    bar.enable_steady_tick(REDRAW);
    bar
}

fn words(report: &ReplayReport, swap: Swap) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    if report.resumed {
        text += "went on with a replay that was not finished\n";
    }
    writeln!(text, "replayed {} events", report.folded)?;
    for table in &report.tables {
        write!(text, "{:<13} {:>10} rows", table.table, table.rows)?;
        if table.is_identical() {
            writeln!(text, ", identical to what was there")?;
        } else {
            writeln!(
                text,
                "; of what was there {} were wrong or too many, {} were lacking",
                table.wrong, table.lacking
            )?;
        }
    }
    let rows: u64 = report.tables.iter().map(|table| table.rows).sum();
    let verdict = match (report.is_identical(), swap) {
        (true, _) => "identical",
        (false, Swap::In) => "not identical: now they are what the log says",
        (false, Swap::Never) => "not identical, and left as they are",
    };
    writeln!(text, "compared {rows} rows: {verdict}")?;
    text += "left as they are, since no event tells them: credentials, API keys, sessions, one-time codes, invitations, login \
             histories, notes of looks, snapshots, requests that may come twice, counts of uses, keys\n";
    Ok(text)
}
