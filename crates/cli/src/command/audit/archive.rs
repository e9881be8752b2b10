//! `portcullis audit archive`.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::Context;
use chrono::SecondsFormat;
use portcullis_app::{Stack, config::Config};
use portcullis_domain::retention::ArchivePlan;

use crate::command::{complain, print};

/// Without a file it only says what would be done.
pub(super) async fn run(config: &Config, file: Option<&Path>) -> anyhow::Result<()> {
    let stack = Stack::open(config, config.port).await?;
    let done = archive(&stack, config, file).await;
    stack.close().await;
    done
}

async fn archive(stack: &Stack, config: &Config, file: Option<&Path>) -> anyhow::Result<()> {
    let Some(file) = file else {
        return Ok(print(match stack.plan_archive(config).await? {
            Some(plan) => format!("{} can be moved away\n", words(&plan)),
            None => nothing(config),
        })?);
    };
    let unfinished = stack.drop_archived(|_| {}).await?;
    if unfinished > 0 {
        complain(&format!("portcullis: deleted {unfinished} events that an earlier archive has"));
    }
    let Some(plan) = stack.plan_archive(config).await? else { return Ok(print(nothing(config))?) };
    write(stack, &plan, file).await?;
    stack.put_horizon(&plan).await?;
    let mut left = plan.events();
    let dropped = stack
        .drop_archived(|some| {
            left = left.saturating_sub(some);
            if left > 0 {
                complain(&format!("portcullis: {left} events are still to be deleted"));
            }
        })
        .await?;
    Ok(print(format!(
        "{} are in {}\n{dropped} were deleted from the database\n",
        words(&plan),
        file.display()
    ))?)
}

fn words(plan: &ArchivePlan) -> String {
    let until = plan.made_at.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("{} events up to {until}", plan.events())
}

fn nothing(config: &Config) -> String {
    let months = config.event_retention.unwrap_or_default();
    format!("nothing is older than {months} months\n")
}

/// Writes the file, to the disk, and reads it back. One that was there is not touched; one that failed is removed, since half an
/// archive looks like one that was cut.
async fn write(stack: &Stack, plan: &ArchivePlan, file: &Path) -> anyhow::Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    let made = made.with_context(|| format!("{} cannot be made", file.display()))?;
    let written = fill(stack, plan, file, made).await;
    if written.is_err() {
        fs::remove_file(file).ok();
    }
    written
}

async fn fill(stack: &Stack, plan: &ArchivePlan, path: &Path, file: File) -> anyhow::Result<()> {
    let mut output = BufWriter::new(&file);
    let header = stack.write_archive(plan, &mut |line| output.write_all(line.as_bytes())).await?;
    output.flush()?;
    drop(output);
    file.sync_all()?;
    // The name in its folder, too.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all())?;
    let lines = BufReader::new(File::open(path)?).lines();
    Ok(stack.check_archive(&header, lines).await?)
}
