//! No secret leaves the service but in the answer that is its owner's: a life is lived with secrets that nothing else holds, and
//! then they are looked for everywhere.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    client::{Answer, Client},
    server::Server,
};

const LOCAL_PART: &str = "jane.doe-0x5ec2e7";
const EMAIL: &str = "jane.doe-0x5ec2e7@example.com";
const NAME: &str = "Jane Quietword Doe";
const PHONE: &str = "+99915550142";
const USERNAME: &str = "quietjane5ec2e7";
const PASSWORD: &str = "V3ry-quiet-p4ssw0rd";
const WRONG: &str = "Wr0ng-quiet-p4ssw0rd";
const WEAK: &str = "quietlyweakpassword";
const RESET: &str = "R3set-quiet-p4ssw0rd";
const CHANGED: &str = "Ch4nged-quiet-p4ssw0rd";
const ADMIN_PASSWORD: &str = "Adm1n-quiet-p4ssw0rd";
/// 32 bytes in base64.
const MASTER_KEY: &str = "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=";
const MASTER_BYTES: &str = "quiet-master-key-quiet-master-ke";

/// What was used in a life, and what came back.
#[derive(Default)]
struct Life {
    secrets: Vec<String>,
    codes: Vec<String>,
    errors: Vec<String>,
}

impl Life {
    fn note(&mut self, answer: &Answer) {
        assert!(answer.status < 500, "{:#}", answer.body);
        if answer.status >= 400 {
            self.errors.push(format!("{} {:?}", answer.body, answer.headers));
        }
        for name in ["access_token", "refresh_token"] {
            if let Some(token) = answer.body[name].as_str() {
                // All of it and its payload, which tells as much.
                let payload = token.split('.').nth(2).expect("a payload");
                self.secrets.extend([token.to_owned(), payload[..40].to_owned()]);
            }
        }
    }

    async fn post(&mut self, client: &Client, path: &str, body: Value) -> Answer {
        let answer = client.post(path, &body).await;
        self.note(&answer);
        answer
    }
}

/// A life with everything in it that can go right and wrong.
async fn live(server: &Server) -> Life {
    let client = Client::of(server);
    let mut life = Life::default();
    life.secrets.extend(
        [PASSWORD, WRONG, WEAK, RESET, CHANGED, ADMIN_PASSWORD, MASTER_KEY, MASTER_BYTES].map(str::to_owned),
    );
    register(server, &client, &mut life).await;
    sign_in_and_out(&client, &mut life).await;
    recover(server, &client, &mut life).await;
    send_nonsense(&client, &mut life).await;

    let mut admin = server.command(&[
        "admin",
        "create",
        "--email",
        "root@example.com",
        "--name",
        "Admin",
        "--password-stdin",
    ]);
    let password = server.folder().join("password");
    fs::write(&password, ADMIN_PASSWORD).expect("a file");
    let output = admin.stdin(fs::File::open(password).expect("a file")).output().expect("it runs");
    assert!(output.status.success());
    life.errors.push(format!("{output:?}"));
    life
}

async fn register(server: &Server, client: &Client, life: &mut Life) {
    let account = |password| json!({"email": EMAIL, "name": NAME, "phone": PHONE, "username": USERNAME, "password": password});
    life.post(client, "/auth/register", account(WEAK)).await.expect_error(400, "USER_1103");
    life.post(client, "/auth/register", account(PASSWORD)).await.expect(201);
    life.post(client, "/auth/register", account(PASSWORD)).await.expect_error(409, "USER_1102");
    let code = server.mailed_code(EMAIL);
    let wrong = format!("{:06}", (code.parse::<u32>().expect("digits") + 1) % 1_000_000);
    life.codes.extend([code.clone(), wrong.clone()]);
    life.post(client, "/auth/login", json!({"email": EMAIL, "password": PASSWORD}))
        .await
        .expect_error(403, "USER_1004");
    for (code, status) in [(&wrong, 400), (&code, 200), (&code, 400)] {
        let answer = life.post(client, "/auth/verify-email", json!({"email": EMAIL, "code": code})).await;
        assert_eq!(answer.status, status);
    }
}

