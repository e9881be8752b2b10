//! Old months are moved out of the database. The months are real: the service is started with a clock that is behind.

use std::{fs, path::PathBuf, process::Command, time::Instant};

use serde_json::json;

use super::{printed, run};
use crate::{
    client::{Client, PASSWORD},
    server::{PATIENCE, Server},
};

/// Shifts the time of day, and no other clock, of whatever it is loaded into.
const SHIFT: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t id, struct timespec *time) {
    long result = syscall(SYS_clock_gettime, id, time);
    const char *days = getenv("SHIFT_DAYS");
    if (result == 0 && days && id == CLOCK_REALTIME) time->tv_sec += atol(days) * 86400;
    return (int)result;
}
"#;

/// The library, made with the compiler that the bundled SQLite needs anyhow.
fn shifting_library(folder: &std::path::Path) -> PathBuf {
    let (source, library) = (folder.join("shift.c"), folder.join("shift.so"));
    fs::write(&source, SHIFT).expect("written");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(made.expect("a C compiler").success(), "the library was not made");
    library
}

/// A service that began seventy days ago and is now in the present, with a person of then who has written and a person of now.
async fn of_long_ago() -> Server {
    let folder = tempfile::tempdir().expect("a folder");
    let library = shifting_library(folder.path()).display().to_string();
    let mut server = Server::start_with(&[
        ("RATE_LIMIT_ENABLED", "false"),
        ("CHECKPOINT_EVERY_EVENTS", "3"),
        ("CHECKPOINT_EVERY_SECONDS", "1"),
        ("LD_PRELOAD", &library),
        ("SHIFT_DAYS", "-70"),
    ]);
    let client = Client::of(&server);
    let jane = client.signed_in(&server, "jane@example.com").await;
    let stream = own_id(&client, &jane.access).await;
    for number in 0..5 {
        write(&client, &jane.access, &stream, number).await;
    }
    assert!(server.stop().success());
    server.set("SHIFT_DAYS", "0");
    server.restart();
    Client::of(&server).signed_in(&server, "joe@example.com").await;
    server
}

async fn write(client: &Client, access: &str, stream: &str, number: u32) {
    let event = json!({"stream_id": stream, "type": "order.placed", "data": {"number": number}});
    client.act("/stream/events", access, &event).await.expect(201);
}

async fn own_id(client: &Client, access: &str) -> String {
    client.get("/users/me", access).await.expect(200)["stream_id"].as_str().expect("an id").to_owned()
}

/// What the command prints once nobody has anything to read any more of what it would move.
fn archived(server: &Server, arguments: &[&str]) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (code, out, complaint) = run(server, arguments);
        match code {
            Some(0) => return out,
            _ if complaint.contains("has not read these events yet") && Instant::now() < deadline => {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            _ => panic!("{arguments:?}: {complaint}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn old_months_go_into_a_file_and_both_it_and_what_is_left_verify() {
    let mut server = of_long_ago().await;
    let before = printed(&server, &["audit", "verify"]);
    let path = server.folder().join("archive.jsonl");
    let file = path.display().to_string();
    let (code, _, complaint) = run(&server, &["audit", "archive", &file]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("EVENT_RETENTION is `forever`"), "{complaint}");
    assert!(!path.exists());

    server.set("EVENT_RETENTION", "1");
    let planned = archived(&server, &["audit", "archive", "--dry-run"]);
    assert!(planned.contains(" can be moved away"), "{planned}");
    assert_eq!(
        printed(&server, &["audit", "verify"]).lines().next(),
        before.lines().next(),
        "and nothing was"
    );
    let moved = archived(&server, &["audit", "archive", &file]);
    let count: u64 = moved.split(' ').next().expect("a word").parse().expect("a number");
    assert!(count >= 3 && moved.contains(&format!("{count} were deleted")), "{moved}");

    // What is left, and the file.
    let left = printed(&server, &["audit", "verify"]);
    assert!(left.contains(&format!("\n{count} events before them are in archives")), "{left}");
    assert!(left.contains("their signatures checked"), "{left}");
    let keys = server.folder().join("keys.txt");
    fs::write(&keys, printed(&server, &["audit", "keys"])).expect("written");
    let keys = keys.display().to_string();
    let offline = printed(&server, &["audit", "verify", "--file", &file, "--keys", &keys]);
    assert!(offline.starts_with(&format!("intact: {count} events")), "{offline}");
    assert_eq!(printed(&server, &["audit", "archive", "--dry-run"]), "nothing is older than 1 months\n");
    let export = server.folder().join("rest.jsonl").display().to_string();
    printed(&server, &["audit", "export", &export]);
    let rest = printed(&server, &["audit", "verify", "--file", &export, "--keys", &keys]);
    assert!(rest.contains(&format!("{count} events before them are in archives")), "{rest}");

    // Jane signs in and goes on where her stream was, also after a restart.
    server.restart();
    let again = Client::of(&server);
    let tokens = again.login("jane@example.com", PASSWORD).await.tokens();
    let access = tokens.access.as_str();
    let id = own_id(&again, access).await;
    let audit = again.get(&format!("/stream/audit/{id}"), access).await;
    let audit = audit.expect(200);
    assert_eq!(audit["check"]["verdict"], "intact", "{audit:#}");
    let archived_events = audit["check"]["archived_events"].as_u64().expect("a number");
    assert!(archived_events > 0, "{audit:#}");
    let first = &audit["items"][0];
    assert_eq!(first["version"], archived_events + 1);
    write(&again, access, &id, 6).await;
    let status = again.get(&format!("/stream/status/{id}"), access).await;
    assert!(status.expect(200)["version"].as_u64() > Some(archived_events + 1), "{:#}", status.body);
    printed(&server, &["audit", "verify"]);
}
