//! The key ring as an operator and other services see it: listed, published, rotated, and sealed by another master key.

use std::{fs, process::Command, time::Instant};

use reqwest::Method;
use serde_json::Value;

use crate::{
    client::{self, Answer, Client, PASSWORD, Tokens},
    server::{PATIENCE, Server},
};

const EMAIL: &str = "jane@example.com";
const UNVERIFIED: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
const MANY_SESSIONS: (&str, &str) = ("MAX_SESSIONS_PER_USER", "100");
const OLD_KEY: &str = "cXVpZXQtbWFzdGVyLWtleS1xdWlldC1tYXN0ZXIta2U=";
const NEW_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// What a command prints.
#[track_caller]
fn printed(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    assert!(output.status.success(), "{}", text(output.stderr));
    text(output.stdout)
}

/// What a command complains of.
#[track_caller]
fn complaint(command: &mut Command) -> String {
    let output = command.output().expect("it runs");
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).expect("text")
}

/// Each key's state and id, as `keys list` has them.
fn listed(server: &Server) -> Vec<(String, String)> {
    let list = printed(&mut server.command(&["keys", "list"]));
    let lines = list.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split_whitespace().collect();
        (columns[1].to_owned(), columns[2].to_owned())
    });
    lines.collect()
}

async fn published(client: &Client) -> Vec<Value> {
    let answer = client.send(client.request(Method::GET, "/auth/keys")).await;
    answer.expect(200)["keys"].as_array().expect("keys").clone()
}

fn text<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap_or_else(|| panic!("no {name}: {key}"))
}

/// The name of the key that signed a token, whatever its format.
pub(crate) fn kid(token: &str) -> String {
    let part = if token.starts_with("v4.") { token.rsplit('.').next() } else { token.split('.').next() };
    let bytes = data_encoding::BASE64URL_NOPAD.decode(part.expect("a part").as_bytes()).expect("base64");
    let part: serde_json::Value = serde_json::from_slice(&bytes).expect("JSON");
    part["kid"].as_str().expect("a kid").to_owned()
}

async fn registered(client: &Client) -> Tokens {
    client.register(EMAIL).await.expect(201);
    client.login(EMAIL, PASSWORD).await.tokens()
}

