//! `portcullis import`.

mod comma_separated;
pub(crate) mod fields;
mod json_lines;
mod progress;
mod record;
mod report;
mod seen;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand, ValueEnum};
use indicatif::ProgressBar;
use portcullis_app::{Stack, config::Config};
use portcullis_domain::{
    Identity,
    commit::ClaimKey,
    user::{ImportUser, Imported},
};

use self::{
    comma_separated::CommaSeparated, json_lines::JsonLines, progress::Watched, record::Line, report::Report,
    seen::Seen,
};
use super::{UsageError, block_on, print};

/// No person takes more. What a hostile file takes of memory is bounded by it.
const MAX_RECORD: usize = 64 << 10;
/// How many people share a commit.
const BATCH: usize = 200;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Take people over from another system, with the password hashes they had there
    ///
    /// FILE has a person a line: CSV whose first line names the columns, or JSON lines with the same names. `email` and `name`
    /// are needed; `username`, `phone`, `business_type`, `business_number`, `industry`, `region`, `role` (user unless said), `is_active`
    /// (true), `is_verified` (false), `created_at` (now; a time such as 2019-05-01T12:00:00Z) and `password_hash` may be there. What else a user has in
    /// the API's answers (`id`, `company`, `updated_at` and so on) may be there and is not kept; any other column is refused.
    ///
    /// `password_hash` is bcrypt ($2a$, $2b$, $2y$), argon2 ($argon2id$, $argon2i$) or scrypt as a PHC string ($scrypt$). People
    /// sign in with the password they had, and their hash is replaced by one of this service then. Who has none chooses a password
    /// by recovering it. Nobody is mailed.
    ///
    /// Lines that are refused are told of in a report, by number and field, and keep nobody else out. An address that has an
    /// account is left alone and counted, so an import that was stopped, or killed, goes on where it was when it is run again.
    /// Works beside a running server.
    #[command(after_help = "\
Examples:
  portcullis import users people.csv --dry-run
  portcullis import users people.csv
  zcat people.jsonl.gz | portcullis import users - --format jsonl --report refused.jsonl

A file:
  email,name,is_verified,password_hash
  jane@example.com,Jane Doe,true,$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW

Exit codes: 0 all were taken over or are there already, 1 some were refused, 2 wrong settings or arguments.")]
    Users(Users),
}

#[derive(Args)]
pub(crate) struct Users {
    /// The file, or - for standard input
    file: PathBuf,

    /// How it is written; told by the name's ending (.csv, .jsonl, .ndjson) unless given
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Check every line, also against the lines before it and the accounts there are, and write nothing but the report
    #[arg(long)]
    dry_run: bool,

    /// Where refused lines are told of [default: FILE.refused.jsonl; standard error for standard input]
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,

    /// Read a file with other columns besides, and leave those out
    #[arg(long)]
    ignore_unknown: bool,
}

/// How people are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Csv,
    Jsonl,
}

impl Format {
    /// The one that was asked for, or else the one that the name's ending tells.
    pub(crate) fn choose(asked: Option<Self>, path: Option<&Path>) -> Option<Self> {
        let ending = path.and_then(Path::extension).and_then(|ending| ending.to_str());
        asked.or(match ending.map(str::to_ascii_lowercase).as_deref() {
            Some("csv") => Some(Self::Csv),
            Some("jsonl" | "ndjson") => Some(Self::Jsonl),
            _ => None,
        })
    }
}

/// People, from whichever format.
enum People {
    Csv(Box<CommaSeparated<Watched<Box<dyn BufRead>>>>),
    Jsonl(JsonLines<Watched<Box<dyn BufRead>>>),
}

/// An import under way.
struct Import<'a> {
    identity: &'a Identity,
    arguments: &'a Users,
    seen: Seen,
    report: Report,
    bar: ProgressBar,
    waiting: Vec<(u64, ImportUser)>,
    lines: u64,
    created: u64,
    already_there: u64,
}

pub(crate) fn run(config: &Config, Command::Users(arguments): &Command) -> anyhow::Result<()> {
    let path = (arguments.file.as_os_str() != "-").then_some(arguments.file.as_path());
    let format = Format::choose(arguments.format, path)
        .ok_or(UsageError("how is it written? say --format csv or --format jsonl"))?;
    let (input, bytes) = open(path)?;
    let bar = progress::bar(bytes);
    let input = Watched { input, bar: bar.clone() };
    let people = match format {
        Format::Csv => People::Csv(Box::new(CommaSeparated::new(input, arguments.ignore_unknown)?)),
        Format::Jsonl => People::Jsonl(JsonLines::new(input)),
    };
    let report = arguments.report.clone().or_else(|| {
        let mut name = path?.as_os_str().to_owned();
        name.push(".refused.jsonl");
        Some(name.into())
    });
    block_on(async {
        let stack = Stack::open(config, config.port).await?;
        let import = Import {
            identity: &stack.identity,
            arguments,
            seen: Seen::default(),
            report: Report::new(report),
            bar,
            waiting: Vec::with_capacity(BATCH),
            lines: 0,
            created: 0,
            already_there: 0,
        };
        let outcome = import.run(people).await;
        stack.close().await;
        outcome
    })
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate for people to read"
)]
fn per_second(lines: u64, seconds: f64) -> u64 {
    (lines as f64 / seconds.max(0.001)) as u64
}

