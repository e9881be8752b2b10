//! A `portcullis serve` of its own for each test: own folder, own port, own log.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    client::PASSWORD,
    database,
    stack::{self, Place},
};

/// How long anything that happens at once may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running service. Killed and swept up when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    settings: Vec<(String, String)>,
    /// Its processes, all alike: one, or two on the scale stack, which clients ask in turns.
    replicas: Vec<Replica>,
    /// Where it keeps its data, when that is on other servers; swept up after it.
    place: Option<Place>,
}

/// A statement in the words of each store.
pub(crate) struct StoreSql {
    pub(crate) sqlite: &'static str,
    pub(crate) postgres: &'static str,
}

/// One process of a service.
struct Replica {
    child: Child,
    url: String,
}

/// The program, without any of this process's environment but the path to other programs.
pub(crate) fn portcullis(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.current_dir(folder).env_clear().stdin(Stdio::null());
    command
}

impl Server {
    /// Starts a service whose passwords are cheap to hash.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a service with these settings besides.
    pub(crate) fn start_with(settings: &[(&str, &str)]) -> Self {
        let place = stack::is_asked_for().then(Place::new);
        let on_servers = place.as_ref().map(Place::settings).unwrap_or_default();
        let on_servers: Vec<_> = on_servers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let replicas = if place.is_some() { 2 } else { 1 };
        Self::launch(cheap(&[&on_servers, settings].concat()), place, replicas)
    }

    /// Starts a service with these settings besides, wherever they say that its data is.
    pub(crate) fn start_on(settings: &[(&str, &str)]) -> Self {
        Self::launch(cheap(settings), None, 1)
    }

    /// Starts a service as the README says, without any setting. Only where the default port is taken on this machine it gets
    /// another one.
    pub(crate) fn start_as_printed() -> Self {
        let is_free = std::net::TcpListener::bind("127.0.0.1:8000").is_ok();
        let settings = if is_free { Vec::new() } else { vec![("PORT".to_owned(), "0".to_owned())] };
        Self::launch(settings, None, 1)
    }

