use std::{
    io::{self, IsTerminal},
    net::SocketAddr,
};

use portcullis_app::{App, config::Config, start_logs};
use tokio::signal::unix::{SignalKind, signal};

use super::{block_on, print};

pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    start_logs(config);
    block_on(async {
        // Taken over before anything is opened: a stop during the start is a stop too.
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let app = App::build(config).await?;
        let address = app.address();
        tracing::info!(%address, data = %config.data_dir.display(), "listening");
        for name in config.without_effect() {
            tracing::warn!("{name} is set, and this version does not heed it yet");
        }
        if io::stdout().is_terminal() {
            print(welcome(config, address))?;
        }
        app.run_until_stopped(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("stopping");
        })
        .await;
        Ok(())
    })
}

/// What a person who has just started the service wants to know.
fn welcome(config: &Config, address: SocketAddr) -> String {
    let url = config.base_url(address.port());
    let url = url.as_str().trim_end_matches('/');
    // Whole, since the other terminal is in another folder.
    let data = std::path::absolute(&config.data_dir).unwrap_or_else(|_| config.data_dir.clone());
    let mails = quote(&data.join("mail").display().to_string());
    let data = data.display();
    format!(
        r#"
  Portcullis listens on   {url}
  Its data is in          {data}
  The API's documents     {url}/docs and {url}/redoc

  Try it from another terminal:

  curl {url}/api/v1/auth/register -H 'Content-Type: application/json' \
    -d '{{"email":"jane@example.com","password":"Tr4vel-light","name":"Jane Doe"}}'

  sleep 1; code=$(sed -n 's/^Code: \([0-9]*\).*/\1/p' {mails}/*.eml | tail -n 1)
  curl {url}/api/v1/auth/verify-email -H 'Content-Type: application/json' \
    -d "{{\"email\":\"jane@example.com\",\"code\":\"$code\"}}"

  curl {url}/api/v1/auth/login -H 'Content-Type: application/json' \
    -d '{{"email":"jane@example.com","password":"Tr4vel-light"}}'

  Stop it with Ctrl-C.

"#
    )
}

/// As one word of a shell's command line.
fn quote(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn a_shell_reads_a_quoted_path_as_one_word() {
        assert_eq!(quote("/srv/portcullis-data"), "/srv/portcullis-data");
        assert_eq!(quote("/home/Jane Doe/it's"), r"'/home/Jane Doe/it'\''s'");
    }
}