/// Signs in until another key signs, whichever process is asked: several times in turn.
async fn signed_by_another(client: &Client, before: &str) -> Tokens {
    let deadline = Instant::now() + PATIENCE;
    let mut in_turn = 0;
    loop {
        let tokens = client.login(EMAIL, PASSWORD).await.tokens();
        in_turn = if kid(&tokens.access) == before { 0 } else { in_turn + 1 };
        if in_turn == 4 {
            return tokens;
        }
        assert!(Instant::now() < deadline, "the service does not notice the rotation");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_under_a_running_service_and_what_they_signed_stays_good() {
    let server = Server::start_with(&[UNVERIFIED, MANY_SESSIONS]);
    let client = Client::of(&server);
    let first = registered(&client).await;
    let before = listed(&server);
    assert_eq!(before.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(), ["active", "next"]);
    assert_eq!(kid(&first.access), before[0].1);

    let rotated = printed(&mut server.command(&["keys", "rotate"]));
    assert!(rotated.starts_with("rotated\n"), "{rotated}");
    let after = listed(&server);
    assert_eq!(after.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(), ["retired", "active", "next"]);
    assert_eq!(after[1].1, before[1].1, "the next key is the active one");

    let second = signed_by_another(&client, &before[0].1).await;
    assert_eq!(kid(&second.access), after[1].1);
    client.get("/auth/me", &first.access).await.expect(200);
    client.get("/auth/me", &second.access).await.expect(200);
    let refreshed = client.refresh(&first.refresh).await.tokens();
    assert_eq!(kid(&refreshed.access), after[1].1);
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_are_published_in_both_forms_and_to_be_cached() {
    let server = Server::start_with(&[UNVERIFIED, MANY_SESSIONS]);
    let client = Client::of(&server);
    let first = registered(&client).await;
    printed(&mut server.command(&["keys", "rotate"]));
    signed_by_another(&client, &kid(&first.access)).await;

    let keys = published(&client).await;
    let states: Vec<_> = keys.iter().map(|key| text(key, "status")).collect();
    assert_eq!(states, ["retired", "active", "next"]);
    assert!(
        keys[0]["not_after"].is_string() && keys[1]["not_after"].is_null() && keys[2]["not_after"].is_null()
    );
    let ids: Vec<_> = listed(&server).into_iter().map(|key| key.1).collect();
    assert_eq!(keys.iter().map(|key| text(key, "id")).collect::<Vec<_>>(), ids);

    let get = async |path: &str, known: Option<&str>| -> Answer {
        let request = client::http().get(format!("{}{path}", server.url()));
        let request = match known {
            Some(known) => request.header("If-None-Match", known),
            None => request,
        };
        client.send(request).await
    };
    let jwks = get("/.well-known/jwks.json", None).await;
    let jwks = jwks.expect(200)["keys"].as_array().expect("keys").clone();
    for (jwk, key) in jwks.iter().zip(&keys) {
        let members: Vec<_> = jwk.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(
            [text(jwk, "kty"), text(jwk, "crv"), text(jwk, "alg"), text(jwk, "use")],
            ["OKP", "Ed25519", "EdDSA", "sig"]
        );
        assert_eq!(text(key, "paserk"), format!("k4.public.{}", text(jwk, "x")));
        assert_eq!(text(key, "id"), text(jwk, "kid"));
    }
    assert_eq!(jwks.len(), keys.len());

    for path in ["/api/v1/auth/keys", "/.well-known/jwks.json"] {
        let answer = get(path, None).await;
        let header = |answer: &Answer, name: &str| answer.headers[name].to_str().expect("a text").to_owned();
        assert_eq!(header(&answer, "cache-control"), "public, max-age=300");
        let tag = header(&answer, "etag");
        for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}"), "*".to_owned()] {
            let again = get(path, Some(&known)).await;
            assert_eq!((again.status, &again.body), (304, &Value::Null), "{path} {known}");
            assert_eq!(header(&again, "etag"), tag);
        }
        get(path, Some("\"other\"")).await.expect(200);
    }
}

/// Everything of a person's is readable: the export opens what their data key seals.
async fn is_whole(client: &Client, email: &str) {
    let tokens = client.login(email, PASSWORD).await.tokens();
    let export = client.get("/users/me/export", &tokens.access).await;
    assert_eq!(export.expect(200)["user"]["email"], email);
    let events = export.body["events"].as_array().expect("events");
    assert!(events.iter().any(|event| event.to_string().contains(email)), "{:#}", export.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_in_the_data_folder_is_changed_and_the_old_one_kept_aside() {
    let mut server = Server::start_with(&[UNVERIFIED]);
    let client = Client::of(&server);
    let tokens = registered(&client).await;
    let file = server.data().join("master.key");
    let old = fs::read_to_string(&file).expect("a key");
    server.stop();

    let told = printed(&mut server.command(&["keys", "rewrap"]));
    assert!(told.starts_with("sealed 2 signing keys and 1 data keys with the new master key\n"), "{told}");
    let aside = told.split("is in ").nth(1).and_then(|rest| rest.split(": delete").next()).expect("a path");
    assert_eq!(fs::read_to_string(server.folder().join(aside)).expect("kept"), old);
    assert_ne!(fs::read_to_string(&file).expect("a key"), old);
    assert!(!server.data().join("master.key.previous").exists());

    server.restart();
    let client = Client::of(&server);
    is_whole(&client, EMAIL).await;
    client.get("/auth/me", &tokens.access).await.expect(200);
    client.refresh(&tokens.refresh).await.expect(200);
    let mut with_old = server.command(&["keys", "list"]);
    assert!(complaint(with_old.env("MASTER_KEY", old.trim())).contains("another master key"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_master_key_is_changed_under_running_services_that_have_both() {
    let other_way_round = [("MASTER_KEY", OLD_KEY), ("MASTER_KEY_PREVIOUS", NEW_KEY)];
    let [current, previous] = other_way_round;
    let server = Server::start_with(&[UNVERIFIED, MANY_SESSIONS, current, previous]);
    let client = Client::of(&server);
    let tokens = registered(&client).await;
    let rewrap = || {
        let mut command = server.command(&["keys", "rewrap"]);
        command.env("MASTER_KEY", NEW_KEY).env("MASTER_KEY_PREVIOUS", OLD_KEY);
        command
    };
    let told = printed(&mut rewrap());
    assert!(told.starts_with("sealed 2 signing keys and 1 data keys"), "{told}");
    // The running service opens what it did not seal, and seals what the next run seals anew.
    is_whole(&client, EMAIL).await;
    client.register("joe@example.com").await.expect(201);
    client.get("/auth/me", &tokens.access).await.expect(200);
    assert!(printed(&mut rewrap()).starts_with("sealed 0 signing keys and 1 data keys"));
    assert!(printed(&mut rewrap()).starts_with("sealed 0 signing keys and 0 data keys"));
    is_whole(&client, "joe@example.com").await;
    printed(server.command(&["keys", "list"]).env("MASTER_KEY", NEW_KEY).env_remove("MASTER_KEY_PREVIOUS"));
    let told = complaint(server.command(&["keys", "list"]).env_remove("MASTER_KEY_PREVIOUS"));
    assert!(told.contains("another master key"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_master_key_that_is_killed_is_finished_by_the_next_run() {
    let mut server = Server::start_with(&[UNVERIFIED, ("MASTER_KEY", OLD_KEY)]);
    let client = Client::of(&server);
    registered(&client).await;
    let people: String = (0..600)
        .fold("email,name\n".to_owned(), |all, number| format!("{all}person{number}@example.com,Jane Doe\n"));
    fs::write(server.folder().join("people.csv"), people).expect("a file");
    printed(&mut server.command(&["import", "users", "people.csv"]));
    server.stop();

    // At whatever moment: not begun, halfway or done, each run goes on from there.
    for delay in [0, 20, 40, 60, 80, 120, 160, 240] {
        let mut command = server.command(&["keys", "rewrap"]);
        let mut child = command
            .env("MASTER_KEY", NEW_KEY)
            .env("MASTER_KEY_PREVIOUS", OLD_KEY)
            .spawn()
            .expect("it starts");
        tokio::time::sleep(std::time::Duration::from_millis(delay)).await;
        child.kill().expect("it can be killed");
        child.wait().expect("it ends");
        printed(server.command(&["keys", "list"]).env("MASTER_KEY_PREVIOUS", NEW_KEY));
    }
    let mut rewrap = server.command(&["keys", "rewrap"]);
    printed(rewrap.env("MASTER_KEY", NEW_KEY).env("MASTER_KEY_PREVIOUS", OLD_KEY));
    let mut keys = server.command(&["keys", "list"]);
    assert!(complaint(&mut keys).contains("another master key"));

    server.set("MASTER_KEY", NEW_KEY);
    server.restart();
    is_whole(&Client::of(&server), EMAIL).await;
    let export = printed(&mut server.command(&["export", "users"]));
    assert_eq!(export.lines().filter(|line| line.contains("person")).count(), 600);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_master_key_wants_both_keys_and_the_right_ones() {
    let mut server = Server::start_with(&[UNVERIFIED, ("MASTER_KEY", OLD_KEY)]);
    server.stop();
    let told = complaint(&mut server.command(&["keys", "rewrap"]));
    assert!(told.contains("MASTER_KEY_PREVIOUS"), "{told}");
    let mut wrong = server.command(&["keys", "rewrap"]);
    let told = complaint(wrong.env("MASTER_KEY", NEW_KEY).env("MASTER_KEY_PREVIOUS", NEW_KEY));
    assert!(told.contains("another master key"), "{told}");
    server.restart();
}
