//! The commands beside `serve`, and how `serve` stops.

use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::{
    client::{self, Client, PASSWORD},
    server::{Server, portcullis},
};

const PERMISSIONS: [&str; 10] = [
    "company:read",
    "feature:manage",
    "stream:read",
    "stream:write",
    "token:introspect",
    "user:create",
    "user:delete",
    "user:read",
    "user:update",
    "user:update_role",
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Runs a command with something on its standard input.
fn run(mut command: Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    // A command that refuses its arguments does not read.
    let _ = child.stdin.take().expect("its input").write_all(input.as_bytes());
    child.wait_with_output().expect("its output")
}

/// What a command prints that succeeds.
#[track_caller]
fn printed(command: Command) -> String {
    let output = run(command, "");
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr), command = output);
    assert_eq!(text(&output.stderr), "");
    text(&output.stdout)
}

fn with(arguments: &[&str], folder: &std::path::Path) -> Command {
    let mut command = portcullis(folder);
    command.args(arguments);
    command
}

mod help {
    use super::*;

    #[test]
    fn of_each_command_says_what_it_does_and_how_to_use_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let cases: [(&[&str], &[&str]); 12] = [
            (
                &[],
                &[
                    "serve",
                    "migrate",
                    "openapi",
                    "asyncapi",
                    "config",
                    "audit",
                    "admin",
                    "./portcullis-data",
                    "127.0.0.1:8000",
                    "Exit codes",
                ],
            ),
            (&["serve"], &["SIGTERM", "SHUTDOWN_GRACE_SECONDS", "data folder", "Examples", "PORT=9000"]),
            (&["migrate"], &["--status", "change nothing", "--revert", "back-up"]),
            (&["openapi"], &["/openapi.json", "--format", "Example"]),
            (&["config"], &["secrets masked", "--reference", "environment", "Examples"]),
            (&["audit"], &["verify", "export", "keys"]),
            (
                &["audit", "verify"],
                &["running server", "public keys alone", "exit code is 1", "first bad event", "Examples"],
            ),
            (&["audit", "export"], &["running server", "0600", "stays sealed", "Examples"]),
            (
                &["import", "users"],
                &["--dry-run", "password_hash", "$argon2id$", "killed", "Examples", "Exit codes"],
            ),
            (&["export", "users"], &["--with-password-hashes", "personal data", "0600", "Examples"]),
            (&["admin"], &["create"]),
            (
                &["admin", "create"],
                &["--email", "--name", "--password-stdin", "running server", "8 to 128 characters", "printf"],
            ),
        ];
        for (command, words) in cases {
            let help = printed(with(&[command, &["--help"]].concat(), folder.path()));
            let flowing = help.split_whitespace().collect::<Vec<_>>().join(" ");
            for word in words.iter().chain(&["Usage: portcullis", "--config <FILE>"]) {
                assert!(flowing.contains(word), "no {word:?} in the help of {command:?}:\n{help}");
            }
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn comes_with_exit_code_2_where_arguments_are_wrong() {
        let folder = tempfile::tempdir().expect("a folder");
        for arguments in
            [&[][..], &["sevre"], &["serve", "--prot"], &["audit"], &["migrate", "--status", "--revert"]]
        {
            let output = run(with(arguments, folder.path()), "");
            assert_eq!(output.status.code(), Some(2), "{arguments:?}");
            assert!(
                text(&output.stderr).contains("Usage: portcullis"),
                "{arguments:?}: {}",
                text(&output.stderr)
            );
        }
        let meant = run(with(&["sevre"], folder.path()), "");
        assert!(text(&meant.stderr).contains("'serve'"), "{}", text(&meant.stderr));
    }
}

mod config {
    use super::*;

