use std::{
    fs,
    time::{Duration, Instant},
};

use super::{covered, printed, run};
use crate::{
    client::Client,
    server::{PATIENCE, Server},
};

const SOON: &[(&str, &str)] = &[
    ("CHECKPOINT_EVERY_SECONDS", "1"),
    ("RATE_LIMIT_ENABLED", "false"),
    ("ENABLE_EMAIL_VERIFICATION", "false"),
];
const EVERY_THREE: &[(&str, &str)] = &[
    ("CHECKPOINT_EVERY_EVENTS", "3"),
    ("CHECKPOINT_EVERY_SECONDS", "3600"),
    ("RATE_LIMIT_ENABLED", "false"),
    ("ENABLE_EMAIL_VERIFICATION", "false"),
];

/// Until the checkpoints are as they should be.
async fn eventually(server: &Server, is_reached: impl Fn((u64, u64)) -> bool) -> (u64, u64) {
    let begun = Instant::now();
    loop {
        let found = covered(server);
        if is_reached(found) {
            return found;
        }
        assert!(begun.elapsed() < 2 * PATIENCE, "still {found:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn new_events_are_signed_after_a_while_and_without_any_nothing_is() {
    let server = Server::start_with(SOON);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let (checkpoints, events) = eventually(&server, |(_, events)| events >= 1).await;
    assert!(checkpoints >= 1);
    // Longer than the time that is set.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(covered(&server).1, events);
    client.register("joe@example.com").await.expect(201);
    eventually(&server, |(_, now)| now > events).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_goes_on_after_a_stop_and_after_a_crash() {
    let mut server = Server::start_with(EVERY_THREE);
    let mut expected = 0;
    for round in 0..3 {
        let client = Client::of(&server);
        for person in 0..3 {
            client.register(&format!("person{round}{person}@example.com")).await.expect(201);
            expected += 1;
        }
        let (checkpoints, events) = eventually(&server, |(_, events)| events + 2 >= expected).await;
        assert_eq!(checkpoints, events / 3, "each covers three");
        if round == 0 {
            server.kill();
        } else {
            assert!(server.stop().success());
        }
        server.restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_stopped_leaves_no_event_without_a_checkpoint() {
    let mut server = Server::start_with(EVERY_THREE);
    for round in 1..=2 {
        let client = Client::of(&server);
        for person in 0..2 {
            client.register(&format!("person{round}{person}@example.com")).await.expect(201);
        }
        assert!(server.stop().success());
        let report = printed(&server, &["audit", "verify"]);
        let events = 2 * round;
        assert!(report.starts_with(&format!("intact: {events} events on {events} streams\n")), "{report}");
        assert_eq!(covered(&server).1, events, "{report}");
        server.restart();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_outside_the_database_tells_when_the_end_is_gone_with_its_checkpoints() {
    let settings = [EVERY_THREE, &[("CHECKPOINT_FILE", "checkpoints.jsonl")]].concat();
    let mut server = Server::start_with(&settings);
    let client = Client::of(&server);
    let path = server.folder().join("checkpoints.jsonl");
    for person in 0..7 {
        client.register(&format!("person{person}@example.com")).await.expect(201);
    }
    let (checkpoints, _) = eventually(&server, |(checkpoints, _)| checkpoints >= 2).await;
    let begun = Instant::now();
    while fs::read_to_string(&path).unwrap_or_default().lines().count() < 2 {
        assert!(begun.elapsed() < PATIENCE, "no copies of {checkpoints} checkpoints");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(server.stop().success());
    // A line cut in half by a crash is written again.
    let whole = fs::read_to_string(&path).expect("copies");
    fs::write(&path, &whole[..whole.len() - 10]).expect("written");
    server.restart();
    let begun = Instant::now();
    while fs::read_to_string(&path).expect("copies").len() < whole.len() {
        assert!(begun.elapsed() < PATIENCE, "the line is not written again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(fs::read_to_string(&path).expect("copies").starts_with(&whole));
    printed(&server, &["audit", "verify"]);

    // As after a restore of an old back-up, or of one that was made for it: the copies know more.
    let other = Server::start_with(EVERY_THREE);
    let named = path.display().to_string();
    let (code, _, complaint) = run(&other, &["audit", "verify", "--checkpoints", &named]);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("checkpoint 1") && complaint.contains("a copy of it"), "{complaint}");
    let changed = fs::read_to_string(&path).expect("copies").replacen("\"count\":3", "\"count\":4", 1);
    fs::write(&path, changed).expect("written");
    let (code, _, complaint) = run(&server, &["audit", "verify"]);
    assert_eq!(code, Some(1), "{complaint}");
    assert!(complaint.contains("checkpoint 1"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_service_keys_signatures_are_checked_with_those_that_are_given() {
    let server = Server::start_with(EVERY_THREE);
    let client = Client::of(&server);
    for person in 0..4 {
        client.register(&format!("person{person}@example.com")).await.expect(201);
    }
    eventually(&server, |(checkpoints, _)| checkpoints >= 1).await;
    let keys = printed(&server, &["audit", "keys"]);
    assert!(keys.starts_with("k4.public."), "{keys}");
    fs::write(server.folder().join("keys.txt"), &keys).expect("written");
    let stranger = printed(&Server::start_with(EVERY_THREE), &["audit", "keys"]);
    fs::write(server.folder().join("stranger.txt"), &stranger).expect("written");

    let elsewhere = [("DATA_DIR", "elsewhere"), ("MASTER_KEY", "")];
    let verify = |arguments: &[&str]| {
        let mut command = server.command(&[&["audit", "verify"], arguments].concat());
        // Where the database is must still be said.
        if !crate::stack::is_asked_for() {
            let database = format!("sqlite:{}", server.data().join("portcullis.db").display());
            command.env("DATABASE_URL", database);
        }
        super::outcome(&command.envs(elsewhere).output().expect("it runs"))
    };
    let (code, report, _) = verify(&[]);
    assert_eq!(code, Some(0));
    assert!(report.contains("not checked (there is no master key; see --keys)"), "{report}");
    let (code, report, _) = verify(&["--keys", "keys.txt"]);
    assert_eq!(code, Some(0));
    assert!(report.contains("signatures checked"), "{report}");
    let (code, _, complaint) = verify(&["--keys", "stranger.txt"]);
    assert_eq!(code, Some(1));
    assert!(complaint.contains("not among the keys to trust"), "{complaint}");
}
