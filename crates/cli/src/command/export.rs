//! `portcullis export`.

use std::{
    fs::{self, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::Context;
use clap::{Args, Subcommand};
use portcullis_app::{Stack, config::Config};
use portcullis_domain::{Identity, port::UserQuery, user::User, value::PasswordHash};
use serde_json::{Map, Value};

use super::{block_on, complain, import::Format};

/// How many people are read at once.
const PAGE: usize = 500;
const PASSWORD_HASH: &str = "password_hash";

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Write everybody's account, newest first, as `portcullis import users` reads it
    ///
    /// One person a line, with the names that the API has. Memberships in companies are not written. The output is personal data:
    /// a file that is named is made for this user alone (0600), and one that is there is not overwritten. Works beside a running
    /// server; who registers meanwhile may be missing.
    #[command(after_help = "\
Examples:
  portcullis export users --output people.csv
  portcullis export users --with-password-hashes --output people.jsonl
  portcullis export users --format csv | cut -d, -f1")]
    Users(Users),
}

#[derive(Args)]
pub(crate) struct Users {
    /// The file to make, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// How to write it; told by the name's ending (.csv, .jsonl, .ndjson) unless given, and else jsonl
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Write password hashes too: whoever has them can guess passwords at leisure. For moving people to another system, and for
    /// nothing else
    #[arg(long)]
    with_password_hashes: bool,
}

/// Where people are written.
enum Output {
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    Jsonl(Box<dyn Write>),
}

pub(crate) fn run(config: &Config, Command::Users(arguments): &Command) -> anyhow::Result<()> {
    let path = arguments.output.as_deref();
    let format = Format::choose(arguments.format, path).unwrap_or(Format::Jsonl);
    if arguments.with_password_hashes {
        complain(
            "portcullis: the export holds password hashes: keep it as you keep the database, and delete it soon",
        );
    }
    let mut count = 0;
    let outcome = block_on(async {
        let stack = Stack::open(config, config.port).await?;
        // Only now: settings that are wrong leave no empty file.
        let outcome = match open(path, format, arguments.with_password_hashes) {
            Ok(output) => export(&stack.identity, arguments, output, &mut count).await,
            Err(error) => Err(error),
        };
        stack.close().await;
        outcome
    });
    outcome?;
    complain(&format!("portcullis: exported {count} people; what was written is personal data"));
    Ok(())
}

fn open(path: Option<&Path>, format: Format, with_hashes: bool) -> anyhow::Result<Output> {
    let output: Box<dyn Write> = match path {
        None => Box::new(BufWriter::new(io::stdout())),
        Some(path) => {
            let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
            let file = file.with_context(|| format!("{} cannot be made", path.display()))?;
            Box::new(BufWriter::new(file))
        }
    };
    Ok(match format {
        Format::Jsonl => Output::Jsonl(output),
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(output);
            writer.write_record(names(with_hashes))?;
            Output::Csv(Box::new(writer))
        }
    })
}

async fn export(
    identity: &Identity,
    arguments: &Users,
    mut output: Output,
    count: &mut u64,
) -> anyhow::Result<()> {
    let written = write_all(identity, arguments.with_password_hashes, &mut output, count).await;
    if let (Err(_), Some(path)) = (&written, &arguments.output) {
        // Half an export looks like a whole one.
        fs::remove_file(path).ok();
    }
    written
}

async fn write_all(
    identity: &Identity,
    with_hashes: bool,
    output: &mut Output,
    count: &mut u64,
) -> anyhow::Result<()> {
    let (query, mut cursor) = (UserQuery::default(), None);
    loop {
        let page = identity.ports().users.list(&query, cursor.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        cursor = Some(query.cursor_after(last));
        for user in page {
            let credential =
                if with_hashes { identity.ports().credentials.find(user.id).await? } else { None };
            output.write(&fields(user, credential.map(|credential| credential.password)), with_hashes)?;
            *count += 1;
        }
    }
    Ok(output.flush()?)
}

/// The names of what is written, in their order.
fn names(with_hashes: bool) -> impl Iterator<Item = &'static str> {
    const NAMES: [&str; 14] = [
        "email",
        "name",
        "username",
        "phone",
        "business_type",
        "business_number",
        "industry",
        "region",
        "role",
        "is_active",
        "is_verified",
        "id",
        "created_at",
        "last_login_at",
    ];
    NAMES.into_iter().chain(with_hashes.then_some(PASSWORD_HASH))
}

fn fields(user: User, password: Option<PasswordHash>) -> Map<String, Value> {
    let profile = user.profile;
    let time =
        |time: chrono::DateTime<chrono::Utc>| time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    let short = |text: Option<portcullis_domain::value::ShortText>| text.map(|text| text.as_str().to_owned());
    let fields: [(&str, Value); 15] = [
        ("email", profile.email.as_str().into()),
        ("name", profile.name.as_str().into()),
        ("username", profile.username.map(|username| username.as_str().to_owned()).into()),
        ("phone", profile.phone.map(|phone| phone.as_str().to_owned()).into()),
        ("business_type", short(profile.business_type).into()),
        ("business_number", short(profile.business_number).into()),
        ("industry", short(profile.industry).into()),
        ("region", short(profile.region).into()),
        ("role", user.role.as_str().into()),
        ("is_active", user.is_active.into()),
        ("is_verified", user.is_verified.into()),
        ("id", user.id.to_string().into()),
        ("created_at", time(user.created_at).into()),
        ("last_login_at", user.last_login_at.map(time).into()),
        (PASSWORD_HASH, password.map(|hash| hash.expose().to_owned()).into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Output {
    fn write(&mut self, fields: &Map<String, Value>, with_hashes: bool) -> anyhow::Result<()> {
        match self {
            Self::Csv(writer) => {
                let text = |name| match &fields[name] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                writer.write_record(names(with_hashes).map(text))?;
            }
            Self::Jsonl(writer) => {
                let chosen: Map<_, _> =
                    names(with_hashes).map(|name| (name.to_owned(), fields[name].clone())).collect();
                serde_json::to_writer(&mut *writer, &chosen)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(writer) => writer.flush(),
            Self::Jsonl(writer) => writer.flush(),
        }
    }
}
