mod archive;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, bail};
use chrono::SecondsFormat;
use clap::Subcommand;
use portcullis_app::{CheckpointFile, CheckpointFileError, Stack, config::Config, open_log, trusted_keys};
use portcullis_domain::{
    audit::{
        AuditError, AuditReport, Evidence,
        document::{CheckpointCopy, DocumentAuditor},
        verify_log,
    },
    port::{CheckpointVerifier, StoreError},
};

use super::{block_on, complain, print};

/// No line that was exported is longer.
const LONGEST_LINE: u64 = 64 << 20;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Check every event's hash, every stream's order, and that everything is as the notary's signed checkpoints say
    ///
    /// Finds any changed bit, and events that were deleted, added, exchanged or cut off at the end, also where whoever did it computed
    /// every hash anew, as far as a checkpoint covers them. Reads the whole log and works beside a running server. An intact log is
    /// counted on standard output. When the log was changed the exit code is 1, and standard error names the first bad event: its
    /// stream, version and id, and what is wrong with it.
    ///
    /// Signatures are checked with the service's own keys where the master key is at hand, or with those of --keys. With --file it checks an
    /// export instead, offline: with that file and the public keys alone. The keys are what everything rests on: take them from the service
    /// once, by `portcullis audit keys`, and keep them where whoever may change the log cannot change them. Those in the export itself are for
    /// comparison and prove nothing. An old export that is whole is intact: look at the time that is printed.
    #[command(after_help = "\
Examples:
  portcullis audit verify
  DATABASE_URL=sqlite:/backups/portcullis.db portcullis audit verify --keys keys.txt
  portcullis audit verify --file log.jsonl --keys keys.txt")]
    Verify {
        /// Check this export instead of the database
        #[arg(long, value_name = "EXPORT", requires = "keys", conflicts_with = "checkpoints")]
        file: Option<PathBuf>,
        /// Trust the public keys in this file, one `k4.public.…` a line, and no others
        #[arg(long, value_name = "FILE")]
        keys: Option<PathBuf>,
        /// Compare with the copies of checkpoints in this file; `CHECKPOINT_FILE` unless given
        #[arg(long, value_name = "FILE")]
        checkpoints: Option<PathBuf>,
    },
    /// Write the whole log to a file, with signed checkpoints, so that it can be checked without the database
    ///
    /// One line of JSON for each event, with every stored field; what is personal stays sealed. What no checkpoint covers yet is signed
    /// first. The file is made for this user alone (0600), and one that is there is not overwritten. Works beside a running server; what
    /// happens meanwhile is for the next export.
    #[command(after_help = "\
Examples:
  portcullis audit export log.jsonl
  portcullis audit export - | zstd > log.jsonl.zst")]
    Export {
        /// The file to make; `-` for standard output
        file: PathBuf,
    },
    /// Move the months older than `EVENT_RETENTION` out of the database, into a file that verifies by itself
    ///
    /// The file is an export of those months, with their signed checkpoints: it is written, synchronised to the disk, read back and
    /// checked, before a single event is deleted. The database keeps, signed, where each stream stood, so that both what is left and the
    /// file verify, and the next archive follows this one. Rows, sessions and everything that a sign-in needs stay as they are; histories,
    /// exports of a person's data and searches begin later. Events that a subscription has not read yet are not moved, nor those of the newest
    /// checkpoint. Works beside a running server; when it is interrupted, run it again. Keep the file: nothing else has these events
    /// any more.
    #[command(after_help = "\
Examples:
  EVENT_RETENTION=24 portcullis audit archive --dry-run
  EVENT_RETENTION=24 portcullis audit archive /archives/portcullis-2026-11.jsonl
  portcullis audit verify --file /archives/portcullis-2026-11.jsonl --keys keys.txt")]
    Archive {
        /// The file to make
        #[arg(required_unless_present = "dry_run")]
        file: Option<PathBuf>,
        /// Only say what would be moved
        #[arg(long)]
        dry_run: bool,
    },
    /// Print the public keys that check the signatures, one a line, those that sign no more among them
    #[command(after_help = "Example:\n  portcullis audit keys > keys.txt")]
    Keys,
}

pub(crate) fn run(config: &Config, command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Verify { file: Some(file), keys: Some(keys), .. } => verify_file(file, keys),
        Command::Verify { keys, checkpoints, .. } => {
            block_on(verify_store(config, keys.as_deref(), checkpoints.as_deref()))
        }
        Command::Export { file } => block_on(export(config, file)),
        Command::Archive { file, dry_run } => {
            let file = file.as_deref().filter(|_| !dry_run);
            block_on(archive::run(config, file))
        }
        Command::Keys => block_on(async {
            let stack = Stack::open(config, config.port).await?;
            let keys = stack.public_keys().await;
            stack.close().await;
            for key in keys? {
                print(format!("{} {}\n", key.key, key.id))?;
            }
            Ok(())
        }),
    }
}