async fn sign_in_and_out(client: &Client, life: &mut Life) {
    life.post(client, "/auth/login", json!({"email": EMAIL, "password": WRONG}))
        .await
        .expect_error(401, "USER_1001");
    let first =
        life.post(client, "/auth/login", json!({"username": USERNAME, "password": PASSWORD})).await.tokens();
    let next = life.post(client, "/auth/refresh", json!({"refresh_token": first.refresh})).await.tokens();
    let change = json!({"name": format!("{NAME} Roe"), "phone": PHONE, "industry": 5});
    life.note(&client.put("/users/me", &next.access, &change).await);
    life.note(&client.put("/users/me", &next.access, &json!({"name": format!("{NAME} Roe")})).await);
    life.post(client, "/auth/refresh", json!({"refresh_token": first.refresh}))
        .await
        .expect_error(401, "USER_1204");
    life.post(client, "/auth/refresh", json!({"refresh_token": next.refresh}))
        .await
        .expect_error(401, "USER_1202");
    life.note(&client.get("/auth/me", &next.access).await);
    let last = life.post(client, "/auth/login", json!({"email": EMAIL, "password": PASSWORD})).await.tokens();
    life.note(&client.logout(&last.access).await);
    life.note(&client.get("/auth/me", &last.access).await);
    life.note(&client.get("/auth/me", &format!("{}x", last.access)).await);
    life.note(&client.get(&format!("/{PASSWORD}?password={PASSWORD}"), &last.refresh).await);
}

async fn recover(server: &Server, client: &Client, life: &mut Life) {
    life.post(client, "/auth/password/forgot", json!({"email": EMAIL})).await.expect(202);
    let token = server.mailed_token(EMAIL);
    // All of it, and what proves it.
    life.secrets.extend([token.clone(), token[43..].to_owned()]);
    for (password, status) in [(WEAK, 400), (PASSWORD, 400), (RESET, 200), (CHANGED, 400)] {
        let body = json!({"token": token, "new_password": password});
        assert_eq!(life.post(client, "/auth/password/reset", body).await.status, status, "{password}");
    }
    let tokens = life.post(client, "/auth/login", json!({"email": EMAIL, "password": RESET})).await.tokens();
    for (current, status) in [(WRONG, 403), (RESET, 200)] {
        let body = json!({"current_password": current, "new_password": CHANGED});
        let request = client.request(Method::POST, "/auth/password/change").bearer_auth(&tokens.access);
        let answer = client.send(request.json(&body)).await;
        life.note(&answer);
        assert_eq!(answer.status, status);
    }
}

/// The password where it does not belong.
async fn send_nonsense(client: &Client, life: &mut Life) {
    for path in [
        "/auth/register",
        "/auth/login",
        "/auth/refresh",
        "/auth/verify-email",
        "/auth/password/forgot",
        "/auth/password/reset",
        "/auth/password/change",
    ] {
        for body in [
            json!({"email": EMAIL, "password": [PASSWORD], "name": {"first": PASSWORD}, "code": [PASSWORD]}),
            json!({"email": PASSWORD, "password": PASSWORD, "name": PASSWORD, "username": PASSWORD, "phone": PASSWORD}),
            json!({"email": EMAIL, "password": PASSWORD, "secret": PASSWORD, "refresh_token": [PASSWORD]}),
            json!({"email": EMAIL, "password": PASSWORD, "code": PASSWORD, "name": format!("\0{PASSWORD}")}),
            json!({"token": PASSWORD, "new_password": PASSWORD, "current_password": [PASSWORD]}),
            json!({"token": PASSWORD, "new_password": WEAK}),
            json!([PASSWORD]),
            json!(PASSWORD),
        ] {
            life.post(client, path, body).await;
        }
        for text in [
            format!("{{\"password\":\"{PASSWORD}"),
            format!("password={PASSWORD}"),
            format!("{{\"password\":{PASSWORD}}}"),
        ] {
            let request = client
                .request(Method::POST, path)
                .header("Content-Type", "application/json")
                .body(text.clone());
            life.note(&client.send(request).await);
            let request = client.request(Method::POST, path).header("Content-Type", PASSWORD).body(text);
            life.note(&client.send(request).await);
        }
        let request =
            client.request(Method::POST, path).basic_auth(EMAIL, Some(PASSWORD)).header("Cookie", PASSWORD);
        life.note(
            &client.send(request.header("X-Request-Id", format!("!{PASSWORD}")).json(&json!({}))).await,
        );
    }
}

