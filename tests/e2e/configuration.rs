//! Settings with which the service cannot start: one line that says which and what to do, exit code 2, and nothing written.

use std::{
    collections::BTreeMap,
    fs, io,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    database,
    server::{PATIENCE, Server, portcullis},
};

/// Everything in a folder: each path, and each file's bytes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
            found.insert(path, None);
        } else {
            found.insert(path.clone(), Some(fs::read(&path).expect("a file")));
        }
    }
    found
}

fn names(contents: &BTreeMap<PathBuf, Option<Vec<u8>>>) -> Vec<&PathBuf> {
    contents.keys().collect()
}

/// What a command that ends by itself left; one that does not, since it serves, fails the test.
fn finish(mut command: Command) -> Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    let deadline = Instant::now() + PATIENCE;
    while child.try_wait().expect("it can be asked").is_none() {
        if Instant::now() > deadline {
            child.kill().expect("it can be killed");
            panic!("it did not end: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().expect("its output")
}

/// The one line with which a command refuses its settings, and writes nothing.
#[track_caller]
pub(crate) fn refusal(folder: &Path, settings: &[(&str, &str)], arguments: &[&str]) -> String {
    let before = contents(folder);
    let mut command = portcullis(folder);
    command.args(arguments).envs(settings.iter().copied());
    let output = finish(command);
    let after = contents(folder);
    let stderr = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(2), "{settings:?} {arguments:?}: {stderr}");
    assert_eq!(output.stdout, b"", "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(names(&after), names(&before), "{stderr}");
    assert!(after == before, "something in the folder was changed: {stderr}");
    stderr
}

/// A refusal that names the setting first, and holds these words: what is wrong and what to do.
#[track_caller]
pub(crate) fn expect_refusal(folder: &Path, settings: &[(&str, &str)], setting: &str, words: &[&str]) {
    let line = refusal(folder, settings, &["serve"]);
    let named = line.strip_prefix("portcullis: ").and_then(|line| line.strip_prefix(setting));
    assert!(named.is_some_and(|rest| rest.starts_with([' ', ':'])), "{setting} is not named first: {line}");
    for word in words {
        assert!(line.contains(word), "no {word:?} in: {line}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// The folder of a service that has run and was stopped; somebody is registered there.
async fn used() -> Server {
    let mut server = Server::start();
    crate::client::Client::of(&server).register("jane@example.com").await.expect(201);
    server.mailed_code("jane@example.com");
    assert!(server.stop().success());
    server
}

#[test]
fn a_value_that_does_not_fit_is_named_with_its_setting_and_what_would() {
    const KEY: &str = "c2hvcnQtcXVpZXQta2V5";
    let cases: [(&str, &str, &[&str]); 17] = [
        ("PORT", "99999", &["(environment)", "\"99999\"", "from 0 to 65535", "`8000`"]),
        ("PORT", "http", &["a whole number"]),
        ("HOST", "256.1.1.1", &["IP address or a host name"]),
        ("HOST", "192.0.2.1", &["cannot listen", "address of this machine"]),
        ("PUBLIC_URL", "not a url", &["not a URL", "`http` or `https` URL"]),
        ("PUBLIC_URL", "ftp://example.com", &["neither"]),
        ("PUBLIC_URL", "http://[::1", &["not a URL"]),
        ("DATABASE_URL", "postgres://jane:qu1et@127.0.0.1:1/x", &["no PostgreSQL answers at", "start it"]),
        ("DATABASE_URL", "mysql://jane:qu1et@localhost", &["not an address of a SQLite file", "sqlite:PATH"]),
        ("MASTER_KEY", KEY, &["15 bytes long, not 32", "base64"]),
        ("MASTER_KEY", "qu1et!", &["not base64"]),
        ("SCRYPT_LOG_N", "5", &["from 10 to 20"]),
        ("ENVIRONMENT", "prod", &["`production`"]),
        ("ENABLE_EMAIL_VERIFICATION", "maybe", &["`true` or `false`"]),
        ("EMAIL_FROM", "nobody", &["an e-mail address"]),
        ("LOG_LEVEL", "loud", &["`debug`"]),
        ("SMTP_URL", "http://jane:qu1et@localhost", &["another kind of server", "`smtps://…`"]),
    ];
    for (setting, value, words) in cases {
        let folder = folder();
        expect_refusal(folder.path(), &[(setting, value)], setting, words);
        let line = refusal(folder.path(), &[(setting, value)], &["serve"]);
        assert!(!line.contains("qu1et") && !line.contains(KEY), "it shows a secret: {line}");
    }
}

#[test]
fn in_production_what_is_only_convenient_is_refused() {
    let folder = folder();
    let production = ("ENVIRONMENT", "production");
    expect_refusal(
        folder.path(),
        &[production],
        "MASTER_KEY",
        &["openssl rand -base64 32", "ALLOW_INSECURE"],
    );
}

#[test]
fn the_file_is_refused_with_the_line_and_the_key_that_was_meant() {
    let cases = [
        ("app_name = \"x\"\nprot = 9000\n", "prot", vec!["portcullis.toml line 2", "did you mean `port`?"]),
        ("colour = \"red\"\n", "colour", vec!["line 1", "no setting of this version"]),
        ("[server]\nport = 9000\n", "server", vec!["line 1"]),
        ("port = [9000]\n", "port", vec!["line 1", "not a single value"]),
        ("port = \"\"\n", "port", vec!["empty", "`8000`"]),
        ("smtp_url = \"smtp://jane:qu1et@\"\n", "SMTP_URL", vec!["portcullis.toml line 1"]),
        ("port = 9000\nmaster_key = qu1et\n", "portcullis.toml", vec!["line 2", "not TOML"]),
        ("port 9000\n", "portcullis.toml", vec!["line 1", "not TOML"]),
        ("public_url = \"x\"\n", "PUBLIC_URL", vec!["portcullis.toml line 1", "not a URL"]),
    ];
    for (text, setting, words) in cases {
        let folder = folder();
        fs::write(folder.path().join("portcullis.toml"), text).expect("a file");
        expect_refusal(folder.path(), &[], setting, &words);
        let line = refusal(folder.path(), &[], &["config"]);
        assert!(!line.contains("qu1et"), "it shows a secret: {line}");
    }
    let folder = folder();
    let line = refusal(folder.path(), &[], &["--config", "nowhere.toml", "serve"]);
    assert!(line.contains("--config") && line.contains("nowhere.toml"), "{line}");
    expect_refusal(
        folder.path(),
        &[("PORTCULLIS_CONFIG", "nowhere.toml")],
        "PORTCULLIS_CONFIG",
        &["nowhere.toml"],
    );
}

#[test]
fn a_data_folder_that_cannot_be_used_is_refused() {
    let folder = folder();
    fs::write(folder.path().join("portcullis-data"), "a file").expect("a file");
    expect_refusal(folder.path(), &[], "DATA_DIR", &["portcullis-data", "that this user may read and write"]);
    expect_refusal(
        folder.path(),
        &[("DATA_DIR", "portcullis-data/below")],
        "DATA_DIR",
        &["portcullis-data/below"],
    );
    expect_refusal(folder.path(), &[("DATA_DIR", "/proc/portcullis")], "DATA_DIR", &["/proc/portcullis"]);
}

#[test]
fn a_data_folder_that_others_may_write_to_is_refused_and_one_that_they_may_read_is_not() {
    for mode in [0o777, 0o775, 0o722, 0o1777, 0o2770] {
        let folder = folder();
        let data = folder.path().join("portcullis-data");
        fs::create_dir(&data).expect("a folder");
        set_mode(&data, mode);
        let shown = format!("(mode {mode:04o})");
        let words = ["portcullis-data", "users other than its owner may write", &shown, "chmod go-w"];
        expect_refusal(folder.path(), &[], "DATA_DIR", &words);
        // Whatever the key is, the database would be others' to replace.
        let key = ("MASTER_KEY", "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=");
        expect_refusal(folder.path(), &[key], "DATA_DIR", &words);
        assert!(refusal(folder.path(), &[], &["migrate"]).contains(&shown));
    }
    let folder = folder();
    let data = folder.path().join("portcullis-data");
    fs::create_dir(&data).expect("a folder");
    set_mode(&data, 0o755);
    let mut migrate = portcullis(folder.path());
    migrate.arg("migrate");
    let output = finish(migrate);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_database_that_cannot_be_there_is_refused() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("portcullis-data/inner")).expect("a folder");
    for (url, words) in [
        ("sqlite:nowhere/x.db", "nowhere"),
        ("sqlite:portcullis-data/inner", "inner"),
        ("sqlite:/proc/x.db", "/proc"),
    ] {
        expect_refusal(folder.path(), &[("DATABASE_URL", url)], "DATABASE_URL", &[words]);
    }
}

#[test]
fn a_port_that_is_taken_is_refused_before_anything_is_made() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port().to_string();
    expect_refusal(
        folder.path(),
        &[("PORT", &port)],
        "PORT",
        &[&port, "stop the program that uses it", "another"],
    );
    assert_eq!(names(&contents(folder.path())), Vec::<&PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_refused_by_every_command_and_left_as_it_is() {
    let server = used().await;
    let path = server.data().join("portcullis.db");
    database::query(
        &path,
        "INSERT INTO __diesel_schema_migrations (version, run_on) VALUES ('29991231000000', '2999-12-31')",
    );
    for arguments in [
        &["serve"][..],
        &["migrate"],
        &["migrate", "--status"],
        &["migrate", "--revert"],
        &["audit", "verify"],
    ] {
        let line = refusal(server.folder(), &[("PORT", "0")], arguments);
        assert!(
            line.contains("DATABASE_URL")
                && line.contains("newer version")
                && line.contains("29991231000000"),
            "{line}"
        );
        assert!(line.contains("run that version, or restore a back-up"), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let server = used().await;
    let path = server.data().join("portcullis.db");
    let whole = fs::read(&path).expect("a database");
    let garbage: Vec<u8> =
        (0..100_000_u32).map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
    for (bytes, words) in [(&garbage[..], "is not a database"), (b"a text", "is not a database")] {
        fs::write(&path, bytes).expect("a file");
        expect_refusal(server.folder(), &[("PORT", "0")], "DATABASE_URL", &[words, "back-up"]);
    }
    fs::write(&path, whole).expect("a file");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_another_program_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("other.db");
    database::query(&path, "CREATE TABLE notes (text TEXT)");
    expect_refusal(
        folder.path(),
        &[("DATABASE_URL", "sqlite:other.db"), ("DATA_DIR", ".")],
        "DATABASE_URL",
        &["belongs to another program"],
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_master_key_the_data_is_not_touched() {
    let server = used().await;
    let key = server.data().join("master.key");
    let own = fs::read_to_string(&key).expect("a key");
    let port = ("PORT", "0");

    fs::remove_file(&key).expect("it goes");
    expect_refusal(server.folder(), &[port], "MASTER_KEY", &["master.key", "back-up", "set MASTER_KEY"]);

    let other = "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=";
    expect_refusal(
        server.folder(),
        &[port, ("MASTER_KEY", other)],
        "MASTER_KEY",
        &["(environment)", "that this database was made with"],
    );
    for (wrong, words) in [
        (other, "that this database was made with"),
        ("no key", "does not hold 32 bytes"),
        ("", "does not hold 32 bytes"),
    ] {
        fs::write(&key, wrong).expect("a file");
        set_mode(&key, 0o600);
        expect_refusal(server.folder(), &[port], "MASTER_KEY", &[words]);
    }

    // Nor with the right one, where others could have read it.
    fs::write(&key, &own).expect("a file");
    set_mode(&key, 0o640);
    expect_refusal(
        server.folder(),
        &[port],
        "MASTER_KEY",
        &["users other than its owner", "(mode 0640)", "chmod 600"],
    );

    // With the right one from wherever it comes the data is there.
    fs::remove_file(&key).expect("it goes");
    let mut audit = server.command(&[
        "admin",
        "create",
        "--email",
        "root@example.com",
        "--name",
        "Admin",
        "--password-stdin",
    ]);
    let password = server.folder().join("password");
    fs::write(&password, "Tr4vel-light\n").expect("a file");
    audit.env("MASTER_KEY", own.trim()).stdin(fs::File::open(password).expect("a file"));
    let output = finish(audit);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_refuses_to_start_the_service_refuses_every_other_command_too() {
    let folder = folder();
    for arguments in [
        &["migrate"][..],
        &["config"],
        &["audit", "verify"],
        &["admin", "create", "--email", "jane@example.com", "--name", "Jane Doe", "--password-stdin"],
    ] {
        let line = refusal(folder.path(), &[("PORT", "99999")], arguments);
        assert!(line.starts_with("portcullis: PORT (environment): "), "{line}");
    }
}

#[test]
fn a_start_that_was_refused_leaves_the_port_and_the_folder_to_the_next() {
    let folder = folder();
    refusal(folder.path(), &[("MASTER_KEY", "short")], &["serve"]);
    let mut command = portcullis(folder.path());
    command.arg("migrate");
    let output = finish(command);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let made = fs::metadata(folder.path().join("portcullis-data/portcullis.db"));
    assert_ne!(made.map_err(|error: io::Error| error.kind()).map(|made| made.len()), Ok(0));
}
