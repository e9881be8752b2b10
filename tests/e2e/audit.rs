//! `audit verify` finds whatever was done to the log behind the service's back.

use std::{fs, path::PathBuf, process::Output};

use crate::{client::Client, database, server::Server};

const UNLOCKED: &str = "DROP TRIGGER events_are_not_updated; DROP TRIGGER events_are_not_deleted; DROP TRIGGER events_are_not_replaced;";

/// A service that has ended, and has the lives of three people in its log.
async fn used() -> Server {
    // No checkpoint comes between, and none at the end as of a service that is stopped: these verdicts rest on the chains alone.
    let mut server = Server::start_with(&[("CHECKPOINT_EVERY_SECONDS", "86400")]);
    let client = Client::of(&server);
    for email in ["jane@example.com", "other@example.com", "third@example.com"] {
        let tokens = client.signed_in(&server, email).await;
        client.logout(&tokens.access).await.expect(200);
    }
    server.kill();
    // Into the one file that is copied.
    database::query(&server.data().join("portcullis.db"), "PRAGMA wal_checkpoint(TRUNCATE)");
    server
}

fn verify(server: &Server, settings: &[(&str, &str)]) -> Output {
    server.command(&["audit", "verify"]).envs(settings.iter().copied()).output().expect("it runs")
}

/// The verdict on a copy of the database on which this was done.
fn verdict_after(server: &Server, name: &str, sql: &str) -> String {
    let copy: PathBuf = server.folder().join(format!("{name}.db"));
    fs::copy(server.data().join("portcullis.db"), &copy).expect("a copy");
    database::query(&copy, &format!("{UNLOCKED}{sql}"));
    let output = verify(server, &[("DATABASE_URL", &format!("sqlite:{}", copy.display()))]);
    let verdict = String::from_utf8(output.stderr).expect("text");
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]), "{name}: {verdict}");
    assert_eq!(verdict.lines().count(), 1, "{name}: {verdict}");
    verdict
}

/// An event of the middle stream, as it is written in verdicts: its stream, its version and its id.
struct Place {
    stream: String,
    version: u64,
    id: String,
}

