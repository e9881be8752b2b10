//! Rows are rebuilt from the log beside a service that is in use, and are what they were, to the byte.

mod long;
pub(crate) mod unfinished;

use std::{
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use crate::{
    client::{Client, PASSWORD},
    server::{Server, StoreSql},
};

const FREE: &[(&str, &str)] = &[
    ("RATE_LIMIT_ENABLED", "false"),
    ("ENABLE_EMAIL_VERIFICATION", "false"),
    ("MAX_SESSIONS_PER_USER", "100"),
];

/// A service with companies, people of every kind, and some who are gone.
async fn used() -> Server {
    let server = Server::start_with(FREE);
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    let company = json!({
        "email": "owner@example.com", "password": PASSWORD, "name": "Smith & Sons, Inc.", "business_number": "123-45-67890",
    });
    let founded = client.post("/auth/register/company", &company).await;
    let company = founded.expect(201)["company"]["id"].clone();
    let owner = client.login("owner@example.com", PASSWORD).await.tokens();
    for (member, more) in [
        ("asking@example.com", json!({"company_id": company})),
        ("invited@example.com", {
            let invited =
                client.act("/companies/me/invitations", &owner.access, &json!({"role": "manager"})).await;
            json!({"invitation_code": invited.expect(201)["invitation_code"]})
        }),
    ] {
        let mut body = json!({"email": member, "password": PASSWORD, "name": "Jane Doe"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        client.post("/auth/register/user", &body).await.expect(201);
    }
    for name in ["reports", "exports", "imports"] {
        let feature = json!({"name": name, "description": "What is asked for."});
        client.act("/feature", &admin.access, &feature).await.expect(201);
    }
    client.put("/feature/exports", &admin.access, &json!({"enabled": false})).await.expect(200);
    client.delete("/feature/imports", &admin.access).await.expect(200);
    for tokens in [&owner, &admin] {
        client.act("/api_key/generate", &tokens.access, &json!({"name": "ci"})).await.expect(201);
    }
    for person in 0..8 {
        let email = format!("person{person}@example.com");
        client.register(&email).await.expect(201);
        let tokens = client.login(&email, PASSWORD).await.tokens();
        let change = json!({"name": format!("Jane {person} \u{c4}"), "username": format!("name{person}")});
        client.put("/users/me", &tokens.access, &change).await.expect(200);
        let id = client.get("/auth/me", &tokens.access).await.body["user"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let noted = json!({"stream_id": id, "metadata": {"label": {"n": person, "\u{c4}": [1.5, null]}}});
        client.put("/stream/metadata", &tokens.access, &noted).await.expect(200);
        client.act("/stream/snapshots", &tokens.access, &json!({"stream_id": id})).await.expect(201);
        match person % 4 {
            0 => drop(client.act(&format!("/users/{id}/deactivate"), &admin.access, &json!({})).await),
            1 => drop(
                client.put(&format!("/users/{id}/role"), &admin.access, &json!({"role": "moderator"})).await,
            ),
            2 => drop(client.delete(&format!("/users/{id}"), &admin.access).await),
            _ => drop(client.logout(&tokens.access).await),
        }
    }
    server
}

fn outcome(output: &Output) -> (Option<i32>, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout) + &text(&output.stderr))
}

fn run(server: &Server, arguments: &[&str]) -> (Option<i32>, String) {
    outcome(&server.command(arguments).output().expect("it runs"))
}

#[track_caller]
fn identical(server: &Server, arguments: &[&str]) -> String {
    let (code, text) = run(server, arguments);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("rows: identical"), "{text}");
    text
}

macro_rules! all_of {
    ($($table:literal: $sqlite:literal)+) => {
        [$(($table, StoreSql {
            sqlite: $sqlite,
            postgres: concat!("SELECT kept::text FROM ", $table, " AS kept ORDER BY 1"),
        })),+]
    };
}

/// All rows that a replay makes or must leave, as text.
async fn dump(server: &Server) -> Vec<String> {
    let mut all = Vec::new();
    for (table, sql) in all_of![
        "users": "SELECT hex(id), version, email, email_folded, username, name, name_folded, phone, role, is_active, is_verified, unlocks,
            created_at, updated_at, last_login_at FROM users ORDER BY 1"
        "companies": "SELECT hex(id), version, name, business_number, is_active, created_at, updated_at FROM companies ORDER BY 1"
        "members": "SELECT hex(user_id), hex(company_id), role, status, joined_at FROM members ORDER BY 1"
        "claims": "SELECT key, hex(owner) FROM claims ORDER BY 1"
        "credentials": "SELECT hex(user_id), password_hash, changed_at FROM credentials ORDER BY 1"
        "sessions": "SELECT hex(id), hex(user_id), generation, created_at, expires_at FROM sessions ORDER BY 1"
        "features": "SELECT hex(id), name, description, enabled, required_role, hex(company_id), created_at, updated_at FROM features ORDER BY 1"
        "api_keys": "SELECT hex(id), owner_kind, hex(owner_id), name, prefix, hex(secret_hash), features, created_at, expires_at FROM api_keys ORDER BY 1"
        "stream_states": "SELECT hex(stream_id), kind, is_active, metadata, last_snapshot FROM stream_states ORDER BY 1"
        "invitations": "SELECT hex(id), hex(company_id), role, language, hex(invited_by), created_at FROM invitations ORDER BY 1"
    ] {
        all.push(format!("{table}: {}", server.query(&sql).await));
    }
    all
}

/// Does to the database what nobody should.
async fn tamper(server: &Server, sql: &'static str) {
    server.query(&StoreSql { sqlite: sql, postgres: sql }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_arrives_at_the_rows_that_were_there() {
    let mut server = used().await;
    assert!(server.stop().success());
    let before = dump(&server).await;
    let checked = identical(&server, &["replay", "--check"]);
    assert!(checked.contains("users") && checked.contains("claims"), "{checked}");
    let replayed = identical(&server, &["replay"]);
    assert!(replayed.contains("left as they are"), "{replayed}");
    assert_eq!(dump(&server).await, before);
    server.restart();
    Client::of(&server).login("person3@example.com", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_somebody_changed_are_put_right() {
    let mut server = used().await;
    assert!(server.stop().success());
    let before = dump(&server).await;
    tamper(&server, "UPDATE users SET role = 'admin' WHERE email = 'person3@example.com'").await;
    tamper(&server, "DELETE FROM claims WHERE key = 'email:person3@example.com'").await;
    let (code, text) = run(&server, &["replay", "--check"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("not identical, and left as they are"), "{text}");
    let (code, text) = run(&server, &["replay"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("now they are what the log says"), "{text}");
    assert_eq!(dump(&server).await, before);
    identical(&server, &["replay", "--check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_beside_a_service_in_use_loses_nothing() {
    let server = Arc::new(used().await);
    let (stop, signed_up) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let traffic = {
        let (server, stop, signed_up) = (Arc::clone(&server), Arc::clone(&stop), Arc::clone(&signed_up));
        tokio::spawn(async move {
            let client = Client::of(&server);
            let admin = client.login("admin@example.com", PASSWORD).await.tokens();
            while !stop.load(Ordering::Relaxed) {
                let number = signed_up.load(Ordering::Relaxed);
                let email = format!("later{number}@example.com");
                client.register(&email).await.expect(201);
                client.login(&email, PASSWORD).await.expect(200);
                // Whoever was there is there at every moment.
                let found = client.get("/users?q=person3", &admin.access).await;
                assert_eq!(found.expect(200)["items"].as_array().map(Vec::len), Some(1));
                signed_up.store(number + 1, Ordering::Relaxed);
            }
        })
    };
    for _ in 0..3 {
        let beside = Arc::clone(&server);
        let replayed = tokio::task::spawn_blocking(move || run(&beside, &["replay"])).await.expect("it runs");
        assert_eq!(replayed.0, Some(0), "{}", replayed.1);
        assert!(replayed.1.contains("rows: identical"), "{}", replayed.1);
    }
    while signed_up.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    traffic.await.expect("nothing was refused");
    let client = Client::of(&server);
    for number in 0..signed_up.load(Ordering::Relaxed) {
        client.login(&format!("later{number}@example.com"), PASSWORD).await.expect(200);
    }
    identical(&server, &["replay", "--check"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_that_was_killed_is_gone_on_with() {
    let server = used().await;
    let before = dump(&server).await;
    unfinished::leave(&server, server.place()).await;
    let text = identical(&server, &["replay"]);
    assert!(text.starts_with("went on with a replay that was not finished\nreplayed 0 events\n"), "{text}");
    assert_eq!(dump(&server).await, before);
    for milliseconds in [20, 60, 120, 200, 300] {
        let mut command: Command = server.command(&["replay"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        child.kill().ok();
        child.wait().expect("it ends");
    }
    identical(&server, &["replay"]);
    assert_eq!(dump(&server).await, before);
    assert!(!unfinished::is_there(&server, server.place()).await, "nothing is left beside");
}

#[tokio::test(flavor = "multi_thread")]
async fn scrubbing_takes_away_what_an_unfinished_replay_left() {
    let server = used().await;
    unfinished::leave(&server, server.place()).await;
    assert!(unfinished::is_there(&server, server.place()).await);
    let (_, text) = run(&server, &["scrub"]);
    assert!(!unfinished::is_there(&server, server.place()).await, "{text}");
}