    #[test]
    fn lists_each_setting_with_its_source_and_shows_no_secret() {
        const KEY: &str = "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=";
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("portcullis.toml"), "# mine\nport = 9000\napp_name = \"Gate\"\n")
            .expect("a file");
        let mut command = with(&["config"], folder.path());
        command.env("MASTER_KEY", KEY).env("APP_NAME", "Bridge");
        let listing = printed(command);
        let line = |name: &str| {
            let mut words = listing.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            words.find(|words| words[0] == name).unwrap_or_else(|| panic!("no {name} in\n{listing}"))[1..]
                .join(" ")
        };
        assert_eq!(line("PORT"), "9000 portcullis.toml line 2");
        assert_eq!(line("APP_NAME"), "Bridge environment");
        assert_eq!(line("HOST"), "127.0.0.1 default");
        assert_eq!(line("PUBLIC_URL"), "http://127.0.0.1:9000/ default");
        assert_eq!(line("MASTER_KEY"), "*** environment");
        assert!(!listing.contains(KEY), "{listing}");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "it makes nothing");
    }
}

mod openapi {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn prints_what_a_running_service_serves() {
        let server = Server::start();
        for (arguments, path) in [
            (&["openapi"][..], "/openapi.json"),
            (&["openapi", "--format", "json"], "/openapi.json"),
            (&["openapi", "--format", "yaml"], "/openapi.yaml"),
        ] {
            let answer =
                client::http().get(format!("{}{path}", server.url())).send().await.expect("an answer");
            assert_eq!(printed(with(arguments, server.folder())), answer.text().await.expect("text"));
        }
    }

    #[test]
    fn prints_what_leaves_through_the_broker_as_it_is_checked_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let document = printed(with(&["asyncapi"], folder.path()));
        let checked_in = include_str!("../../asyncapi.json");
        assert!(document == checked_in, "asyncapi.json is stale; `just asyncapi` writes it anew");
    }

    #[test]
    fn prints_the_document_that_is_checked_in() {
        let folder = tempfile::tempdir().expect("a folder");
        let document: Value =
            serde_json::from_str(&printed(with(&["openapi"], folder.path()))).expect("JSON");
        let checked_in: Value = serde_json::from_str(include_str!("../../openapi.json")).expect("JSON");
        assert!(document == checked_in, "openapi.json is stale; `just openapi` writes it anew");
    }
}

mod migrate {
    use super::*;

    #[test]
    fn brings_a_database_up_to_date_says_so_and_can_take_it_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let migrate = |option: Option<&str>| {
            let arguments: Vec<_> = ["migrate"].into_iter().chain(option).collect();
            printed(with(&arguments, folder.path()))
        };
        fs::create_dir(folder.path().join("portcullis-data")).expect("a folder");
        let pending = migrate(Some("--status"));
        assert!(
            pending.lines().count() >= 1 && pending.lines().all(|line| line.starts_with("pending ")),
            "{pending}"
        );
        let made = fs::read_dir(folder.path().join("portcullis-data")).expect("a folder").count();
        assert_eq!(made, 0, "--status makes nothing");
        assert_eq!(migrate(None), pending.replace("pending", "applied"));
        assert_eq!(migrate(None), "the database is up to date\n");
        assert_eq!(migrate(Some("--status")), pending.replace("pending", "applied"));
        let newest = pending.lines().last().expect("a migration");
        assert_eq!(migrate(Some("--revert")), format!("{}\n", newest.replace("pending", "reverted")));
        assert!(migrate(Some("--status")).ends_with(&format!("{newest}\n")));
    }
}

mod admin_create {
    use super::*;

    fn create(server: &Server, email: &str, name: &str, input: &str) -> Output {
        run(server.command(&["admin", "create", "--email", email, "--name", name, "--password-stdin"]), input)
    }

