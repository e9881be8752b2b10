use std::io::{self, BufRead};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use portcullis_app::{Stack, config::Config};
use portcullis_domain::{
    caller::{Origin, Role},
    user::{Register, RegisterInput},
    value::{Language, Password, Violations},
};

use super::{block_on, print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create an active, verified administrator; works beside a running server too
    ///
    /// They can sign in at once. The password must keep the rules for everybody's: 8 to 128 characters with an upper-case and
    /// a lower-case letter, a digit and one of !@#$%^&*()_+-=, not a common one, and without the address's local part or the
    /// name.
    #[command(after_help = "\
Example:
  read -rs password
  printf '%s\\n' \"$password\" | portcullis admin create \\
    --email jane@example.com --name 'Jane Doe' --password-stdin")]
    Create(Create),
}

#[derive(Args)]
pub(crate) struct Create {
    /// The administrator's e-mail address
    #[arg(long)]
    email: String,

    /// The administrator's name
    #[arg(long)]
    name: String,

    /// Read the password from the first line of standard input, the one way to give it: arguments are seen by every process
    #[arg(long, required = true)]
    password_stdin: bool,
}

pub(crate) fn run(config: &Config, Command::Create(arguments): Command) -> anyhow::Result<()> {
    let command = Register::parse(RegisterInput {
        email: arguments.email,
        password: read_password()?,
        name: arguments.name,
        username: None,
        phone: None,
        business_type: None,
        business_number: None,
        industry: None,
        region: None,
        language: Language::En,
    })
    .map_err(|violations| anyhow::anyhow!(list(&violations)))?
    .by_operator(Role::Admin);
    block_on(async {
        let stack = Stack::open(config, config.port).await?;
        let registered = stack.identity.register(command, &Origin::default()).await;
        stack.close().await;
        let user = registered.context("no administrator was created")?.user;
        Ok(print(format!(
            "created the administrator {} with the id {}\n",
            user.profile.email.as_str(),
            user.id
        ))?)
    })
}

fn read_password() -> anyhow::Result<Password> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).context("the password cannot be read from standard input")?;
    let typed = line.trim_end_matches(['\r', '\n']);
    if typed.is_empty() {
        bail!("standard input holds no password");
    }
    Ok(Password::new(typed))
}

/// Everything that is wrong, in one line.
fn list(violations: &Violations) -> String {
    let fields = violations.fields().iter();
    let problems =
        fields.flat_map(|(name, messages)| messages.iter().map(move |message| format!("{name} {message}")));
    problems.collect::<Vec<_>>().join("; ")
}
