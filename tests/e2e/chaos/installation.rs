//! An installation of its own: private servers, two replicas, and ways to kill and to resume each of them.

use std::{
    fmt,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{client, crash::draw, server::Server};

/// How long what was killed may take to be of use again, on a machine that does much else.
const RECOVERY: Duration = Duration::from_secs(90);
const KINDS: [Victim; 5] =
    [Victim::Postgres, Victim::Redis, Victim::RabbitMq, Victim::Replica(0), Victim::Replica(1)];

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Victim {
    Postgres,
    Redis,
    RabbitMq,
    Replica(usize),
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replica(number) => write!(f, "replica {number}"),
            server => f.write_str(server.service().expect("it is no replica")),
        }
    }
}

impl Victim {
    /// The victim of a round: each once in five rounds, in an order that the seed chooses.
    pub(super) fn of(seed: u64, round: u64) -> Self {
        let mut left = KINDS.to_vec();
        let first = round - round % 5;
        for earlier in first..round {
            left.remove(place(seed, earlier, left.len()));
        }
        left[place(seed, round, left.len())]
    }

    fn service(self) -> Option<&'static str> {
        match self {
            Self::Postgres => Some("postgres"),
            Self::Redis => Some("redis"),
            Self::RabbitMq => Some("rabbitmq"),
            Self::Replica(_) => None,
        }
    }
}

fn place(seed: u64, round: u64, count: usize) -> usize {
    let count = u64::try_from(count).expect("few");
    usize::try_from(draw(seed, round, count)).expect("few")
}

/// Private servers, stopped and swept up when this is dropped.
struct Services {
    state: TempDir,
    addresses: Vec<(String, String)>,
}

impl Services {
    fn start() -> Self {
        let mut services = Self { state: tempfile::tempdir().expect("a folder"), addresses: Vec::new() };
        // Side by side: each waits for its server more than it works.
        let starting = ["postgres", "redis", "rabbitmq"].map(|name| {
            let mut command = services.command("start", name);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
        });
        for child in starting {
            let output = child.wait_with_output().expect("it ends");
            let line = succeeded(&output);
            let address = line.trim().strip_prefix("export ").and_then(|line| line.split_once('='));
            let (name, address) = address.unwrap_or_else(|| panic!("no address: {line}"));
            // As a word of a shell, which knows a question mark or an ampersand as something else.
            services.addresses.push((name.to_owned(), address.replace('\\', "")));
        }
        services
    }

    fn run(&self, action: &str, name: &str) {
        // Not through pipes, which a server would inherit and keep open.
        let status = self.command(action, name).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(status.expect("it runs").success(), "scripts/services {action} {name} failed");
    }

    fn command(&self, action: &str, name: &str) -> Command {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut command = Command::new(root.join("scripts/services"));
        command.args([action, name]).env("PORTCULLIS_SERVICES", self.state.path()).stdin(Stdio::null());
        // Whatever servers this run was given are others' too, and not to be killed.
        for name in ["DATABASE_URL", "REDIS_URL", "AMQP_URL"] {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for name in ["postgres", "redis", "rabbitmq"] {
            let _ = self.command("stop", name).stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
    }
}

fn succeeded(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("text")
}

/// A port that stays the same when what listens on it is killed.
fn free_port() -> u16 {
    // Below those that outgoing connections are given: one of those could take it while its owner is away.
    let mut candidates = (0..200)
        .map(|n| 15_000 + u16::try_from(draw(u64::from(std::process::id()), n, 15_000)).expect("few"));
    candidates.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}

pub(super) struct Installation {
    // Dropped first: what the replicas stand on goes after them.
    replicas: Vec<Server>,
    services: Services,
}

impl Installation {
    pub(super) fn start_servers() -> Self {
        Self { replicas: Vec::new(), services: Services::start() }
    }

    pub(super) fn start_replicas(&mut self) {
        for _ in 0..2 {
            let port = free_port().to_string();
            let mut settings = vec![
                ("PORT", port.as_str()),
                ("MASTER_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
                ("ENABLE_EMAIL_VERIFICATION", "false"),
                // A refresh whose answer was lost is a retry when it comes again, however long an outage takes here.
                ("REFRESH_REUSE_LEEWAY_SECONDS", "300"),
            ];
            settings.extend(self.services.addresses.iter().map(|(name, url)| (name.as_str(), url.as_str())));
            let replica = Server::start_with(&settings);
            self.replicas.push(replica);
        }
    }

    pub(super) fn urls(&self) -> Vec<String> {
        self.replicas.iter().map(|replica| replica.url().to_owned()).collect()
    }

    pub(super) fn first(&self) -> &Server {
        &self.replicas[0]
    }

    /// Where a server is, by the setting that says so.
    pub(super) fn address(&self, setting: &str) -> &str {
        let found = self.services.addresses.iter().find(|(name, _)| name == setting);
        &found.expect("it was started").1
    }

    pub(super) fn kill(&mut self, victim: Victim) {
        match (victim, victim.service()) {
            (Victim::Replica(number), _) => self.replicas[number].kill(),
            (_, Some(service)) => self.services.run("kill", service),
            (_, None) => unreachable!("everybody else is a server"),
        }
    }

    pub(super) fn resume(&mut self, victim: Victim) {
        match (victim, victim.service()) {
            (Victim::Replica(number), _) => self.replicas[number].restart(),
            (_, Some(service)) => self.services.run("resume", service),
            (_, None) => unreachable!("everybody else is a server"),
        }
    }

    /// Waits until both replicas say that everything is there. Nothing is done to help them.
    pub(super) async fn recover(&self) {
        let deadline = Instant::now() + RECOVERY;
        for url in self.urls() {
            let mut last = Value::Null;
            while last["status"] != "up" {
                assert!(Instant::now() < deadline, "{url} has not recovered: {last}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                if let Ok(answer) = client::http().get(format!("{url}/health/readiness")).send().await {
                    last = answer.json().await.unwrap_or_default();
                }
            }
        }
    }

    /// What the command line says, given these words.
    pub(super) fn ask(&self, arguments: &[&str]) -> String {
        succeeded(&self.first().command(arguments).output().expect("it runs"))
    }
}
