//! SQLite: every byte of the database and its write-ahead log.

use std::{
    fs,
    time::{Duration, Instant},
};

use serde_json::json;

use super::person::{EULALIA, LAST_PASSWORD, OTTOKAR, Person, SETTINGS, crowd};
use crate::{client::Client, database, race::intact, replay::unfinished, server::Server};

const PATIENCE: Duration = Duration::from_secs(30);

/// Every file that the service keeps: the database, its log, and the mails beside them.
fn files(server: &Server) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut folders = vec![server.data()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                // One that was there a moment ago holds nothing.
                _ => bytes.extend(fs::read(entry.path()).unwrap_or_default()),
            }
        }
    }
    bytes.to_ascii_lowercase()
}

/// What of somebody's these bytes hold.
fn marks_in(bytes: &[u8], person: &Person) -> Vec<&'static str> {
    let holds = |mark: &&str| bytes.windows(mark.len()).any(|part| part == mark.as_bytes());
    person.marks.into_iter().filter(holds).collect()
}

/// Every row of every table, as text.
fn rows(server: &Server) -> String {
    let path = server.data().join("portcullis.db");
    let tables = database::query(&path, "SELECT name FROM sqlite_schema WHERE type = 'table'");
    let select = |table: &str| {
        let sql =
            format!("SELECT group_concat('quote(' || name || ')', ',') FROM pragma_table_info('{table}')");
        let columns = database::query(&path, &sql);
        database::query(&path, &format!("SELECT {} FROM {table}", columns.trim()))
    };
    tables.lines().map(select).collect::<String>().to_lowercase()
}

/// Has every row made anew.
fn replay(server: &Server) {
    let replayed = server.command(&["replay"]).output().expect("it runs");
    let text = String::from_utf8_lossy(&replayed.stdout);
    assert!(text.contains("rows: identical"), "{text}{}", String::from_utf8_lossy(&replayed.stderr));
}

/// Waits until the files hold nothing of somebody: what a commit left behind is scrubbed right after it.
fn expect_nothing_of(server: &Server, person: &Person) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = marks_in(&files(server), person);
        if found.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "the files hold {found:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_byte_of_the_database_or_its_log_holds_anything_of_the_erased() {
    let mut server = Server::start_on(&SETTINGS);
    let client = Client::of(&server);
    let admin = client.admin(&server, "admin@example.com").await;
    crowd(&client, "before", 60).await;
    let own = OTTOKAR.live(&server, &client, &admin).await;
    let by_admin = EULALIA.live(&server, &client, &admin).await;
    // Pages fill and split: what is erased lies where it was moved to, and must not lie where it was moved from.
    crowd(&client, "after", 120).await;
    for person in [&OTTOKAR, &EULALIA] {
        assert_eq!(marks_in(&files(&server), person), person.marks, "what is looked for would be found");
        let rows = rows(&server);
        assert!(person.marks.iter().all(|mark| rows.contains(mark)), "it would be found in the rows, too");
    }

    // Rows are made anew, and lie beside those in use where that is not finished.
    replay(&server);
    unfinished::leave(&server, None).await;
    assert!(unfinished::is_there(&server, None).await);

    OTTOKAR.erase(&client, &own, Some(json!({"password": LAST_PASSWORD}))).await.expect(200);
    expect_nothing_of(&server, &OTTOKAR);
    assert_eq!(marks_in(&files(&server), &EULALIA), EULALIA.marks);
    replay(&server);
    expect_nothing_of(&server, &OTTOKAR);
    unfinished::leave(&server, None).await;
    client.delete(&format!("/users/{}", by_admin.id), &admin.access).await.expect(200);
    expect_nothing_of(&server, &EULALIA);

    assert!(server.stop().success());
    let (files, rows) = (files(&server), rows(&server));
    for person in [&OTTOKAR, &EULALIA] {
        assert_eq!(marks_in(&files, person), [""; 0]);
        person.expect_unnamed_in(&server.log());
        assert!(person.marks.iter().all(|mark| !rows.contains(mark)));
    }
    assert!(rows.contains("before.59@example.com") && rows.contains("after.119@example.com"));
    intact(&server);
    // Nor does a replay bring anything back.
    replay(&server);
    let (files, rows) = (self::files(&server), self::rows(&server));
    for person in [&OTTOKAR, &EULALIA] {
        assert_eq!(marks_in(&files, person), [""; 0]);
        assert!(person.marks.iter().all(|mark| !rows.contains(mark)));
    }
    // The service starts on what is left.
    server.restart();
    let client = Client::of(&server);
    client.register(OTTOKAR.email).await.expect(201);
    intact(&server);
}