fn open(path: Option<&Path>) -> anyhow::Result<(Box<dyn BufRead>, Option<u64>)> {
    let Some(path) = path else { return Ok((Box::new(BufReader::new(io::stdin())), None)) };
    let file = File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        bail!("{} is a folder", path.display());
    }
    let bytes = metadata.is_file().then_some(metadata.len());
    Ok((Box::new(BufReader::with_capacity(MAX_RECORD, file)), bytes))
}

impl People {
    fn next(&mut self) -> io::Result<Option<Line>> {
        match self {
            Self::Csv(reader) => reader.next(),
            Self::Jsonl(reader) => reader.next(),
        }
    }
}

impl Import<'_> {
    async fn run(mut self, mut people: People) -> anyhow::Result<()> {
        let started = Instant::now();
        let outcome = self.take_over(&mut people).await;
        self.bar.finish_and_clear();
        let why = self.report.finish()?;
        outcome.with_context(|| {
            let done = format!("{} were imported before it; run it again to go on", self.created);
            format!("the import stopped after line {}: {done}", self.lines)
        })?;
        let seconds = started.elapsed().as_secs_f64();
        let refused = self.report.refused;
        let (verb, end) = if self.arguments.dry_run {
            ("would import", "; nothing was written".to_owned())
        } else {
            ("imported", format!(" in {seconds:.1} s ({} lines a second)", per_second(self.lines, seconds)))
        };
        let (created, already) = (self.created, self.already_there);
        print(format!("{verb} {created}, already there {already}, refused {refused}{end}\n"))?;
        match refused {
            0 => Ok(()),
            1 => bail!("1 line was refused: {why}"),
            _ => bail!("{refused} lines were refused: {why}"),
        }
    }

    async fn take_over(&mut self, people: &mut People) -> anyhow::Result<()> {
        while let Some(line) = people.next().context("the file cannot be read on")? {
            self.lines = line.number;
            self.look_at(line)?;
            if self.waiting.len() == BATCH {
                self.settle().await?;
            }
        }
        self.settle().await
    }

    /// Checks a line by itself and against those before it.
    fn look_at(&mut self, line: Line) -> anyhow::Result<()> {
        let record = match line.content {
            Ok(record) => record,
            Err(problem) => return self.report.unreadable(line.number, &problem),
        };
        let ports = self.identity.ports();
        let user = match record.parse(
            ports.password_hasher.as_ref(),
            ports.clock.now(),
            self.arguments.ignore_unknown,
        ) {
            Ok(user) => user,
            Err(reasons) => return self.report.refused(line.number, &reasons),
        };
        let email = ("email", Some(ClaimKey::email(&user.profile.email)));
        let username = ("username", user.profile.username.as_ref().map(ClaimKey::username));
        for (name, key) in [email, username] {
            if let Some(first) = key.and_then(|key| self.seen.note(&key.to_stored(), line.number)) {
                return self.refuse(line.number, name, &format!("is that of line {first}"));
            }
        }
        self.waiting.push((line.number, user));
        Ok(())
    }

    /// Takes over those who wait.
    async fn settle(&mut self) -> anyhow::Result<()> {
        let (lines, people): (Vec<_>, Vec<_>) = self.waiting.drain(..).unzip();
        let outcomes = if self.arguments.dry_run {
            self.identity.preview_import(&people).await?
        } else {
            self.identity.import_users(&people).await?
        };
        for (line, outcome) in lines.into_iter().zip(outcomes) {
            match outcome {
                Imported::Created => self.created += 1,
                Imported::AlreadyThere => self.already_there += 1,
                Imported::UsernameTaken => self.refuse(line, "username", "is taken by another account")?,
            }
        }
        self.bar.set_message(format!("{} people", self.created + self.already_there));
        Ok(())
    }

    fn refuse(&mut self, line: u64, field: &str, reason: &str) -> anyhow::Result<()> {
        self.report.refused(line, &[(field.to_owned(), vec![reason.to_owned()])].into())
    }
}