fn uuid(hex: &str) -> String {
    let hex = hex.to_lowercase();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn place(server: &Server, version: u64) -> Place {
    let sql = format!(
        "SELECT hex(stream_id), hex(id) FROM events WHERE version = {version} ORDER BY position LIMIT 1 OFFSET 1"
    );
    let row = database::query(&server.data().join("portcullis.db"), &sql);
    let (stream, id) = row.trim().split_once('|').expect("two columns");
    Place { stream: stream.to_owned(), version, id: id.to_owned() }
}

impl Place {
    /// As a condition on rows.
    fn rows(&self) -> String {
        format!("id = x'{}'", self.id)
    }

    #[track_caller]
    fn expect_in(&self, verdict: &str) {
        let named =
            format!("stream {}, version {}, event {}", uuid(&self.stream), self.version, uuid(&self.id));
        assert!(verdict.contains(&named), "not {named} but: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intact_log_is_found_intact_beside_a_running_server_and_after_it() {
    let mut server = used().await;
    let count = |output: &Output| {
        let report = String::from_utf8(output.stdout.clone()).expect("text");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let words: Vec<_> = report.lines().next().unwrap_or_default().split_whitespace().collect();
        let ["intact:", events, "events", "on", streams, "streams"] = words[..] else { panic!("{report}") };
        (events.parse::<u64>().expect("a number"), streams.parse::<u64>().expect("a number"))
    };
    let stopped = count(&verify(&server, &[]));
    assert!(stopped.0 >= 15 && stopped.1 == 3, "{stopped:?}");
    server.restart();
    Client::of(&server).register("fourth@example.com").await.expect(201);
    let running = count(&verify(&server, &[]));
    assert!(running.0 > stopped.0 && running.1 == 4, "{running:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_which_any_one_field_was_changed_is_named() {
    let server = used().await;
    // A sign-in: its data say something.
    let place = place(&server, 4);
    for (column, value) in [
        ("type", "'user.unlocked'"),
        ("stream_kind", "'company'"),
        ("schema_version", "schema_version + 1"),
        ("actor_id", "randomblob(16)"),
        ("data", "'{}'"),
        ("data", "json_set(data, '$.x', 1)"),
        ("data", "data || ' '"),
        ("data", "replace(data, ':', ': ')"),
        ("data", "'not JSON'"),
        ("personal", "randomblob(length(personal))"),
        ("personal", "NULL"),
        ("recorded_at", "recorded_at + 1"),
        ("prev_hash", "randomblob(32)"),
        ("hash", "randomblob(32)"),
    ] {
        let sql = format!("UPDATE events SET {column} = {value} WHERE {}", place.rows());
        place.expect_in(&verdict_after(&server, column, &sql));
    }
    let renamed = format!("UPDATE events SET id = x'{}' WHERE {}", "AB".repeat(16), place.rows());
    Place { id: "AB".repeat(16), ..place }.expect_in(&verdict_after(&server, "id", &renamed));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_made_unreadable_is_named_by_its_place_in_the_log() {
    let server = used().await;
    let rows = place(&server, 3).rows();
    let database = server.data().join("portcullis.db");
    let position = database::query(&database, &format!("SELECT position FROM events WHERE {rows}"));
    // Neither is an actor that the service ever wrote.
    for actor in ["'system'", "'nobody'"] {
        let sql = format!("UPDATE events SET actor_kind = {actor} WHERE {rows}");
        let verdict = verdict_after(&server, "actor", &sql);
        assert!(verdict.contains("the audit log is broken"), "{verdict}");
        assert!(verdict.contains(&format!("position {}", position.trim())), "{verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_after_one_that_was_deleted_is_named() {
    let server = used().await;
    let sql = format!("DELETE FROM events WHERE {}", place(&server, 2).rows());
    place(&server, 3).expect_in(&verdict_after(&server, "deleted", &sql));
    let sql = format!("DELETE FROM events WHERE {}", place(&server, 1).rows());
    place(&server, 2).expect_in(&verdict_after(&server, "first", &sql));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_of_two_events_that_were_exchanged_is_named() {
    let server = used().await;
    let (one, other) = (place(&server, 2), place(&server, 3));
    let set = |place: &Place, version: u64| {
        format!("UPDATE events SET version = {version} WHERE {};", place.rows())
    };
    let sql = [set(&one, 1_000), set(&other, 2), set(&one, 3)].concat();
    Place { version: 3, ..one }.expect_in(&verdict_after(&server, "exchanged", &sql));

    // Their places in the log, with all of the rest kept.
    let (one, other) = (place(&server, 2), place(&server, 3));
    let position = |place: &Place| {
        let sql = format!("SELECT position FROM events WHERE {}", place.rows());
        database::query(&server.data().join("portcullis.db"), &sql).trim().to_owned()
    };
    let move_to = |place: &Place, position: &str| {
        format!("UPDATE events SET position = {position} WHERE {};", place.rows())
    };
    let sql = [move_to(&one, "1000000"), move_to(&other, &position(&one)), move_to(&one, &position(&other))]
        .concat();
    other.expect_in(&verdict_after(&server, "moved", &sql));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_was_cut_off_is_named_by_where_the_stream_should_end() {
    let server = used().await;
    let stream = place(&server, 1).stream;
    let path = server.data().join("portcullis.db");
    let version =
        database::query(&path, &format!("SELECT version FROM streams WHERE stream_id = x'{stream}'"));
    let head = format!("stream {}, version {}", uuid(&stream), version.trim());
    for (name, condition) in [
        ("newest", format!("version = {}", version.trim())),
        ("half", "version > 2".to_owned()),
        ("all", "1".to_owned()),
    ] {
        let sql = format!("DELETE FROM events WHERE stream_id = x'{stream}' AND {condition}");
        let verdict = verdict_after(&server, name, &sql);
        assert!(verdict.contains(&head) && verdict.contains("cut"), "not {head} but: {verdict}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_was_added_and_a_head_that_was_taken_away_are_found() {
    let server = used().await;
    let stream = place(&server, 1).stream;
    let columns = "stream_id, stream_kind, type, schema_version, actor_kind, actor_id, data, personal, recorded_at, prev_hash, hash";
    let added = format!(
        "INSERT INTO events (position, id, version, {columns}) SELECT 1000000, x'{}', version + 1, {columns} FROM events \
         WHERE stream_id = x'{stream}' ORDER BY version DESC LIMIT 1",
        "AB".repeat(16)
    );
    let verdict = verdict_after(&server, "added", &added);
    assert!(verdict.contains(&format!("event {}", uuid(&"AB".repeat(16)))), "{verdict}");
    let taken = format!("DELETE FROM streams WHERE stream_id = x'{stream}'");
    let verdict = verdict_after(&server, "headless", &format!("PRAGMA foreign_keys = OFF; {taken}"));
    assert!(verdict.contains(&uuid(&stream)) && verdict.contains("no head"), "{verdict}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_check_changes_nothing_and_makes_nothing() {
    let server = used().await;
    let path = server.data().join("portcullis.db");
    let before = fs::read(&path).expect("a database");
    assert!(verify(&server, &[]).status.success());
    assert!(fs::read(&path).expect("a database") == before);
    let empty = tempfile::tempdir().expect("a folder");
    let output = crate::server::portcullis(empty.path()).args(["audit", "verify"]).output().expect("it runs");
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.contains("DATABASE_URL") && line.contains("no database"), "{line}");
    assert_eq!(fs::read_dir(empty.path()).expect("a folder").count(), 0);
}