async fn verify_store(
    config: &Config,
    keys: Option<&Path>,
    checkpoints: Option<&Path>,
) -> anyhow::Result<()> {
    let copies = copies(config, checkpoints)?;
    let given = keys.map(read_keys).transpose()?;
    let log = open_log(config).await?;
    let keys = match given {
        Some(keys) => Ok(keys),
        None => log.own_keys(config).await,
    };
    let trusted = keys.as_ref().ok().map(|keys| keys.as_ref() as &dyn CheckpointVerifier);
    let evidence = Evidence {
        checkpoints: Some(log.checkpoints.as_ref()),
        keys: trusted,
        retention: Some(log.retention.as_ref()),
        copies: &copies,
    };
    let report = verify_log(log.events.as_ref(), evidence).await.map_err(|error| match error {
        // An event that does not read was not written by the service.
        AuditError::Broken(_)
        | AuditError::Checkpoint(_)
        | AuditError::Horizon(_)
        | AuditError::Archived { .. }
        | AuditError::Cut(_)
        | AuditError::Store(StoreError::Corrupt(_)) => {
            anyhow::Error::from(error).context("the audit log is broken")
        }
        AuditError::Unsettled { .. } | AuditError::Store(_) => anyhow::Error::from(error),
    })?;
    let signatures = match (&keys, report.checkpoints) {
        (_, 0) => String::new(),
        (Ok(_), _) => ", their signatures checked".to_owned(),
        (Err(reason), _) => format!(", their signatures not checked ({reason}; see --keys)"),
    };
    Ok(print(format!("{}{signatures}\n", words(&report)))?)
}

fn words(report: &AuditReport) -> String {
    let AuditReport { archived, events, streams, checkpoints, covered, checked_until } = report;
    let cover = match checked_until {
        Some(time) if *checkpoints > 0 => {
            let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
            format!("{checkpoints} checkpoints up to {time} cover {covered} of the events")
        }
        _ => "no checkpoint covers any of them".to_owned(),
    };
    let before = match archived {
        0 => String::new(),
        _ => format!("\n{archived} events before them are in archives"),
    };
    format!("intact: {events} events on {streams} streams\n{cover}{before}")
}

/// The copies in a file that was named, or in the one that the settings name, where that is there.
fn copies(config: &Config, named: Option<&Path>) -> anyhow::Result<Vec<CheckpointCopy>> {
    let set = config.checkpoint_file.as_deref().filter(|path| path.exists());
    let Some(path) = named.or(set) else { return Ok(Vec::new()) };
    match CheckpointFile::at(path).read() {
        Err(error @ CheckpointFileError::Line { .. }) => {
            Err(anyhow::Error::from(error).context("the copies of checkpoints are broken"))
        }
        copies => Ok(copies?),
    }
}

fn read_keys(path: &Path) -> anyhow::Result<Arc<dyn CheckpointVerifier>> {
    let named = || format!("{} cannot be used", path.display());
    let text = fs::read_to_string(path).with_context(named)?;
    let keys = trusted_keys(&text).with_context(named)?;
    if keys.public_keys().is_empty() {
        bail!("there is no key in {}", path.display());
    }
    Ok(keys)
}

fn verify_file(file: &Path, keys: &Path) -> anyhow::Result<()> {
    const BROKEN: &str = "the export is broken";
    let keys = read_keys(keys)?;
    let failed = || format!("{} cannot be read", file.display());
    let mut input = BufReader::new(File::open(file).with_context(failed)?);
    let mut auditor = DocumentAuditor::new(keys.as_ref());
    let (mut bytes, mut number) = (Vec::new(), 0_u64);
    loop {
        bytes.clear();
        number += 1;
        if input.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut bytes).with_context(failed)? == 0 {
            break;
        }
        let Some(line) = bytes.strip_suffix(b"\n") else {
            bail!("{BROKEN}: line {number}: it has no end: the end was cut off");
        };
        let Ok(line) = std::str::from_utf8(line) else {
            bail!("{BROKEN}: line {number}: it was changed since it was written: it is no text");
        };
        auditor.check(line).context(BROKEN)?;
    }
    let (header, report) = auditor.finish().context(BROKEN)?;
    let text = words(&report);
    Ok(print(format!("{text}\nsigned with {}\n", header.key_id))?)
}

async fn export(config: &Config, file: &Path) -> anyhow::Result<()> {
    let stack = Stack::open(config, config.port).await?;
    let exported = write(&stack, config, file).await;
    stack.close().await;
    let events = exported?;
    complain(&format!("portcullis: exported {events} events"));
    Ok(())
}

async fn write(stack: &Stack, config: &Config, file: &Path) -> anyhow::Result<u64> {
    let is_standard_output = file == Path::new("-");
    let mut output: Box<dyn Write + Send> = if is_standard_output {
        Box::new(BufWriter::new(io::stdout()))
    } else {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
        Box::new(BufWriter::new(made.with_context(|| format!("{} cannot be made", file.display()))?))
    };
    let header = stack.export_log(config, &mut |line| output.write_all(line.as_bytes())).await;
    let written = header.map_err(anyhow::Error::from).and_then(|header| {
        output.flush()?;
        Ok(header.events)
    });
    if written.is_err() && !is_standard_output {
        // Half an export looks like one that was cut.
        fs::remove_file(file).ok();
    }
    written
}