    /// The one line with which it refuses.
    #[track_caller]
    fn refusal(output: &Output) -> String {
        let line = text(&output.stderr);
        assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        line
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn makes_beside_a_running_server_an_administrator_who_signs_in_at_once() {
        let server = Server::start();
        let client = Client::of(&server);
        for (email, input) in [
            ("root@example.com", format!("{PASSWORD}\n")),
            ("other@example.com", format!("{PASSWORD}\r\nmore")),
        ] {
            let output = create(&server, email, "Jane Doe", &input);
            assert!(output.status.success(), "{}", text(&output.stderr));
            let tokens = client.login(email, PASSWORD).await.tokens();
            let me = client.get("/auth/me", &tokens.access).await;
            let user = &me.expect(200)["user"];
            assert_eq!(
                (&user["role"], &user["is_active"], &user["is_verified"]),
                (&"admin".into(), &true.into(), &true.into())
            );
            let mut permissions: Vec<_> =
                me.body["permissions"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
            permissions.sort_unstable();
            assert_eq!(permissions, PERMISSIONS);
            let said = text(&output.stdout);
            assert!(said.contains(email) && said.contains(user["id"].as_str().expect("an id")), "{said}");
            assert!(!said.contains(PASSWORD), "{said}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn refuses_an_address_that_is_taken() {
        let server = Server::start();
        Client::of(&server).register("jane@example.com").await.expect(201);
        let line = refusal(&create(&server, "JANE@example.com", "Jane Doe", PASSWORD));
        assert!(line.contains("no administrator was created") && line.contains("address"), "{line}");
        let jane = Client::of(&server).login("jane@example.com", PASSWORD).await;
        jane.expect_error(403, "USER_1004");
    }

    #[test]
    fn refuses_what_breaks_the_rules_and_names_them() {
        let server = Server::start();
        let weak = refusal(&create(&server, "root@example.com", "Jane Doe", "weak"));
        for rule in ["8 to 128 characters", "an upper-case letter", "a digit", "!@#$%^&*()_+-="] {
            assert!(weak.contains(rule), "{weak}");
        }
        assert!(!weak.contains("\"weak\""), "{weak}");
        let line = refusal(&create(&server, "root", "J", PASSWORD));
        assert!(line.contains("email must be") && line.contains("name must be 2 to 100"), "{line}");
        assert!(refusal(&create(&server, "root@example.com", "Jane Doe", "")).contains("no password"));
        assert!(refusal(&create(&server, "root@example.com", "Jane Doe", "\n")).contains("no password"));
    }

    #[test]
    fn works_where_no_service_has_run_yet() {
        let folder = tempfile::tempdir().expect("a folder");
        let command = with(
            &["admin", "create", "--email", "root@example.com", "--name", "Admin", "--password-stdin"],
            folder.path(),
        );
        let output = run(command, PASSWORD);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report = printed(with(&["audit", "verify"], folder.path()));
        assert!(report.starts_with("intact: "), "{report}");
    }
}

mod serve {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn finishes_what_it_has_begun_when_it_is_told_to_stop_and_ends_with_0() {
        // A hash that takes a second or so: the stop comes in the middle of it.
        let mut server = Server::start_with(&[
            ("SCRYPT_LOG_N", "16"),
            ("SCRYPT_P", "8"),
            ("REQUEST_TIMEOUT_SECONDS", "60"),
        ]);
        let client = Client::of(&server);
        let registering = tokio::spawn(async move { client.register("jane@example.com").await });
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!registering.is_finished(), "the hash was too quick for this test");
        let status = server.stop();
        assert!(status.success(), "{status}");
        registering.await.expect("it ends").expect(201);
        assert!(server.log().lines().last().expect("a log").contains("stopped"), "{}", server.log());

        // Stopping has closed the database: nothing beside it is needed to read it, and nothing of it is lost.
        assert!(!server.data().join("portcullis.db-wal").exists());
        server.restart();
        Client::of(&server).register("JANE@example.com").await.expect_error(409, "USER_1102");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn cuts_off_what_goes_on_after_the_grace_and_ends_with_0() {
        let mut server =
            Server::start_with(&[("SHUTDOWN_GRACE_SECONDS", "1"), ("REQUEST_TIMEOUT_SECONDS", "300")]);
        let address = server.url().trim_start_matches("http://").to_owned();
        let mut stream = tokio::net::TcpStream::connect(address).await.expect("it accepts");
        let head = b"POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
        tokio::io::AsyncWriteExt::write_all(&mut stream, head).await.expect("it listens");
        tokio::time::sleep(Duration::from_millis(200)).await;
        let started = std::time::Instant::now();
        assert!(server.stop().success());
        assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
        assert!(server.log().contains("cut off"), "{}", server.log());
    }
}