fn quiet_server() -> Server {
    Server::start_with(&[
        ("LOG_LEVEL", "trace"),
        ("MASTER_KEY", MASTER_KEY),
        ("REFRESH_REUSE_LEEWAY_SECONDS", "0"),
    ])
}

/// The log without its times, whose fractions are six digits too.
fn log_without_times(server: &Server) -> String {
    let lines = server.log();
    let lines = lines.lines().map(|line| {
        let mut line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not a log line: {line}"));
        line.as_object_mut().expect("an object").remove("timestamp").expect("a time");
        line.to_string()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether the bytes hold a text; `as_word` when nothing that belongs to a longer word or to a time's fraction is beside it.
fn holds(bytes: &[u8], text: &str, as_word: bool) -> bool {
    let within =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b".-".contains(byte));
    bytes.windows(text.len()).enumerate().any(|(place, window)| {
        let before = place.checked_sub(1).and_then(|place| bytes.get(place));
        window == text.as_bytes() && !(as_word && (within(before) || within(bytes.get(place + text.len()))))
    })
}

#[track_caller]
fn expect_nothing_of(life: &Life, bytes: &[u8], place: &str) {
    for secret in &life.secrets {
        assert!(!holds(bytes, secret, false), "{place} holds {secret}");
    }
    for code in &life.codes {
        assert!(!holds(bytes, code, true), "{place} holds the code {code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_line_holds_a_password_a_token_a_code_or_a_key_and_persons_are_masked() {
    let server = quiet_server();
    let life = live(&server).await;
    let log = log_without_times(&server);
    assert!(log.contains("j***@example.com"), "the mail's line names its receiver:\n{log}");
    assert!(log.contains(r#""level":"DEBUG""#), "debug lines are there:\n{log}");
    expect_nothing_of(&life, log.as_bytes(), "the log");
    for personal in [LOCAL_PART, NAME, "Quietword", PHONE, USERNAME] {
        assert!(!log.contains(personal), "the log holds {personal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_repeats_a_password_a_token_a_code_or_a_key() {
    let server = quiet_server();
    let life = live(&server).await;
    assert!(life.errors.len() > 40, "{}", life.errors.len());
    for error in &life.errors {
        expect_nothing_of(&life, error.as_bytes(), error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_holds_no_password_token_code_or_key() {
    let mut server = quiet_server();
    let life = live(&server).await;
    let read = |server: &Server| {
        let files = ["portcullis.db", "portcullis.db-wal"]
            .map(|name| fs::read(server.data().join(name)).unwrap_or_default());
        files.concat()
    };
    let running = read(&server);
    assert!(holds(&running, EMAIL, false), "what is looked for would be found");
    expect_nothing_of(&life, &running, "the running database");
    assert!(server.stop().success());
    expect_nothing_of(&life, &read(&server), "the closed database");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_hold_nothing_that_says_who_it_was() {
    let server = quiet_server();
    live(&server).await;
    let events = crate::database::query(
        &server.data().join("portcullis.db"),
        "SELECT data || hex(personal) FROM events",
    );
    assert!(events.lines().count() > 8, "{events}");
    for personal in [LOCAL_PART, "Quietword", PHONE, USERNAME, "127.0.0.1"] {
        let hex = personal.bytes().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().concat();
        assert!(!events.contains(personal) && !events.contains(&hex), "an event holds {personal}:\n{events}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_their_owner_can_read_the_data_the_key_and_the_mails() {
    let server = Server::start();
    let client = Client::of(&server);
    client.register(EMAIL).await.expect(201);
    server.mailed_code(EMAIL);
    let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(&server.data()), 0o700);
    assert_eq!(mode(&server.data().join("master.key")), 0o600);
    for mail in fs::read_dir(server.data().join("mail")).expect("mails") {
        assert_eq!(mode(&mail.expect("a mail").path()), 0o600);
    }
}
