//! More than the service can do at once: it does what it can, says so to the rest, and stays within its bounds.

use std::{
    collections::BTreeMap,
    fs,
    num::NonZeroUsize,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    client::{self, Answer, Client, PASSWORD},
    server::Server,
};

const REAL_LOG_N: (&str, &str) = ("SCRYPT_LOG_N", "15");
const REAL_P: (&str, &str) = ("SCRYPT_P", "3");
const PATIENT: (&str, &str) = ("REQUEST_TIMEOUT_SECONDS", "120");
const NO_VERIFICATION: (&str, &str) = ("ENABLE_EMAIL_VERIFICATION", "false");
/// A crowd signs in to one account, and one who was in before it stays.
const MANY_SESSIONS: (&str, &str) = ("MAX_SESSIONS_PER_USER", "200");
/// What one hash takes with the real parameters, in KiB.
const HASH_KIB: u64 = 32 * 1024;
/// What 200 connections and everything but the hashes may take, in KiB.
const ELSE_KIB: u64 = 64 * 1024;
/// The default of `HASH_QUEUE`.
const QUEUE: usize = 64;
/// Well beyond what is done at once and what waits, on any machine this is likely to run on.
const CROWD: usize = 200;
/// How many sign in at once for each core where few are to be served in time.
const EACH_CORE: usize = 150;

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The most memory the service has ever had in use, in KiB.
fn peak_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says so");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Sign-ins begun together, each on a connection of its own: a third with the right password, a third with a wrong one, a third
/// of nobody.
fn sign_ins(server: &Server, count: usize) -> Vec<JoinHandle<Answer>> {
    let begin = |number: usize| {
        let client = Client::of(server);
        let (email, password) = match number % 3 {
            0 => ("jane@example.com", PASSWORD),
            1 => ("jane@example.com", "Tr4vel-heavy"),
            _ => ("nobody@example.com", PASSWORD),
        };
        tokio::spawn(async move { client.login(email, password).await })
    };
    (0..count).map(begin).collect()
}

async fn answers(tasks: Vec<JoinHandle<Answer>>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

fn by_status(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        *counts.entry(answer.status).or_default() += 1;
    }
    counts
}

