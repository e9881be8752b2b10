//! A database file under the hands of somebody who knows how the service keeps its log.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::outcome;
use crate::{client::Client, database, server::Server};

const UNLOCKED: &str = "DROP TRIGGER events_are_not_updated; DROP TRIGGER events_are_not_deleted; DROP TRIGGER events_are_not_replaced;
    DROP TRIGGER checkpoints_are_not_updated; DROP TRIGGER checkpoints_are_not_deleted; DROP TRIGGER checkpoints_are_not_replaced;
    PRAGMA foreign_keys = OFF;";

/// What makes any event another one, by its column; `?` is a number that was drawn.
const CHANGES: [&str; 14] = [
    "position = 100000 + ?",
    "id = randomblob(16)",
    "stream_id = randomblob(16)",
    "stream_kind = iif(stream_kind = 'user', 'company', 'user')",
    "version = version + 100000 + ?",
    "type = type || 'x'",
    "schema_version = schema_version + ?",
    "actor_kind = 'api_key'",
    "actor_id = randomblob(16)",
    "data = data || ' '",
    "personal = randomblob(1 + ?)",
    "recorded_at = recorded_at + ?",
    "prev_hash = randomblob(32)",
    "hash = randomblob(32)",
];

const CHECKPOINT_CHANGES: [&str; 9] = [
    "transaction_id = transaction_id + ?",
    "position = position + ?",
    "event_count = event_count + ?",
    "running_hash = randomblob(32)",
    "previous = randomblob(32)",
    "made_at = made_at + ?",
    "key_id = key_id || 'x'",
    "signature = randomblob(64)",
    "leaves = randomblob(32)",
];

/// A hundredth of what is asked for.
#[expect(
    clippy::disallowed_methods,
    reason = "a heavy proof is told by the environment how heavy it is to be"
)]
fn rounds() -> usize {
    std::env::var("TAMPERINGS").ok().map_or(24, |text| text.parse::<usize>().expect("a number") / 100)
}

/// The verdict on a copy of the database on which this was done.
fn verdict(server: &Server, copy: &Path, sql: &str) -> String {
    fs::copy(server.data().join("portcullis.db"), copy).expect("a copy");
    database::query(copy, &format!("{UNLOCKED}{sql}"));
    let url = format!("sqlite:{}", copy.display());
    let output = server.command(&["audit", "verify"]).env("DATABASE_URL", url).output().expect("it runs");
    let (code, _, complaint) = outcome(&output);
    assert_eq!(code, Some(1), "not found: {sql}: {complaint}");
    assert!(complaint.contains("the audit log is broken"), "{sql}: {complaint}");
    complaint
}

/// A stopped service whose whole log is signed.
async fn signed() -> Server {
    let settings = [
        ("RATE_LIMIT_ENABLED", "false"),
        ("CHECKPOINT_EVERY_EVENTS", "5"),
        ("CHECKPOINT_EVERY_SECONDS", "3600"),
    ];
    let mut server = Server::start_on(&settings);
    let client = Client::of(&server);
    for person in 0..6 {
        let tokens = client.signed_in(&server, &format!("person{person}@example.com")).await;
        client.logout(&tokens.access).await.expect(200);
    }
    super::printed(&server, &["audit", "export", "log.jsonl"]);
    assert!(server.stop().success());
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_done_to_a_database_file_is_found() {
    let server = signed().await;
    let path = server.data().join("portcullis.db");
    let copy: PathBuf = server.folder().join("copy.db");
    let number = |sql: &str| database::query(&path, sql).trim().parse::<usize>().expect("a number");
    let (events, checkpoints) =
        (number("SELECT count(*) FROM events"), number("SELECT count(*) FROM checkpoints"));
    for round in 0..rounds() {
        // Another in each round, and the same in each run.
        let drawn = 1 + round * 7_919 % 997;
        let event =
            format!("(SELECT position FROM events ORDER BY position LIMIT 1 OFFSET {})", drawn % events);
        let sql = match round % 4 {
            0 | 1 => {
                let change = CHANGES[drawn % CHANGES.len()].replace('?', &drawn.to_string());
                format!("UPDATE events SET {change} WHERE position = {event}")
            }
            2 => {
                let change = CHECKPOINT_CHANGES[drawn % CHECKPOINT_CHANGES.len()];
                let change = change.replace('?', &drawn.to_string());
                format!("UPDATE checkpoints SET {change} WHERE number = {}", 1 + drawn % checkpoints)
            }
            _ => format!("DELETE FROM events WHERE position = {event}"),
        };
        verdict(&server, &copy, &sql);
    }
    // With the heads set back, and so without a trace but for the checkpoints.
    let cut = "DELETE FROM events WHERE position > 20; DELETE FROM streams;
        INSERT INTO streams SELECT stream_id, stream_kind, version, hash FROM events AS newest
        WHERE version = (SELECT max(version) FROM events WHERE stream_id = newest.stream_id)";
    let complaint = verdict(&server, &copy, cut);
    assert!(complaint.contains("event number 21") && complaint.contains("cut off"), "{complaint}");
    let output = server.command(&["audit", "verify"]).output().expect("it runs");
    assert!(output.status.success(), "no false alarm");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_itself_refuses_to_change_or_delete_a_checkpoint() {
    let server = signed().await;
    for sql in [
        "UPDATE checkpoints SET key_id = 'x'",
        "DELETE FROM checkpoints",
        "REPLACE INTO checkpoints SELECT * FROM checkpoints LIMIT 1",
    ] {
        let refused = std::panic::catch_unwind(|| database::query(&server.data().join("portcullis.db"), sql));
        assert!(refused.is_err(), "{sql}");
    }
}