    fn launch(settings: Vec<(String, String)>, place: Option<Place>, replicas: usize) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let replicas = (0..replicas).map(|_| Replica::start(folder.path(), &settings)).collect();
        Self { folder, settings, replicas, place }
    }

    /// The folder it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("portcullis-data")
    }

    /// Where it listens; the first of its processes, where there are more.
    pub(crate) fn url(&self) -> &str {
        &self.replicas[0].url
    }

    /// Where all of its processes listen.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.replicas.iter().map(|replica| replica.url.as_str())
    }

    /// Runs a statement on its store, as an operator might; says what it gives, a row a line.
    pub(crate) async fn query(&self, sql: &StoreSql) -> String {
        match &self.place {
            Some(place) => {
                let rows = place.query(sql.postgres).await;
                rows.iter().map(|row| row.join("|") + "\n").collect()
            }
            None => database::query(&self.data().join("portcullis.db"), sql.sqlite),
        }
    }

    /// Where its data is, when that is on other servers.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.replicas[0].child.id()
    }

    /// Another command beside it, with the same settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = portcullis(self.folder());
        command.args(arguments).envs(self.settings.iter().cloned());
        command
    }

    /// Makes an administrator by the command line, with the password of all tests.
    pub(crate) fn make_admin(&self, email: &str) {
        let arguments = ["admin", "create", "--email", email, "--name", "Ada Min", "--password-stdin"];
        let mut command = self.command(&arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        writeln!(input, "{PASSWORD}").expect("it reads");
        drop(input);
        assert!(child.wait().expect("it ends").success(), "no administrator was made");
    }

    /// Sets something for its next start, and for commands beside it.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// `kill -9`, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        for Replica { child, .. } in &mut self.replicas {
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
        }
    }

    /// Starts it again on the same data; its port is another one.
    pub(crate) fn restart(&mut self) {
        for replica in &mut self.replicas {
            *replica = Replica::start(self.folder.path(), &self.settings);
        }
    }

    /// SIGTERM, and waits until it has stopped by itself.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        for Replica { child, .. } in &self.replicas {
            // The shell's own: the program of this name is not in every small image.
            let sent =
                Command::new("sh").args(["-c", &format!("kill {}", child.id())]).status().expect("sh runs");
            assert!(sent.success());
        }
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let ended = |replica: &mut Replica| replica.child.try_wait().expect("it can be asked");
            if let Some(ended) = self.replicas.iter_mut().map(ended).collect::<Option<Vec<_>>>() {
                let failed = ended.iter().find(|status| !status.success());
                return *failed.unwrap_or(&ended[0]);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not stop within {PATIENCE:?}; its log:\n{}", self.log());
    }

    /// Everything it has logged, over all its starts.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(log_file(self.folder())).expect("a log")
    }

    /// The newest verification code mailed to an address; waits for it.
    pub(crate) fn mailed_code(&self, email: &str) -> String {
        self.mailed("code", email, || self.find_code(email))
    }

    /// The newest token for a new password mailed to an address; waits for it.
    pub(crate) fn mailed_token(&self, email: &str) -> String {
        self.mailed("token", email, || self.find_token(email))
    }

    /// The newest mail to an address that holds these words; waits for it.
    pub(crate) fn wait_for_mail(&self, email: &str, words: &str) -> String {
        self.mailed(words, email, || self.mails(email).into_iter().rfind(|mail| mail.contains(words)))
    }

    /// The newest verification code, where it is there already.
    pub(crate) fn find_code(&self, email: &str) -> Option<String> {
        let mails = self.mails(email).into_iter();
        mails.rev().find_map(|mail| line_after(&mail, "Code: "))
    }

    /// The newest token for a new password, where it is there already.
    pub(crate) fn find_token(&self, email: &str) -> Option<String> {
        let mut mails = self.mails(email).into_iter();
        mails
            .rfind(|mail| mail.contains("?token="))?
            .split("?token=")
            .nth(1)?
            .lines()
            .next()
            .map(str::to_owned)
    }

    /// Everything mailed to an address so far, oldest first, as it was sent.
    pub(crate) fn mails(&self, email: &str) -> Vec<String> {
        let to = format!("To: {email}");
        let Ok(entries) = fs::read_dir(self.data().join("mail")) else { return Vec::new() };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let mails = files.iter().filter_map(|path| fs::read_to_string(path).ok());
        mails.filter(|mail| mail.lines().any(|line| line == to)).collect()
    }

    fn mailed(&self, what: &str, email: &str, find: impl Fn() -> Option<String>) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(found) = find() {
                return found;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("no {what} was mailed to {email}; the log:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for Replica { child, .. } in &mut self.replicas {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the service's log:\n{}", self.log());
        }
    }
}

/// The rest of the line that begins so.
fn line_after(mail: &str, start: &str) -> Option<String> {
    mail.lines().find_map(|line| line.strip_prefix(start).map(str::to_owned))
}

/// Settings on top of those that make passwords cheap to hash, and let one address ask and guess as often as a whole town: where limits
/// are the point, a test asks for them.
fn cheap(settings: &[(&str, &str)]) -> Vec<(String, String)> {
    let cheap = [
        ("PORT", "0"),
        ("TOKEN_ISSUER", "e2e"),
        ("SCRYPT_LOG_N", "10"),
        ("SCRYPT_P", "1"),
        ("RATE_LIMIT_ENABLED", "false"),
        ("MAX_LOGIN_ATTEMPTS", "10000"),
    ];
    let all = cheap.iter().chain(settings);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn log_file(folder: &Path) -> PathBuf {
    folder.join("serve.log")
}

impl Replica {
    /// Starts the program, and waits until it says where it listens.
    fn start(folder: &Path, settings: &[(String, String)]) -> Self {
        let log = fs::OpenOptions::new().create(true).append(true).open(log_file(folder)).expect("a log");
        let before = log.metadata().expect("its length").len();
        let mut command = portcullis(folder);
        command.arg("serve").envs(settings.iter().cloned()).stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("it starts");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = fs::read(log_file(folder)).expect("a log");
            let log = String::from_utf8_lossy(&log[usize::try_from(before).expect("short")..]).into_owned();
            if let Some(address) = log.lines().find_map(listening_address) {
                return Self { child, url: format!("http://{address}") };
            }
            if let Some(status) = child.try_wait().expect("it can be asked") {
                panic!("it ended with {status}:\n{log}");
            }
            assert!(Instant::now() < deadline, "it does not listen after {PATIENCE:?}:\n{log}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn listening_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    if line["message"] != "listening" {
        return None;
    }
    line["address"].as_str().map(str::to_owned)
}
