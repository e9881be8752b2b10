use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::{outcome, printed, run};
use crate::{
    client::{Client, PASSWORD},
    server::{Server, portcullis},
};

/// A service with a few lives in its log, one of them erased.
pub(super) async fn used() -> Server {
    let server = Server::start_with(&[
        ("RATE_LIMIT_ENABLED", "false"),
        ("CHECKPOINT_EVERY_EVENTS", "4"),
        ("CHECKPOINT_EVERY_SECONDS", "3600"),
    ]);
    let client = Client::of(&server);
    for person in 0..6 {
        let tokens = client.signed_in(&server, &format!("person{person}@example.com")).await;
        client.put("/users/me", &tokens.access, &json!({"name": "J\u{e4}ne"})).await.expect(200);
        if person == 2 {
            let erasure = client.request(reqwest::Method::DELETE, "/users/me").bearer_auth(&tokens.access);
            let answer = client.send(erasure.json(&json!({"password": PASSWORD}))).await;
            assert!(answer.status == 200 || answer.status == 204, "{:#}", answer.body);
        }
    }
    server
}

/// An export and the keys to check it with.
pub(super) fn exported(server: &Server) -> (PathBuf, PathBuf) {
    let (file, keys) = (server.folder().join("log.jsonl"), server.folder().join("keys.txt"));
    printed(server, &["audit", "export", &file.display().to_string()]);
    fs::write(&keys, printed(server, &["audit", "keys"])).expect("written");
    (file, keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_checked_elsewhere_with_nothing_but_the_public_keys() {
    let server = used().await;
    let (file, keys) = exported(&server);
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::copy(&file, elsewhere.path().join("log.jsonl")).expect("a copy");
    fs::copy(&keys, elsewhere.path().join("keys.txt")).expect("a copy");
    let verify = ["audit", "verify", "--file", "log.jsonl", "--keys", "keys.txt"];
    let (code, report, complaint) =
        outcome(&portcullis(elsewhere.path()).args(verify).output().expect("it runs"));
    assert_eq!(code, Some(0), "{complaint}");
    let text = fs::read_to_string(&file).expect("an export");
    let events = text.lines().filter(|line| line.starts_with("{\"event\"")).count();
    assert!(report.starts_with(&format!("intact: {events} events on 6 streams\n")), "{report}");
    assert!(report.contains(&format!("cover {events} of the events")), "{report}");
    assert_eq!(fs::read_dir(elsewhere.path()).expect("a folder").count(), 2, "nothing was made");

    // What the export says of itself: where it ends, and of what keys; nothing of anybody in clear.
    let header: Value = serde_json::from_str(text.lines().next().expect("a header")).expect("JSON");
    assert_eq!(header["export"]["events"], events);
    assert!(!text.contains("@example.com") && !text.contains("J\u{e4}ne"), "personal data in clear");
    let beside = server.command(&["audit", "verify"]).output().expect("it runs");
    assert!(beside.status.success(), "the store is covered by the same checkpoints");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_overwrites_nothing_and_can_be_written_to_a_pipe() {
    let server = used().await;
    let (file, _) = exported(&server);
    let path = file.display().to_string();
    let (code, _, complaint) = run(&server, &["audit", "export", &path]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("cannot be made"), "{complaint}");
    // Nothing has happened since: the same but for the time of writing.
    let piped = printed(&server, &["audit", "export", "-"]);
    let text = fs::read_to_string(&file).expect("an export");
    assert!(piped.lines().skip(1).eq(text.lines().skip(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_breaks_neither_the_database_nor_an_export() {
    let server = used().await;
    let client = Client::of(&server);
    let before = exported(&server);
    let tokens = client.login("person4@example.com", PASSWORD).await.tokens();
    let erasure = client.request(reqwest::Method::DELETE, "/users/me").bearer_auth(&tokens.access);
    client.send(erasure.json(&json!({"password": PASSWORD}))).await;
    client.login("person4@example.com", PASSWORD).await.expect_error(401, "USER_1001");
    printed(&server, &["audit", "verify"]);
    for (file, keys) in [before, {
        let file = server.folder().join("after.jsonl");
        printed(&server, &["audit", "export", &file.display().to_string()]);
        (file, server.folder().join("keys.txt"))
    }] {
        let (file, keys) = (file.display().to_string(), keys.display().to_string());
        printed(&server, &["audit", "verify", "--file", &file, "--keys", &keys]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_without_keys_to_trust_is_a_wrong_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = portcullis(folder.path()).args(["audit", "verify", "--file", "log.jsonl"]).output();
    assert_eq!(output.expect("it runs").status.code(), Some(2));
}