fn liveness(server: &Server) -> String {
    format!("{}/health/liveness", server.url())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_of_sign_ins_takes_no_more_memory_than_a_hash_a_core_and_holds_up_nobody_else() {
    let server = Server::start_with(&[REAL_LOG_N, REAL_P, PATIENT, NO_VERIFICATION, MANY_SESSIONS]);
    let baseline = peak_memory(&server);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let tokens = client.login("jane@example.com", PASSWORD).await.tokens();

    let crowd = sign_ins(&server, CROWD);
    let (mut slowest, mut asked) = (Duration::ZERO, 0);
    while !crowd.iter().all(JoinHandle::is_finished) {
        let started = Instant::now();
        let alive = client::http().get(liveness(&server)).send().await.expect("an answer");
        assert_eq!(alive.status(), 200);
        client.get("/users/me", &tokens.access).await.expect(200);
        slowest = slowest.max(started.elapsed());
        asked += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(asked >= 10 && slowest < Duration::from_secs(1), "{slowest:?} of {asked}");

    let answers = answers(crowd).await;
    let counts = by_status(&answers);
    assert!(counts.keys().all(|status| [200, 401, 503].contains(status)), "{counts:?}");
    // As many as wait and are done at one moment get their turn, and of those beyond that some are turned away.
    let turned_away = counts.get(&503).copied().unwrap_or_default();
    assert!((1..=CROWD - QUEUE).contains(&turned_away), "{counts:?}");
    for (number, answer) in answers.iter().enumerate() {
        match (answer.status, number % 3) {
            (503, _) => {
                answer.expect_error(503, "COMMON_9008");
                let wait: u64 =
                    answer.headers["retry-after"].to_str().expect("text").parse().expect("seconds");
                assert!((1..=120).contains(&wait), "{wait}");
            }
            (_, 0) => drop(answer.tokens()),
            _ => drop(answer.expect_error(401, "USER_1001")),
        }
    }

    let allowed = baseline + u64::try_from(cores()).expect("few") * HASH_KIB + ELSE_KIB;
    let peak = peak_memory(&server);
    assert!(peak >= HASH_KIB, "no hash of the real size was made: {peak} KiB");
    assert!(peak <= allowed, "{peak} KiB, where {allowed} are allowed over {baseline} at rest; {counts:?}");
    client.login("jane@example.com", PASSWORD).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_gives_their_place_to_another() {
    let server = Server::start_with(&[REAL_LOG_N, REAL_P, PATIENT, NO_VERIFICATION]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let started = Instant::now();
    client.login("jane@example.com", PASSWORD).await.expect(200);
    let one = started.elapsed();

    let mut crowd = sign_ins(&server, CROWD);
    // Once somebody is turned away, the queue is full.
    while !crowd.iter().any(JoinHandle::is_finished) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    crowd.retain(|task| !task.is_finished());
    let hung_up = crowd.len();
    for task in crowd {
        task.abort();
    }
    let started = Instant::now();
    // The service learns of it in a moment, not in the time that their hashes would have taken.
    loop {
        let answer = client.login("jane@example.com", PASSWORD).await;
        if answer.status == 200 {
            break;
        }
        answer.expect_error(503, "COMMON_9008");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let waited = started.elapsed();
    let queue = one * u32::try_from(QUEUE / cores()).expect("few");
    assert!(hung_up > QUEUE / 2, "only {hung_up} were left to hang up");
    assert!(waited < queue / 2, "{waited:?}, where the whole queue would take about {queue:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_past_its_time_is_told_so_and_the_next_one_is_served() {
    let server = Server::start_with(&[
        ("SCRYPT_LOG_N", "14"),
        REAL_P,
        NO_VERIFICATION,
        ("HASH_QUEUE", "10000"),
        ("REQUEST_TIMEOUT_SECONDS", "1"),
    ]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let started = Instant::now();
    client.login("jane@example.com", PASSWORD).await.expect(200);
    let each = started.elapsed();
    let started = Instant::now();
    let answers = answers(sign_ins(&server, cores() * EACH_CORE)).await;
    let all = started.elapsed();
    let counts = by_status(&answers);
    assert!(counts.keys().all(|status| [200, 401, 504].contains(status)), "{counts:?}");
    assert!(counts.contains_key(&504), "{counts:?}");
    for answer in answers.iter().filter(|answer| answer.status == 504) {
        answer.expect_error(504, "COMMON_9007");
    }
    let whole = each * u32::try_from(EACH_CORE).expect("few");
    assert!(
        all < whole / 2,
        "the limit of a second came after {all:?}, where all of them would take {whole:?}"
    );
    // What nobody waits for any more is not done: the next one does not wait for it either.
    let me = client.login("jane@example.com", PASSWORD).await.tokens();
    client.get("/auth/me", &me.access).await.expect(200);
    let errors = server.log().lines().filter(|line| line.contains("panicked")).count();
    assert_eq!(errors, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_answers_all_that_were_asked_before_it() {
    let mut server = Server::start_with(&[REAL_LOG_N, REAL_P, PATIENT]);
    let client = Client::of(&server);
    client.register("jane@example.com").await.expect(201);
    let mut tasks = Vec::new();
    for number in 0..16 {
        let client = Client::of(&server);
        client.get("/auth/health", "").await.expect(200);
        let email = format!("jane{number}@example.com");
        tasks.push(tokio::spawn(async move { client.register(&email).await }));
    }
    // Long enough to be asked, and much too short for 16 hashes.
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(tasks.iter().any(|task| !task.is_finished()), "they were too quick to be stopped among");
    assert!(server.stop().success());
    for answer in answers(tasks).await {
        answer.expect(201);
    }
    // And it is not only said: it is done, mails included.
    for number in 0..16 {
        server.mailed_code(&format!("jane{number}@example.com"));
    }
}

/// What one client was told until nobody answered any more.
async fn register_until_it_stops(client: Client, name: String) -> Vec<String> {
    let mut registered = Vec::new();
    loop {
        let email = format!("{name}.{}@example.com", registered.len());
        let body = json!({"email": email, "password": PASSWORD, "name": "Jane Doe"});
        let request = client.request(reqwest::Method::POST, "/auth/register").json(&body);
        let Ok(response) = request.send().await else { return registered };
        // An answer that has begun comes to its end.
        assert_eq!(response.status(), 201);
        let body = response.json::<Value>().await.expect("the whole answer");
        assert_eq!(body["email"], *email);
        registered.push(email);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_cuts_no_answer_short_and_loses_nothing() {
    let mut server = Server::start_with(&[NO_VERIFICATION]);
    let mut registered = Vec::new();
    for round in 0..5 {
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let name = format!("jane.{round}.{number}");
                tokio::spawn(register_until_it_stops(Client::of(&server), name))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(150 + 50 * round)).await;
        assert!(server.stop().success());
        for task in tasks {
            registered.extend(task.await.expect("every answer was whole"));
        }
        let output = server.command(&["audit", "verify"]).output().expect("it runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.restart();
    }
    assert!(!registered.is_empty());
    let client = Client::of(&server);
    for email in &registered {
        client.login(email, PASSWORD).await.expect(200);
    }
    assert!(!server.log().contains("cut off"), "{}", server.log());
}
