use std::io::{self, BufRead};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use portcullis_app::{Stack, config::Config};
use portcullis_domain::{
    caller::{Origin, Role},
    user::{Register, RegisterInput},
    value::{Password, Violations},
};

use super::{block_on, print};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create an active, verified administrator; works beside a running server too
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
    })
    .map_err(|violations| anyhow::anyhow!(list(&violations)))?
    .by_operator(Role::Admin);
    block_on(async {
        let stack = Stack::open(config, config.port).await?;
        let registered = stack.identity.register(command, &Origin::default()).await;
        stack.close().await;
        let user = registered.context("no administrator was created")?;
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
